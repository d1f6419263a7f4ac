"""Streams against a real server: whoever leaves ends the call and its bill; a broken stream is never spliced."""

import asyncio
import time
from dataclasses import replace

import pytest
from sqlalchemy import select

from orchestrator_graph import ModelSpec, Orchestrator, Price, Prior
from orchestrator_graph.memory.schema import calls as call_table
from orchestrator_graph.surfaces.chat_model import ChatOrchestrator
from orchestrator_graph.surfaces.failed import AnswerError
from tests.reliability.conftest import FaultServer
from tests.surfaces.scripted import scripted, summed

TASK = "Count for me, please"


@pytest.fixture(scope="module")
def streamer():
    server = FaultServer(script="token_server.py")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def faults():
    server = FaultServer()
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("LOOPBACK_KEY", "sk-not-a-secret-1")


def at(server, name, quality=0.9):
    told = {"base_url": f"{server.url}/v1", "api_key_env": "LOOPBACK_KEY", "price": Price(1.0, 2.0)}
    return ModelSpec(f"openai:{name}", priors={"*": Prior(quality, 20, "test")}, **told)


def rows(orc):
    """The remembered calls."""
    with orc.memory._open().ledger.read("tests") as connection:
        return [dict(row) for row in connection.execute(select(call_table)).mappings()]


def left(server, name):
    """The last request of the model, when the server is done with it."""
    until = time.monotonic() + 5
    while not (server.seen().get(name) or [{"over": False}])[-1]["over"] and time.monotonic() < until:
        time.sleep(0.02)
    return server.seen()[name][-1]


async def some(stream, number):
    taken = [await anext(stream) for _ in range(number)]
    await stream.aclose()
    return taken


async def broken_off(chat):
    """A task that streams, cancelled in the middle as `wait_for` and a web server do it."""
    seen = []

    async def listen():
        async for chunk in chat.astream(TASK):
            seen.append(chunk)  # noqa: PERF401 - counted while they come

    task = asyncio.create_task(listen())
    while len(seen) < 10:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return seen


@pytest.mark.parametrize("private", [False, True])
@pytest.mark.parametrize("how", ["closed", "cancelled", "sync"])
def test_who_stops_listening_ends_the_call_and_pays_for_what_was_sent(streamer, how, private):
    spec = replace(at(streamer, "falls"), local=True)
    with Orchestrator([spec], policy={"private": private}) as orc:
        chat = ChatOrchestrator(orc)
        if how == "sync":
            stream = chat.stream(TASK)
            taken = [next(stream) for _ in range(10)]
            stream.close()
        elif how == "closed":
            taken = asyncio.run(some(chat.astream(TASK), 10))
        else:
            taken = asyncio.run(broken_off(chat))
        seen = left(streamer, "falls")
        assert summed(taken).text.startswith(" w1 w2 w3")
        assert seen["left"] and 10 <= seen["sent"] < 300
        until = time.monotonic() + 5
        while not (rows(orc) and not orc.gateway._leases) and time.monotonic() < until:
            time.sleep(0.02)
        (row,) = rows(orc)
        assert row["failure"] == "cancelled"
        heard = len(summed(taken).text.encode()) // 4  # the server told no counts: four bytes are a token
        assert row["output_tokens"] >= heard > 5
        assert row["cost_nusd"] >= 2000 * heard
        assert orc.gateway._leases == {} and orc.gateway._roster._pins == {}


def test_a_cancelled_answer_is_paid_for_too():
    async def app(chat):
        await asyncio.wait_for(chat.ainvoke(TASK), 0.4)

    with Orchestrator([scripted(delay_s=30.0)]) as orc:
        with pytest.raises(TimeoutError):
            asyncio.run(app(ChatOrchestrator(orc)))
        (row,) = rows(orc)
        assert (row["failure"], row["output_tokens"]) == ("cancelled", 0)
        assert row["input_tokens"] > 0 and row["cost_nusd"] > 0
        assert orc.gateway._leases == {} and orc.gateway._roster._pins == {}


def streamed(chat, way):
    """What came, and what was raised after it."""
    got = []

    async def listen():
        async for chunk in chat.astream(TASK):
            got.append(chunk)  # noqa: PERF401 - what came before an error counts

    try:
        asyncio.run(listen()) if way == "astream" else got.extend(chat.stream(TASK))
    except AnswerError as error:
        return got, error
    return got, None


@pytest.mark.parametrize("way", ["stream", "astream"])
@pytest.mark.parametrize("fault", ["500", "empty"])
def test_a_stream_that_breaks_before_its_first_word_fails_over(faults, fault, way):
    orc = Orchestrator([at(faults, fault), at(faults, "ok", 0.5)])
    got, error = streamed(ChatOrchestrator(orc), way)
    assert error is None
    whole = summed(got)
    assert whole.text.strip() == "forty two"
    assert whole.response_metadata["model_name"] == "ok"
    assert whole.usage_metadata["total_tokens"] == 23
    bill = whole.response_metadata["orchestrator"]["bill"]
    assert (bill["failed_calls"], whole.response_metadata["orchestrator"]["candidate"]) == (1, "openai:ok")


@pytest.mark.parametrize("way", ["stream", "astream"])
def test_a_stream_that_breaks_after_its_first_word_raises_and_nothing_is_spliced(faults, way):
    before = faults.seen()["requests"].get("ok", 0)
    got, error = streamed(ChatOrchestrator([at(faults, "truncated"), at(faults, "ok", 0.5)]), way)
    assert isinstance(error, AnswerError)
    assert error.failure.kind == "truncated_stream"
    assert summed(got).text.strip() == "forty two"  # of the one that broke: it was shown
    assert faults.seen()["requests"].get("ok", 0) == before
