"""Models and prices exchanged while runs are under way; and the energy that a call takes, counted or estimated."""

import asyncio
import threading
from dataclasses import replace

import pytest
from langchain_core.messages import HumanMessage

from orchestrator_graph import ModelSpec, Price
from orchestrator_graph.drive import ASYNC, SYNC, drive
from orchestrator_graph.errors import RegistryError
from orchestrator_graph.gateway.build import Built
from orchestrator_graph.gateway.clients import Clients
from orchestrator_graph.gateway.door import Gateway
from orchestrator_graph.gateway.energy import Powercap
from orchestrator_graph.testing import ScriptedChat
from orchestrator_graph.types import Attempt, Request, to_json
from tests.ollama_double import OllamaDouble


def scripted(name, script="ok", **fields):
    return ModelSpec(ScriptedChat(model=name, script=script), alias=f"test:{name}", price=Price(1.0, 1.0), **fields)


def call(gateway, model, run_id="task"):
    lease = gateway.lease(run_id, cap_nusd=None, deadline_s=30)
    return drive(gateway.call(SYNC, model, Request((HumanMessage("What is six times seven?"),)), lease))


@pytest.fixture(params=["sync", "async"])
def swap(request):
    def change(gateway, models):
        if request.param == "sync":
            return drive(gateway.replace(SYNC, models))
        return asyncio.run(gateway.replace(ASYNC, models))

    return change


def test_a_price_counts_from_the_next_call_on_and_changes_the_fingerprint(swap):
    cheap = scripted("a")
    gateway = Gateway([cheap])
    before, cost = drive(gateway.portfolio(SYNC)), call(gateway, "test:a").cost_nusd
    swap(gateway, [replace(cheap, price=Price(3.0, 3.0))])
    assert call(gateway, "test:a").cost_nusd == 3 * cost > 0
    assert drive(gateway.portfolio(SYNC)).fingerprint() != before.fingerprint()
    assert gateway.seconds_per_call("test:a")[2] == 2  # the same endpoint: what was measured stays
    gateway.close()


def test_a_run_under_way_keeps_its_models_to_its_end(swap):
    gateway = Gateway([scripted("a"), scripted("b")])
    gateway.pin("run", drive(gateway.portfolio(SYNC)))
    swap(gateway, [scripted("c")])
    assert list(drive(gateway.portfolio(SYNC))) == ["test:c"]
    assert list(drive(gateway.portfolio(SYNC, "run"))) == ["test:a", "test:b"]
    assert call(gateway, "test:a", "run").ok
    with pytest.raises(RegistryError, match=r"no model 'test:a' in the portfolio\. Known: test:c"):
        call(gateway, "test:a", "another run")
    gateway.release("run")
    assert list(drive(gateway.portfolio(SYNC, "run"))) == ["test:c"]
    gateway.close()


def test_what_cannot_be_found_leaves_everything_as_it_was(swap):
    gateway = Gateway([scripted("a")], environ={})
    with pytest.raises(RegistryError, match="provider:name"):
        swap(gateway, ["nonsense"])
    with pytest.raises(RegistryError, match="listed twice"):
        swap(gateway, [scripted("a"), scripted("a")])
    assert call(gateway, "test:a").ok
    gateway.close()


def test_another_endpoint_under_the_same_name_begins_anew():
    gateway = Gateway([scripted("a")])
    call(gateway, "test:a")
    drive(gateway.replace(SYNC, [scripted("a", "other")]))
    assert gateway.seconds_per_call("test:a") is None
    assert call(gateway, "test:a").text == "other"
    gateway.close()


def test_clients_of_models_that_are_gone_are_closed_when_their_last_call_ends():
    closed = []

    def build_chat(spec, environ):
        return Built(spec.id, lambda: closed.append(spec.id))

    clients, kept, idle, busy = Clients({}), *(ModelSpec(f"openai:{name}") for name in ("kept", "idle", "busy"))
    held = [clients.borrow(spec, None, build_chat) for spec in (kept, idle, busy)]
    clients.give_back(held[0])
    clients.give_back(held[1])
    clients.retire([kept])
    assert closed == ["openai:idle"]
    clients.give_back(held[2])
    assert closed == ["openai:idle", "openai:busy"]
    clients.close()
    assert sorted(closed) == ["openai:busy", "openai:idle", "openai:kept"]


def test_a_call_under_way_ends_on_its_client_while_the_model_is_taken_out():
    double = OllamaDouble()
    double.set(chat_s=0.5)
    gateway = Gateway(["ollama:alpha"], environ={"OLLAMA_HOST": double.url})
    drive(gateway.portfolio(SYNC))
    answers = []
    thread = threading.Thread(target=lambda: answers.append(call(gateway, "ollama:alpha")))
    thread.start()
    while not double.asked("/api/chat"):
        continue
    drive(gateway.replace(SYNC, ["ollama:beta"]))
    thread.join()
    assert answers[0].text == "forty two"
    assert call(gateway, "ollama:beta", "next").ok
    gateway.close()
    double.stop()


@pytest.fixture
def powercap(tmp_path):
    for zone, value in {"intel-rapl:0": 900, "intel-rapl:1": 100, "intel-rapl:0:0": 5}.items():
        folder = tmp_path / zone
        folder.mkdir()
        (folder / "energy_uj").write_text(f"{value}\n")
        (folder / "max_energy_range_uj").write_text("1000\n")
    return tmp_path


def test_energy_is_the_sum_of_all_packages_and_a_counter_may_begin_anew(powercap, tmp_path):
    meter = Powercap(powercap)
    before = meter.read()
    assert before == {"intel-rapl:0": 900, "intel-rapl:1": 100}
    (powercap / "intel-rapl:0" / "energy_uj").write_text("50")
    (powercap / "intel-rapl:1" / "energy_uj").write_text("150")
    assert meter.joules(before, meter.read()) == pytest.approx((150 + 50) / 1e6)
    assert Powercap(tmp_path / "none").read() == {}
    assert meter.joules({}, {}) is None
    (powercap / "intel-rapl:0" / "energy_uj").write_text("secret")
    assert meter.read() == {}


def test_a_local_call_that_had_the_machine_to_itself_is_measured_and_all_else_estimated(powercap):
    def work(_):
        for zone in ("intel-rapl:0", "intel-rapl:1"):
            path = powercap / zone / "energy_uj"
            path.write_text(str(int(path.read_text()) + 2_500_000))
        return "ok"

    nested = []

    def crowded(_):
        nested.append(call(gateway, "test:here", "nested"))
        return work(_)

    specs = [
        scripted("here", work, local=True, watts=10.0),
        scripted("cloud", work, watts=10.0),
        scripted("crowded", crowded, local=True, watts=10.0),
    ]
    gateway = Gateway(specs, powercap=powercap)
    here, cloud, crowd = (call(gateway, spec.id) for spec in specs)
    assert (here.energy_j, here.energy_measured) == (pytest.approx(5.0), True)
    assert Attempt.from_json({k: v for k, v in to_json(here).items() if k != "logprobs"}).energy_measured
    for attempt in (cloud, crowd, *nested):
        assert not attempt.energy_measured
        assert attempt.energy_j == pytest.approx(10.0 * attempt.latency_s, rel=0.2)
    gateway.close()
    unknown = Gateway([scripted("here", local=True)], powercap=powercap / "none")
    assert call(unknown, "test:here").energy_j is None
    unknown.close()
