"""Callers that hang up, models that fail in the middle: nothing is left under way, what was sent is paid for."""

import asyncio
import json
import signal
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.surfaces.server.support import QUESTION, Child, Upstream, serve, wait_until

KEY = "sk-app"
CALLERS = 20
MODEL = """
[[models]]
model = "openai:{0}"
base_url = "URL/v1"
price = {{ input_usd = 1.0, output_usd = 10.0 }}
context = 8192
max_in_flight = 20
capabilities = ["chat"]
priors = {{ "*" = {1} }}
"""
PRIORS = {"slow": 0.9, "steady": 0.85, "breaks": 0.8, "limited": 0.7, "lost": 0.6, "word": 0.5}
CONFIG = f"""
memory = "./kept"
[budgets.team]
max_usd = 5.0
[server.keys.app]
key_env = "APP_KEY"
budget = "team"
{"".join(MODEL.format(*told) for told in PRIORS.items())}
[[models]]
model = "ollama:quick"
base_url = "URL"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Path:
    folder = tmp_path_factory.mktemp("left")
    (folder / "orchestrator.toml").write_text(CONFIG.replace("URL", upstream.url))
    return folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Child]:
    child = serve(folder, APP_KEY=KEY)
    yield child
    child.stop()


async def hang_up(url: str, model: str, *, begun: asyncio.Event | None = None) -> None:
    """Reads three words of a stream and is gone; or asks for no stream, and is gone once that has begun."""
    body = {"model": model, "messages": QUESTION, "stream": begun is None}
    told = {"json": body, "headers": {"authorization": f"Bearer {KEY}"}}
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        if begun is not None:
            asking = asyncio.ensure_future(client.post(f"{url}/v1/chat/completions", **told))
            await begun.wait()
            asking.cancel()
            await asyncio.wait({asking})
            assert asking.cancelled()
            return
        async with client.stream("POST", f"{url}/v1/chat/completions", **told) as answer:
            lines = answer.aiter_lines()
            said = [await anext(lines) for _ in range(8)]
            assert '"w2 "' in said[6]
            await answer.aclose()


def in_flight(server: Child) -> float:
    return server.metric("orchestrator_in_flight", KEY)


def held(folder: Path) -> tuple[int, int]:
    """Reservations that are open, and nano-dollars that were settled."""
    ledger = sqlite3.connect(folder / "kept" / "ledger.sqlite")
    try:
        opened = ledger.execute("select count(*) from reservations where not settled").fetchone()[0]
        return opened, ledger.execute("select coalesce(sum(nusd), 0) from reservations where settled").fetchone()[0]
    finally:
        ledger.close()


@pytest.mark.parametrize("stream", [True, False])
async def test_twenty_who_hang_up(server: Child, upstream: Upstream, folder: Path, stream: bool) -> None:
    before, paid, gone = upstream.seen("slow"), held(folder)[1], hung_up(server)
    begun = None if stream else asyncio.Event()
    callers = asyncio.gather(*(hang_up(server.url, "openai:slow", begun=begun) for _ in range(CALLERS)))
    if begun is not None:
        await asyncio.to_thread(wait_until, lambda: upstream.seen("slow")["begun"] - before["begun"] == CALLERS)
        begun.set()
    await callers
    await asyncio.to_thread(wait_until, lambda: in_flight(server) == 0)
    await asyncio.to_thread(wait_until, lambda: upstream.seen("slow")["now"] == 0)
    seen = upstream.seen("slow")
    assert seen["begun"] - before["begun"] == seen["cut"] - before["cut"] == CALLERS
    assert hung_up(server) - gone == CALLERS
    opened, now = held(folder)
    assert opened == 0 and now > paid
    print(f"{CALLERS} hung up (stream={stream}): 0 in flight, 0 held, {(now - paid) / 1e9:.6f} dollars kept")  # noqa: T201


def hung_up(server: Child) -> float:
    return server.metric("orchestrator_requests_total", KEY, status="499")


async def test_a_quick_model_of_ollama_is_read_to_its_end(server: Child, upstream: Upstream) -> None:
    await hang_up(server.url, "ollama:quick")
    await asyncio.to_thread(wait_until, lambda: in_flight(server) == 0)
    assert upstream.seen("quick") == {"begun": 1, "ended": 1, "cut": 0, "now": 0}


def test_an_error_in_the_middle_ends_the_stream_and_is_not_spliced(server: Child) -> None:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key=KEY, max_retries=0) as client:
        said: list[str] = []
        with pytest.raises(openai.APIError, match="no model gave an answer: openai:breaks: truncated_stream"):
            stream = client.chat.completions.create(
                model="orchestrator", messages=QUESTION, stream=True, extra_body={"policy": ONLY}
            )
            said.extend(chunk.choices[0].delta.content or "" for chunk in stream)
    assert "".join(said) == "w0 w1 w2 "
    raw = server.chat("openai:breaks", KEY, stream=True)[1]
    events = [json.loads(line[6:]) for line in raw.splitlines() if line.startswith("data: ")]
    assert "[DONE]" not in raw and events[-1]["error"]["code"] == "truncated_stream"
    server.reaches(2, "orchestrator_requests_total", KEY, model="openai:breaks", status="502")


ONLY = {"allow": ["openai:breaks", "openai:lost"]}


def test_the_author_of_a_stream_is_whoever_took_over(server: Child) -> None:
    policy = {"allow": ["openai:limited", "openai:word"], "tradeoff": "best"}
    failed = server.metric("orchestrator_failovers_total", KEY, model="openai:limited")
    status, raw, headers = server.chat(key=KEY, stream=True, policy=policy)
    events = [json.loads(line[6:]) for line in raw.splitlines() if line.startswith("data: {")]
    assert (status, headers["x-orchestrator-model"]) == (200, "openai:word")
    assert {event["model"] for event in events} == {"openai:word"}
    server.reaches(failed + 1, "orchestrator_failovers_total", KEY, model="openai:limited")


def test_failures_of_providers_have_a_status_each(server: Child) -> None:
    status, body, headers = server.chat("openai:limited", KEY)
    assert (status, body["error"]["code"], headers["retry-after"]) == (503, "rate_limited", "77")
    status, body, _ = server.chat("openai:lost", KEY)
    assert (status, body["error"]["code"]) == (503, "overloaded")
    status, body, _ = server.chat("openai:slow", KEY, policy={"deadline_s": 0.4})
    assert (status, body["error"]["code"]) == (504, "timeout")


def test_ctrl_c_ends_it_as_every_command(folder: Path) -> None:
    child = serve(folder, APP_KEY=KEY)
    assert child.chat("openai:word", KEY)[0] == 200
    assert child.stop(signal.SIGINT) == 130
    assert "Traceback" not in child.log.read_text()


def test_running_requests_end_before_the_server_does(folder: Path, upstream: Upstream) -> None:
    child = serve(folder, APP_KEY=KEY)
    answers: list[Any] = []
    asking = threading.Thread(target=lambda: answers.append(child.chat("openai:steady", KEY)))
    before = upstream.seen("steady")
    asking.start()
    wait_until(lambda: upstream.seen("steady")["begun"] > before["begun"])
    assert child.stop(signal.SIGTERM) == -signal.SIGTERM
    asking.join(5)
    status, body, _ = answers[0]
    assert (status, body["choices"][0]["message"]["content"]) == (200, "slowly")
    assert upstream.seen("steady")["ended"] == before["ended"] + 1
    ledger = sqlite3.connect(folder / "kept" / "ledger.sqlite")
    run = body["orchestrator"]["run_id"]
    assert ledger.execute("select count(*) from calls where run_id = ?", [run]).fetchone()[0] == 1
    ledger.close()
