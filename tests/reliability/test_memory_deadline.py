"""A memory that is slow or away costs no run its deadline: it decides without memory, says so, and nobody queues."""

import asyncio
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from langchain_core.embeddings import Embeddings

from orchestrator_graph import Policy, Price
from orchestrator_graph.drive import ASYNC, SYNC, drive
from orchestrator_graph.errors import MemoryStoreError
from orchestrator_graph.gateway.budget import Budget, Lease
from orchestrator_graph.memory import Memory
from orchestrator_graph.nodes.io import Io
from orchestrator_graph.nodes.oracle import consult
from orchestrator_graph.routing.decider import Decider
from orchestrator_graph.types import Features, Subtask
from tests.graph.support import model, orchestrated

MODES = pytest.mark.parametrize("mode", ["sync", "async"])
ASKED: Any = {"messages": [("user", "Name the author of Faust")]}
SOON = Policy(deadline_s=2.0)


class Stuck(Embeddings):
    """Answers when it is let go."""

    model = "stuck"

    def __init__(self) -> None:
        self.free = threading.Event()

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.free.wait(30)
        return [[1.0, float(len(text))] for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


@pytest.fixture
def silent() -> Iterator[str]:
    """The URL of a database that takes connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield f"postgresql://u:hunter2@127.0.0.1:{listener.getsockname()[1]}/x?connect_timeout=2"


def answered(mode: str, memory: Memory, then: Callable[[], None]) -> tuple[dict[str, Any], float]:
    """What a run gave, and after how many seconds; then what it left behind is let go."""
    with orchestrated(model("only", "Goethe"), memory=memory, policy=SOON) as orc:

        async def later() -> tuple[dict[str, Any], float]:
            begun = time.monotonic()
            out = await orc.graph.ainvoke(ASKED)
            took = time.monotonic() - begun
            then()
            return dict(out), took

        if mode == "async":
            return asyncio.run(later())
        begun = time.monotonic()
        out, took = dict(orc.graph.invoke(ASKED)), time.monotonic() - begun
        then()
    return out, took


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    """The first run of a process imports a lot."""
    answered("sync", Memory(), lambda: None)


@MODES
def test_a_stuck_embedder(tmp_path: Path, mode: str) -> None:
    embedder = Stuck()
    memory = Memory(tmp_path, index="none", embedder=embedder, embedder_is_local=True)
    out, took = answered(mode, memory, embedder.free.set)
    assert took < 3
    assert out["messages"][-1].content == "Goethe"
    assert out["results"]["1"]["decision"]["memory_state"].startswith("off (no answer within ")
    again = Memory(tmp_path, index="none")
    assert [again.stats()[name] for name in ("tasks", "outcomes", "embeddings")] == [1, 1, 0]  # nothing but the vector
    again.close()


@MODES
def test_a_silent_database(silent: str, mode: str) -> None:
    out, took = answered(mode, Memory(silent), lambda: None)
    assert took < 3.5
    assert out["messages"][-1].content == "Goethe"
    assert out["results"]["1"]["decision"]["memory_state"].startswith("off (")
    assert any("not remembered: memory: " in note for note in out["bill"]["notes"])
    assert "hunter2" not in str(out)


def test_who_waits_for_an_opening_fails_with_it_and_the_next_at_once(silent: str) -> None:
    memory, took = Memory(silent), list[float]()
    begun = time.monotonic()

    def look() -> None:
        with pytest.raises(MemoryStoreError, match="opening postgresql"):
            drive(memory.lookup(SYNC, ["x"], tenant="t"))
        took.append(time.monotonic() - begun)

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(took) < min(took) + 0.5
    begun = time.monotonic()
    look()
    assert took[-1] < 0.2
    memory.close()
    with pytest.raises(MemoryStoreError, match="closed"):
        drive(memory.lookup(SYNC, ["x"], tenant="t"))


def test_what_could_not_be_opened_is_tried_again(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.write_text("a file")
    memory = Memory(place)
    with pytest.raises(MemoryStoreError, match="ledger"):
        memory.stats()
    place.unlink()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            assert memory.stats()["tasks"] == 0
            break
        except MemoryStoreError:
            time.sleep(0.2)
    else:
        pytest.fail("it stayed shut")
    memory.close()


async def test_a_decision_models_bill_in_a_shared_budget_stalls_no_loop(tmp_path: Path) -> None:
    memory = Memory(tmp_path, index="none")
    shared = await memory.shared_budget(ASYNC, "team", 10**9, "total")
    other = sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")  # as another process would
    threading.Timer(0.7, lambda: other.execute("COMMIT")).start()
    said = SimpleNamespace(answers={"A": SimpleNamespace(noul=0.75)}, usage={"input_tokens": 9, "output_tokens": 1})

    class Oracle:
        model = "oracle"

        def invoke(self, _request: Any, _config: Any) -> Any:
            return said

        async def ainvoke(self, _request: Any, _config: Any) -> Any:
            return said

    stalls = [0.0]

    async def tick() -> None:
        while True:
            begun = time.monotonic()
            await asyncio.sleep(0.01)
            stalls.append(time.monotonic() - begun)

    ticking = asyncio.ensure_future(tick())
    lease = Lease("t", Budget(10**9), Budget(None), shared=shared)
    task = Subtask("1", "Add 1 and 2", Features("Add 1 and 2", "maths"))
    begun = time.monotonic()
    io = Io(ASYNC, cast("Any", None))
    answers, call = await consult(io, Decider(Oracle(), price=Price(1, 1)), lease, task, ["test:a"])
    assert time.monotonic() - begun > 0.5  # it did wait for the ledger
    ticking.cancel()
    assert (answers, call.failure) == ({0: 0.75}, None)
    assert max(stalls) < 0.3
    other.close()
    memory.close()
