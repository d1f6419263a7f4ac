"""On a real Ollama: load, warm, in use, unload as `/api/ps` shows them; and the next wave's model loaded ahead."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.messages import HumanMessage
from real_graph import run

from orchestrator_graph import ModelSpec, Orchestrator, Policy, Prior
from orchestrator_graph.drive import ASYNC, SYNC, drive
from orchestrator_graph.gateway.door import Gateway
from orchestrator_graph.nodes.ahead import report
from orchestrator_graph.testing import ScriptedChat
from orchestrator_graph.types import Request

if TYPE_CHECKING:
    from real_server import OllamaServer

SMOL = "ollama:smollm2"
MODES = pytest.mark.parametrize("mode", ["sync", "async"])
TASK = "Reverse lantern. Then explain in one word why the result is odd"


def held(server: OllamaServer) -> dict[str, Any]:
    """What `/api/ps` lists, by name."""
    return {item["name"]: item for item in server.get("/api/ps").json()["models"]}


def say(line: str) -> None:
    """Shows a figure where pytest runs with -s."""
    sys.stdout.write(f"\n{line}\n")


def emptied(server: OllamaServer) -> None:
    """Nothing is loaded, whatever the tests before left there."""
    for name in held(server):
        server.post("/api/generate", model=name, keep_alive=0, stream=False)
    limit = time.monotonic() + 20
    while held(server):
        assert time.monotonic() < limit
        time.sleep(0.05)


@pytest.fixture
def empty(at_ollama: OllamaServer) -> OllamaServer:
    emptied(at_ollama)
    return at_ollama


@pytest.fixture
def gateway(empty: OllamaServer) -> Iterator[Gateway]:
    gateway = Gateway([SMOL])
    drive(gateway.portfolio(SYNC))
    yield gateway
    gateway.close()


def state(gateway: Gateway, model: str = SMOL) -> str:
    return drive(gateway.models.states(SYNC, [model]))[0].state


def ask(gateway: Gateway, **options: Any) -> Any:
    lease = gateway.lease("task", cap_nusd=None, deadline_s=120)
    return drive(gateway.call(SYNC, SMOL, Request((HumanMessage("Say hi"),), **options), lease))


def test_load_warm_keep_and_unload_are_what_the_server_lists(gateway: Gateway, empty: OllamaServer) -> None:
    assert (state(gateway), held(empty)) == ("pulled", {})
    change = drive(gateway.models.load(SYNC, SMOL))
    assert (change.done, change.before, change.after) == (True, "pulled", "warm")
    assert held(empty)["smollm2:latest"]["context_length"] == 2048

    attempt = ask(gateway, max_tokens=4)
    assert attempt.ok or attempt.failure.kind == "length"
    first, _, _ = gateway.seconds_per_call(SMOL) or (9.9, 0, 0)
    say(f"load {change.seconds:.2f} s, first token once warm {first:.3f} s")
    assert first < change.seconds  # it was loaded ahead: the call did not load it again

    assert drive(gateway.models.keep(SYNC, SMOL)).done
    ask(gateway, max_tokens=2)
    assert held(empty)["smollm2:latest"]["expires_at"].startswith("23")  # for ever: in the year 23xx
    assert drive(gateway.models.unload(SYNC, SMOL)).done
    assert (state(gateway), held(empty)) == ("pulled", {})


def test_a_model_in_use_is_not_unloaded_and_answers_to_the_end(gateway: Gateway, empty: OllamaServer) -> None:
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(ask(gateway, max_tokens=60)))
    thread.start()
    while state(gateway) != "in use":
        assert thread.is_alive()
    change = drive(gateway.models.unload(SYNC, SMOL, force=True))
    thread.join()
    assert not change.done
    assert "under way" in change.why
    assert answers[0].text
    assert "smollm2:latest" in held(empty)


def test_somebody_elses_model_is_left_alone_and_an_embedder_can_be_loaded(
    gateway: Gateway, empty: OllamaServer
) -> None:
    empty.post("/api/generate", model="smollm2", stream=False, keep_alive="20m")
    assert "on purpose" in drive(gateway.models.unload(SYNC, SMOL)).why
    empty.post("/api/generate", model="smollm2", stream=False, keep_alive="5m")
    assert "another program used it" in drive(gateway.models.unload(SYNC, SMOL)).why
    assert "smollm2:latest" in held(empty)
    assert drive(gateway.models.load(SYNC, "ollama:all-minilm")).after == "warm"
    assert drive(gateway.models.unload(SYNC, "ollama:all-minilm")).done


def test_a_cold_call_does_not_make_the_model_slow_for_ever(gateway: Gateway) -> None:
    ask(gateway, max_tokens=4)
    ask(gateway, max_tokens=4)
    load, pace = gateway.models.desk.speeds.load_s(SMOL), gateway.seconds_per_call(SMOL)
    say(f"measured by calls: load {load} s, once warm {pace}")
    assert load is not None
    assert pace is not None
    assert load > 0.2
    assert pace[0] < load


@MODES
def test_the_next_waves_model_is_loaded_while_the_present_one_runs(empty: OllamaServer, mode: str) -> None:
    """The same chain twice from cold, with the load ahead and without: milliseconds to the end, and as counted."""
    chat = ScriptedChat(model="first", script="nretnal", delay_s=3.0)
    prior = Prior(0.99, 500, "test")
    weak = Prior(0.05, 500, "test")
    specs = [
        ModelSpec(chat, alias="test:first", local=True, priors={"text": prior, "*": weak}, first_token_s=3.0),
        ModelSpec(SMOL, priors={"text": weak, "*": prior}),
    ]
    took = {}
    for ahead in (False, True):
        emptied(empty)
        environ = {"OLLAMA_MAX_LOADED_MODELS": "1"} if not ahead else {}
        if not ahead:  # one slot, and it is taken: nothing may be loaded ahead
            empty.post("/api/generate", model="pocket-small", stream=False, keep_alive="20m")
        with Orchestrator(specs) as orchestrator:
            orchestrator.gateway.models.desk.preloads.environ = environ
            orchestrator.portfolio()
            began = time.monotonic()
            out = run(orchestrator, mode, TASK, Policy(tradeoff="best"))
            took[ahead], found = time.monotonic() - began, report(orchestrator.services)
        assert [result["candidate"] for result in out["results"].values()] == ["test:first", SMOL]
        if ahead:
            assert found["models"]["hits"] == 1
            assert found["models"]["saved_ms"] > 100
            latency = next(line["latency_s"] for line in out["bill"]["lines"] if line["model"] == SMOL)
            say(f"{mode}: loaded ahead: {found['models']}, second call {latency:.2f} s, run {took[True]:.2f} s")
        else:
            assert found["models"]["hits"] == 0
            assert "1 models are loaded" in found["not_loaded"][SMOL]
            latency = next(line["latency_s"] for line in out["bill"]["lines"] if line["model"] == SMOL)
            say(f"{mode}: without: second call {latency:.2f} s, run {took[False]:.2f} s")


@MODES
def test_async_and_sync_see_the_same(gateway: Gateway, mode: str) -> None:
    if mode == "sync":
        assert drive(gateway.models.load(SYNC, SMOL)).after == "warm"
    else:
        assert asyncio.run(gateway.models.load(ASYNC, SMOL)).after == "warm"
