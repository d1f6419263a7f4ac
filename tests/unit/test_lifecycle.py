"""What Ollama holds in memory, seen and changed: states, load, keep, unload, room for the next, and latency with it."""

import asyncio
import json
import threading
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import HumanMessage
from typer.testing import CliRunner

from orchestrator_graph.cli.app import app
from orchestrator_graph.drive import ASYNC, SYNC, drive
from orchestrator_graph.errors import InputError, RegistryError
from orchestrator_graph.gateway.door import Gateway
from orchestrator_graph.gateway.preload import free_bytes, room
from orchestrator_graph.gateway.residence import POLL_S, Residence
from orchestrator_graph.gateway.speed import Speeds
from orchestrator_graph.registry.spec import ModelSpec
from orchestrator_graph.routing.expectation import expect
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.testing import ScriptedChat
from orchestrator_graph.types import Features, Request
from tests.ollama_double import CONTEXT, OllamaDouble

ALPHA, BETA = "ollama:alpha", "ollama:beta"


@pytest.fixture(scope="module")
def double():
    double = OllamaDouble()
    yield double
    double.stop()


@pytest.fixture
def ollama(double):
    double.set(running={}, load_s=0.0, chat_s=0.0, broken=False)
    return double


@pytest.fixture
def gateway(ollama):
    gateway = Gateway([ALPHA, BETA], environ={"OLLAMA_HOST": ollama.url})
    drive(gateway.portfolio(SYNC))
    yield gateway
    gateway.close()


@pytest.fixture(params=["sync", "async"])
def done(request):
    """Finishes what takes effects, sync or async."""
    return (lambda work: drive(work(SYNC))) if request.param == "sync" else lambda work: asyncio.run(work(ASYNC))


def call(gateway, model=ALPHA):
    lease = gateway.lease("task", cap_nusd=None, deadline_s=30)
    return drive(gateway.call(SYNC, model, Request((HumanMessage("What is six times seven?"),)), lease))


def states(gateway, *models):
    return [item.state for item in drive(gateway.models.states(SYNC, models))]


def test_a_model_is_absent_pulled_loaded_or_warm(gateway, ollama, done):
    assert done(lambda fx: gateway.models.states(fx, ["ollama:nix"]))[0].state == "absent"
    assert states(gateway) == ["pulled", "pulled"]
    ollama.set(running={"alpha:latest": (CONTEXT * 2, 60, 0), "beta:latest": (CONTEXT, 60, 1)})
    alpha, beta = done(gateway.models.states)
    assert (alpha.state, beta.state) == ("loaded", "warm")  # alpha has another context: our call would load it anew
    assert (beta.size_vram, beta.context) == (beta.size, CONTEXT)
    assert 50 < beta.expires_in_s <= 60


def test_load_asks_for_the_one_context_and_only_when_needed(gateway, ollama, done):
    before = len(ollama.asked("/api/generate"))
    change = done(lambda fx: gateway.models.load(fx, ALPHA))
    assert (change.done, change.before, change.after) == (True, "pulled", "warm")
    (body,) = ollama.asked("/api/generate")[before:]
    assert body["options"] == {"num_ctx": CONTEXT}
    assert "keep_alive" not in body
    assert done(lambda fx: gateway.models.load(fx, ALPHA)).done
    assert len(ollama.asked("/api/generate")) == before + 1
    assert done(lambda fx: gateway.models.load(fx, "ollama:embedder")).after == "warm"


def test_keep_holds_it_and_every_later_call_says_so(gateway, ollama, done):
    change = done(lambda fx: gateway.models.keep(fx, ALPHA, "-1"))
    assert change.done
    assert drive(gateway.models.states(SYNC, [ALPHA]))[0].expires_in_s > 1e8
    assert drive(gateway.portfolio(SYNC))[ALPHA].keep_alive == "-1"
    assert call(gateway).ok
    assert ollama.asked("/api/chat")[-1]["keep_alive"] == -1
    assert ollama.asked("/api/chat")[-1]["options"]["num_ctx"] == CONTEXT
    with pytest.raises(InputError, match=r"keep_alive = 'long' is no duration"):
        done(lambda fx: gateway.models.keep(fx, ALPHA, "long"))
    with pytest.raises(InputError, match="keep_alive"):
        drive(gateway.replace(SYNC, [ModelSpec(ALPHA, keep_alive="0")]))
    for wrong in ("soon", 300):
        with pytest.raises(InputError, match="keep_alive = "):
            drive(gateway.replace(SYNC, [ModelSpec(ScriptedChat(model="x"), keep_alive=wrong)]))


