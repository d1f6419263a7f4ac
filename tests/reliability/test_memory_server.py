"""A Chroma server as the index: shared, absent, dying, silent, with foreign rows. Nobody waits, nothing is lost."""

import gc
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator_graph.drive import SYNC, drive
from orchestrator_graph.errors import MemoryStoreError
from orchestrator_graph.memory import Lookup, Memory, RunRecord, TaskRecord
from orchestrator_graph.types import new_id
from tests.servers import Chroma, chroma_server, free_port

OTHER = """
import sys, time
from orchestrator_graph.drive import SYNC, drive
from orchestrator_graph.memory import Memory, RunRecord, TaskRecord
from orchestrator_graph.types import new_id
memory = Memory(sys.argv[1], index=sys.argv[2])
tasks = [TaskRecord(new_id(), "r", "1", "t", "u", f"Reverse river {i}", "text", False, time.time()) for i in range(12)]
for task in tasks:
    drive(memory.remember(SYNC, RunRecord((task,))))
memory.flush(60)
found = drive(memory.lookup(SYNC, ["Reverse river"], tenant="t", k=50))[0]
print(found.state, {task.id for task in tasks} <= {near.task_id for near in found.neighbours}, sep="|")
memory.close()
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Chroma]:
    """One of this test alone, to be ill-treated."""
    (tmp_path / "chroma").mkdir()
    with chroma_server(tmp_path / "chroma") as started:
        yield started


def keep(memory: Memory, *texts: str) -> None:
    tasks = [TaskRecord(new_id(), "r", "1", "t", "u", text, "text", False, time.time()) for text in texts]
    drive(memory.remember(SYNC, RunRecord(tuple(tasks))))


def look(memory: Memory) -> Lookup:
    return drive(memory.lookup(SYNC, ["Reverse lantern"], tenant="t", k=50, min_similarity=-1))[0]


def until(memory: Memory, test: Callable[[str], bool]) -> Lookup:
    deadline = time.monotonic() + 30
    while not test((found := look(memory)).state) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert test(found.state), found.state
    return found


def test_processes_share_it_and_each_finds_all(tmp_path: Path, chroma: Chroma) -> None:
    place = tmp_path / "memory"
    memory = Memory(place, index=chroma.url)
    keep(memory, "Reverse lantern")
    command = [sys.executable, "-c", OTHER, str(place), chroma.url]
    children = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [child.communicate()[0].strip() for child in children]
    assert said == ["ok|True"] * 2
    memory.flush(60)
    found = look(memory)
    assert (found.state, len(found.neighbours), memory.stats()["indexed"]) == ("ok", 25, 25)
    assert memory.stats()["index_kind"] == "server"
    memory.close()


def test_ledgers_on_one_server_never_meet(tmp_path: Path, chroma: Chroma) -> None:
    one, two = (Memory(tmp_path / name, index=chroma.url) for name in ("one", "two"))
    keep(one, "Reverse lantern")
    keep(two, "Reverse river", "Reverse stone")
    for _ in range(2):
        assert [len(look(memory).neighbours) for memory in (one, two)] == [1, 2]
        one.flush(30)
        two.flush(30)
    assert [memory.stats()["indexed"] for memory in (one, two)] == [1, 2]
    one.close()
    two.close()


def test_absent_it_is_the_scan_and_later_the_server(tmp_path: Path) -> None:
    (tmp_path / "chroma").mkdir()
    absent = Chroma(tmp_path / "chroma")
    memory = Memory(tmp_path, index=absent.url)
    keep(memory, "Reverse lantern", "Reverse river")
    begun = time.monotonic()
    memory.flush(30)  # known to be away: nothing to wait for
    found = look(memory)
    assert time.monotonic() - begun < 5
    assert f"exact scan (index away: 127.0.0.1:{absent.port}: ConnectionRefusedError" in found.state
    assert len(found.neighbours) == 2
    absent.start()
    try:
        assert len(until(memory, lambda state: state == "ok").neighbours) == 2
        memory.close()
    finally:
        absent.stop()


@pytest.mark.parametrize("harm", ["kill", "stop"])
def test_it_dies_or_falls_silent_and_nobody_waits(tmp_path: Path, server: Chroma, harm: str) -> None:
    memory = Memory(tmp_path, index=server.url)
    keep(memory, *(f"Reverse lantern {i}" for i in range(12)))
    memory.flush(30)
    assert look(memory).state == "ok"
    assert server.process is not None
    server.process.send_signal(signal.SIGKILL if harm == "kill" else signal.SIGSTOP)
    begun = time.monotonic()
    found = look(memory)
    assert time.monotonic() - begun < 2.5
    assert (found.state.split(" (")[0], len(found.neighbours)) == ("exact scan", 12)
    keep(memory, "Reverse lantern too")
    begun = time.monotonic()
    assert len(look(memory).neighbours) == 13
    assert time.monotonic() - begun < 1
    if harm == "kill":
        server.stop()
        server.start()
    else:
        server.process.send_signal(signal.SIGCONT)
    assert len(until(memory, lambda state: state == "ok").neighbours) == 13
    memory.flush(30)
    assert memory.stats()["indexed"] == 13
    memory.close()


def test_a_server_that_never_answers_holds_nobody(tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        memory = Memory(tmp_path, index=f"chroma://127.0.0.1:{silent.getsockname()[1]}")
        keep(memory, "Reverse lantern")
        begun = time.monotonic()
        memory.flush(30)
        found = until(memory, lambda state: "Timeout" in state)
        memory.close()
        assert time.monotonic() - begun < 8
    assert len(found.neighbours) == 1


def test_rows_that_the_ledger_does_not_know_are_deleted_and_its_own_stay(tmp_path: Path, chroma: Chroma) -> None:
    import chromadb

    memory = Memory(tmp_path, index=chroma.url)
    keep(memory, "Reverse lantern", "Reverse river")
    memory.flush(30)
    identity = memory._parts.ledger.identity if memory._parts else ""
    memory.close()
    client = chromadb.HttpClient("127.0.0.1", chroma.port)
    (name,) = (item.name for item in client.list_collections() if identity in item.name)
    collection = client.get_collection(name, embedding_function=None)
    collection.delete(ids=collection.get(limit=1)["ids"])
    collection.add(ids=["stray"], embeddings=[[1.0] * 384])  # as many rows as before
    memory = Memory(tmp_path, index=chroma.url)
    look(memory)
    memory.flush(30)
    assert {near.text for near in look(memory).neighbours} == {"Reverse lantern", "Reverse river"}
    assert "stray" not in collection.get()["ids"]
    for part in (client, client._admin_client):
        part._server._session.close()
    memory.close()


def test_no_socket_stays_open(tmp_path: Path, chroma: Chroma) -> None:
    def connected() -> int:
        gc.collect()
        sockets = [item for item in gc.get_objects() if type(item) is socket.socket and item.fileno() != -1]
        return sum(item.getpeername()[-1] == chroma.port for item in sockets if _has_peer(item))

    before = connected()
    memory = Memory(tmp_path, index=chroma.url)
    keep(memory, "Reverse lantern")
    memory.flush(30)
    assert connected() > before
    memory.close()
    assert connected() == before


def _has_peer(item: socket.socket) -> bool:
    try:
        return item.family == socket.AF_INET and bool(item.getpeername())
    except OSError:
        return False


@pytest.mark.parametrize("index", ["chroma://", "http://127.0.0.1:1", "chroma://h:many", "chroma://h:1/path", "fast"])
def test_no_such_index(tmp_path: Path, index: str) -> None:
    with pytest.raises(MemoryStoreError, match="chroma://host:port"):
        Memory(tmp_path, index=index).stats()


def test_a_server_needs_a_ledger_that_lasts() -> None:
    with pytest.raises(MemoryStoreError, match="RAM"):
        Memory(None, index=f"chroma://127.0.0.1:{free_port()}").stats()


def test_switched_off_the_scan_answers(tmp_path: Path) -> None:
    memory = Memory(tmp_path, index="none")
    keep(memory, "Reverse lantern")
    memory.flush()
    found = look(memory)
    assert (found.state, len(found.neighbours)) == ("exact scan (index away: switched off)", 1)
    assert not (tmp_path / "index").exists()
    memory.close()
