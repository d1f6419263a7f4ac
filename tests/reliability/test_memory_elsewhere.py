"""A Chroma server on another machine is never shown a private task, and no proxy is told a vector."""

import time
from pathlib import Path

import pytest

from orchestrator_graph.drive import SYNC, drive
from orchestrator_graph.memory import Lookup, Memory, RunRecord, TaskRecord
from orchestrator_graph.memory.server import _elsewhere, _sessions
from orchestrator_graph.types import new_id
from tests.servers import Chroma

SECRET = "Reverse my diagnosis"


def keep(memory: Memory, text: str, *, private: bool = False) -> str:
    task = TaskRecord(new_id(), "r", "1", "t", "u", text, "text", private, time.time())
    drive(memory.remember(SYNC, RunRecord((task,))))
    return task.id


def look(memory: Memory, *, private: bool) -> Lookup:
    return drive(memory.lookup(SYNC, [SECRET], tenant="t", private=private, min_similarity=-1))[0]


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", True), ("127.1", False)])
def test_private_tasks_stay_here(tmp_path: Path, chroma: Chroma, host: str, shown: bool) -> None:
    """`127.1` is this machine, but nothing that says so for sure: it counts as another one."""
    url = f"chroma://{host}:{chroma.port}"
    memory = Memory(tmp_path, index=url)
    open_one, secret = keep(memory, "Reverse lantern"), keep(memory, SECRET, private=True)
    for _ in range(2):
        found = look(memory, private=True)
        assert {near.task_id for near in found.neighbours} == {open_one, secret}
        seen = {near.task_id for near in look(memory, private=False).neighbours}
        assert seen == ({open_one, secret} if shown else {open_one})
        memory.flush(30)
    assert look(memory, private=False).state == "ok"
    assert (found.state == "ok") == shown
    assert shown or "on another machine" in found.state
    parts = memory._open()
    (space,) = parts.spaces.values()
    assert parts.index.holding(*space.key)[1] == {open_one} | ({secret} if shown else set())
    assert {check.state for check in memory.verify()} == {"ok"}
    assert [session.trust_env for session in _sessions(parts.index._client)] == [False, False]
    memory.close()


def test_private_tasks_alone(tmp_path: Path, chroma: Chroma) -> None:
    memory = Memory(tmp_path, index=f"chroma://127.1:{chroma.port}")
    secret = keep(memory, SECRET, private=True)
    memory.flush(30)
    assert [near.task_id for near in look(memory, private=True).neighbours] == [secret]
    assert {check.state for check in memory.verify()} == {"ok"}
    memory.close()


def test_what_a_server_elsewhere_was_shown_before_is_taken_back(tmp_path: Path, chroma: Chroma) -> None:
    for host, held in (("127.0.0.1", 2), ("127.1", 1)):
        memory = Memory(tmp_path, index=f"chroma://{host}:{chroma.port}")
        if host == "127.0.0.1":
            keep(memory, "Reverse lantern")
            keep(memory, SECRET, private=True)
        look(memory, private=False)
        memory.flush(30)
        parts = memory._open()
        (space,) = parts.spaces.values()
        deadline = time.monotonic() + 10
        while not space.attached and time.monotonic() < deadline:
            time.sleep(0.02)
        assert len(parts.index.holding(*space.key)[1]) == held
        memory.close()


@pytest.mark.parametrize(
    ("host", "far"), [("localhost", False), ("127.0.0.9", False), ("::1", False), ("10.0.0.5", True), ("box", True)]
)
def test_only_a_loopback_address_is_this_machine(host: str, far: bool) -> None:
    assert _elsewhere(host) == far