def test_a_preload_that_cannot_be_is_refused_and_does_not_stick(gateway):
    spec = replace(drive(gateway.portfolio(SYNC))[ALPHA], keep_alive="soon")
    gateway.models.preload([spec], "task")
    while ALPHA not in gateway.models.refused():
        time.sleep(0.02)
    assert "keep_alive = 'soon'" in gateway.models.refused()[ALPHA]
    gateway.models.preload([replace(spec, keep_alive=None)], "task")
    while gateway.models.refused():
        time.sleep(0.02)


def test_what_we_loaded_is_unloaded(gateway, ollama, done):
    done(lambda fx: gateway.models.keep(fx, ALPHA))
    change = done(lambda fx: gateway.models.unload(fx, ALPHA))
    assert (change.done, change.after) == (True, "pulled")
    assert ollama.running == []
    again = done(lambda fx: gateway.models.unload(fx, ALPHA))
    assert (again.done, again.why) == (True, "it was not loaded")


@pytest.mark.parametrize(
    ("left", "why"), [(290, "another program used it about"), (3000, "keeps it loaded on purpose"), (200, "")]
)
def test_what_others_use_is_left_alone_unless_forced(gateway, ollama, left, why):
    ollama.set(running={"alpha:latest": (CONTEXT, left, 0)})
    change = drive(gateway.models.unload(SYNC, ALPHA))
    assert change.done is not bool(why)
    assert why in change.why
    assert ollama.running == (["alpha:latest"] if why else [])
    assert drive(gateway.models.unload(SYNC, ALPHA, force=True)).done


def test_what_we_use_is_never_unloaded(gateway, ollama):
    ollama.set(chat_s=0.6)
    thread = threading.Thread(target=call, args=(gateway,))
    thread.start()
    while states(gateway, ALPHA) != ["in use"]:
        time.sleep(0.01)
    change = drive(gateway.models.unload(SYNC, ALPHA, force=True))
    assert (change.done, change.after) == (False, "in use")
    assert "1 of our calls" in change.why
    thread.join()
    assert states(gateway, ALPHA) == ["warm"]

    gateway.embeddings("ollama:embedder")
    ollama.set(running={"embedder:latest": (CONTEXT, 10, 0)})
    assert "embedder" in drive(gateway.models.unload(SYNC, "ollama:embedder", force=True)).why


def test_errors_name_the_way_out(gateway, ollama):
    for act in (gateway.models.load, gateway.models.unload):
        with pytest.raises(RegistryError, match=r"ollama:nix is not pulled\. Run: ollama pull nix"):
            drive(act(SYNC, "ollama:nix"))
        with pytest.raises(RegistryError, match="no model of an Ollama"):
            drive(act(SYNC, "openai:gpt-5"))
        with pytest.raises(RegistryError, match="ollama serve"):
            drive(act(SYNC, ModelSpec(ALPHA, base_url="http://127.0.0.1:9")))
    ollama.set(broken=True)
    change = drive(gateway.models.load(SYNC, ALPHA))
    assert (change.done, change.after) == (False, "pulled")
    assert "more system memory" in change.why


def test_warm_speed_and_load_time_are_two_figures(gateway, ollama):
    ollama.set(load_s=0.4)
    assert call(gateway).ok
    assert call(gateway).ok
    first, _, n = gateway.seconds_per_call(ALPHA)
    assert n == 2
    assert first < 0.1
    assert gateway.models.desk.speeds.load_s(ALPHA) == pytest.approx(0.4, abs=0.05)
    # It was just used, so nothing is added, though the last look at the server said that it was not there.
    assert ALPHA not in gateway.models.load_s(drive(gateway.portfolio(SYNC)))


def test_a_model_that_is_not_loaded_is_expected_to_be_loaded_first(gateway, ollama):
    portfolio = drive(gateway.portfolio(SYNC))
    waits = gateway.models.load_s(portfolio)
    while not waits:  # nobody waits for the first look
        time.sleep(0.01)
        waits = gateway.models.load_s(portfolio)
    assert waits[ALPHA] == pytest.approx(0.5 + 50e6 / 500e6)  # guessed from the file's size
    gateway.models.desk.speeds.loaded(ALPHA, 7.0)
    waits = gateway.models.load_s(portfolio)
    features = Features("Add 1 and 2")
    cold = expect(portfolio[ALPHA], features, Situation(load_s=waits)).latency_s
    assert cold - expect(portfolio[ALPHA], features, Situation()).latency_s == pytest.approx(7.0)


def test_the_server_is_looked_at_every_few_seconds_and_nobody_waits_for_it(ollama):
    now = [100.0]
    residence = Residence(lambda: now[0])
    before = len(ollama.asked("/api/ps"))
    assert residence.seen(ollama.url) is None
    while residence.seen(ollama.url) is None:
        time.sleep(0.01)
    for _ in range(50):
        assert residence.seen(ollama.url)
    assert len(ollama.asked("/api/ps")) == before + 1
    now[0] += POLL_S + 0.1
    residence.seen(ollama.url)
    limit = time.monotonic() + 5
    while len(ollama.asked("/api/ps")) < before + 2 and time.monotonic() < limit:
        time.sleep(0.01)
    assert len(ollama.asked("/api/ps")) == before + 2


@given(st.lists(st.tuples(st.floats(0.001, 5), st.floats(0.0, 0.15), st.booleans()), min_size=1, max_size=20))
def test_loads_never_show_in_the_warm_speed(calls):
    """However often the model is loaded anew, what is learnt of the warm one is the same."""
    cold, warm = Speeds(), Speeds()
    for seconds, ready, loads in calls:
        wait = 3.0 + ready if loads else 0.0
        common = {"tokens": 5, "first_token_s": seconds / 2 + wait}
        cold.learn("m", seconds=seconds + wait, ready_s=wait, **common)
        warm.learn("m", seconds=seconds, tokens=5, first_token_s=seconds / 2, ready_s=0.0)
    assert cold.of("m") == pytest.approx(warm.of("m"))
    assert (cold.load_s("m") is not None) == any(loads for _, _, loads in calls)


@pytest.mark.parametrize(
    ("running", "pending", "environ", "why"),
    [
        ({}, [], {}, ""),
        ({"beta:latest": (CONTEXT, 60, 0)}, ["gamma:latest"], {}, ""),
        ({"beta:latest": (CONTEXT, 60, 0)}, ["gamma:latest"], {"OLLAMA_MAX_LOADED_MODELS": "2"}, "2 models are loaded"),
        ({"beta:latest": (CONTEXT, 60, 0.5)}, [], {}, "graphics memory is full"),
        ({"alpha:latest": (CONTEXT * 2, 60, 0)}, [], {}, "another context"),
    ],
)
def test_only_what_needs_nobody_to_go_is_loaded_ahead(ollama, running, pending, environ, why):
    ollama.set(running=running)
    server = Residence().look(ollama.url)
    assert why in room(server, (ollama.url, "alpha:latest"), pending, environ)
    assert bool(room(server, (ollama.url, "alpha:latest"), pending, environ)) is bool(why)


def test_what_does_not_fit_into_memory_is_not_loaded_ahead(ollama, tmp_path):
    free = free_bytes()
    assert free is None or free > 0
    assert free_bytes(tmp_path / "none") is None
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable: 100 kB\n")
    assert free_bytes(tmp_path / "meminfo") == 102_400
    server = Residence().look(ollama.url)
    if free is not None:
        server._tags["alpha:latest"] = {"size": free}
        assert "are free" in room(server, (ollama.url, "alpha:latest"), [], {})


def test_what_was_loaded_ahead_counts_when_it_is_used_and_when_not(gateway, ollama):
    ollama.set(load_s=0.3)
    portfolio = drive(gateway.portfolio(SYNC))
    gateway.models.preload([portfolio[ALPHA], portfolio[BETA]], "task")
    while len(ollama.running) < 2:
        time.sleep(0.02)
    time.sleep(0.1)
    assert call(gateway).ok
    gateway.release("task")
    stats = gateway.models.stats()
    assert (stats["hits"], stats["misses"]) == (1, 1)
    assert 250 < stats["saved_ms"] < 600
    ollama.set(broken=True, running={})
    gateway.models.desk.residence.look(ollama.url)
    gateway.models.preload([portfolio[ALPHA]], "other")
    while ALPHA not in gateway.models.refused():
        time.sleep(0.02)
    assert "more system memory" in gateway.models.refused()[ALPHA]


def test_the_command_line_loads_keeps_says_and_unloads(ollama, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    def invoke(*arguments, code=0):
        done = CliRunner().invoke(app, ["models", *arguments], env={"COLUMNS": "110", "OLLAMA_HOST": ollama.url})
        assert done.exit_code == code, done.output
        return done.output

    assert "ollama:alpha pulled -> warm (load" in invoke("load", ALPHA)
    assert json.loads(invoke("keep", ALPHA, "--for", "30m", "--json"))["done"]
    assert ollama.asked("/api/generate")[-1]["keep_alive"] == "30m"
    assert "ollama:alpha  warm" in invoke("status", "--models", ALPHA, "--models", BETA)
    assert "another program used it" in invoke("unload", ALPHA, code=1)  # this command did not load it
    assert "warm -> pulled" in invoke("unload", ALPHA, "--force")
    rows = json.loads(invoke("status", "--models", ALPHA, "--json"))["models"]
    assert [row["state"] for row in rows] == ["pulled"]
    assert "Run: ollama pull nix" in invoke("load", "ollama:nix", code=4)
    assert "Write ollama:NAME" in invoke("load", "alpha", code=4)
    assert "is no duration" in invoke("keep", ALPHA, "--for", "long", code=2)
    listed = invoke("--models", ALPHA)
    assert ALPHA in listed
    assert listed == invoke("list", "--models", ALPHA)
