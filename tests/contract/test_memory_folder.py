"""A memory's folder: reopened, shared with a second process, killed, damaged."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import chromadb
import pytest
from langchain_core.embeddings import Embeddings

from orchestrator_graph.drive import SYNC, drive
from orchestrator_graph.errors import MemoryStoreError
from orchestrator_graph.memory import Lookup, Memory, RunRecord, TaskRecord
from orchestrator_graph.types import new_id

Open = Callable[..., Memory]

CHILD = """
import sys, time
from orchestrator_graph.drive import SYNC, drive
from orchestrator_graph.memory import Memory, RunRecord, TaskRecord
from orchestrator_graph.types import new_id
memory = Memory(sys.argv[1])
if sys.argv[2] == "write":
    while True:
        task = TaskRecord(new_id(), "r", "1", "t", "u", "Reverse lantern " + new_id()[:4], "text", False, time.time())
        drive(memory.remember(SYNC, RunRecord((task,))))
        print(task.id, flush=True)
drive(memory.spent_nusd(SYNC))  # modules loaded, ledger open
begun = time.monotonic()
lookup = drive(memory.lookup(SYNC, ["Reverse lantern"], tenant="t"))[0]
print(time.monotonic() - begun, [n.text for n in lookup.neighbours], lookup.state, sep="|")
memory.close()
"""


@pytest.fixture
def reopen(tmp_path: Path) -> Iterator[Open]:
    made: list[Memory] = []

    def new(**options: Any) -> Memory:
        if made:
            made[-1].close()
        made.append(Memory(tmp_path, **options))
        return made[-1]

    yield new
    made[-1].close()


def record(*texts: str) -> RunRecord:
    return RunRecord(
        tuple(
            TaskRecord(new_id(), "r", str(i), "t", "u", text, "text", False, time.time())
            for i, text in enumerate(texts)
        )
    )


def look(memory: Memory, text: str = "Reverse lantern", **options: Any) -> Lookup:
    return drive(memory.lookup(SYNC, [text], tenant="t", **options))[0]


def shown(lookup: Lookup) -> list[tuple[str, float]]:
    return sorted((n.task_id, round(n.similarity, 4)) for n in lookup.neighbours)


def child(folder: Path, what: str) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", CHILD, str(folder), what], stdout=subprocess.PIPE, text=True)


def test_reopened_it_finds_the_same(reopen: Open) -> None:
    memory = reopen()
    drive(
        memory.remember(SYNC, record(*(f"Reverse lantern {word}" for word in ("now", "then", "here", "there", "soon"))))
    )
    memory.flush()
    first = look(memory)
    assert first.state == "ok"
    assert len(first.neighbours) == 5
    memory = reopen()
    assert shown(look(memory)) == shown(first)
    memory.flush()
    again = look(memory)
    assert (again.state, shown(again)) == ("ok", shown(first))


def test_rows_not_yet_indexed_at_the_exit_are_indexed_later(reopen: Open) -> None:
    memory = reopen()
    drive(memory.remember(SYNC, record("Reverse lantern")))
    memory.flush()
    drive(memory.remember(SYNC, record("Reverse lantern again")))
    memory = reopen()
    assert len(look(memory).neighbours) == 2
    memory.flush()
    assert memory.stats()["indexed"] == 2


def test_a_second_process_reads_through_the_scan_at_once(reopen: Open, tmp_path: Path) -> None:
    memory = reopen()
    drive(memory.remember(SYNC, record("Reverse lantern")))
    memory.flush()
    with child(tmp_path, "read") as process:
        seconds, texts, state = process.communicate(timeout=60)[0].strip().split("|")
    assert process.returncode == 0
    assert float(seconds) < 1
    assert texts == "['Reverse lantern']"
    assert state == "exact scan (index away: another process holds the index)"


def test_rows_of_a_second_memory_on_the_folder_are_seen(reopen: Open, tmp_path: Path) -> None:
    memory = reopen()
    drive(memory.remember(SYNC, record("Reverse lantern")))
    memory.flush()
    other = Memory(tmp_path)
    drive(other.remember(SYNC, record("Reverse lantern too")))
    assert len(look(memory).neighbours) == len(look(other).neighbours) == 2
    memory.close()
    other.flush()  # the lock is free now, and the waiting one takes over
    deadline = time.monotonic() + 20
    while look(other).state != "ok" and time.monotonic() < deadline:
        time.sleep(0.1)
    assert look(other).state == "ok"
    other.close()


def _indexing(folder: Path) -> bool:
    marker = folder / "index.open"
    return marker.exists() and time.time() - marker.stat().st_mtime > 0.5


@pytest.mark.timeout(300)
def test_acknowledged_rows_survive_kill_9(reopen: Open, tmp_path: Path) -> None:
    acknowledged: list[str] = []
    for kill in range(5):
        with child(tmp_path, "write") as process:
            assert process.stdout is not None
            until = len(acknowledged) + 40
            # The last one is killed while it writes to the index, too.
            while len(acknowledged) < until or (kill == 4 and not _indexing(tmp_path)):
                acknowledged.append(process.stdout.readline().strip())
            os.kill(process.pid, signal.SIGKILL)
            # The last line may be half a line.
            acknowledged += [line for line in process.stdout.read().split("\n") if len(line) == 32]
    memory = reopen()
    scanned = look(memory, k=len(acknowledged) + 10, min_similarity=-1)
    assert set(acknowledged) <= {n.task_id for n in scanned.neighbours}
    memory.flush(90)
    assert memory.stats()["waiting"] == 0
    assert memory.stats()["index"] == "ok"
    # Chroma's graph finds nearly all of its rows (about 1 of 800 so much alike stays out of reach), but holds all.
    found = look(memory, k=len(acknowledged) + 10, min_similarity=-1)
    assert len(set(acknowledged) - {n.task_id for n in found.neighbours}) <= max(5, len(acknowledged) // 100)
    memory.close()
    assert set(acknowledged) <= _held(tmp_path)


def _held(folder: Path) -> set[str]:
    """The ids in the index on disk, asked without any similarity."""
    (home,) = (folder / "index").iterdir()
    client: Any = chromadb.PersistentClient(str(home))
    try:
        return {id_ for collection in client.list_collections() for id_ in collection.get(include=[])["ids"]}
    finally:
        client.close()


def _garbage(folder: Path) -> None:
    for path in folder.glob("index/*/chroma.sqlite3"):
        path.write_bytes(os.urandom(50_000))


def _unclean_garbage(folder: Path) -> None:
    _garbage(folder)
    (folder / "index.open").touch()


def _foreign_rows(folder: Path) -> None:
    with sqlite3.connect(folder / "ledger.sqlite") as connection:
        connection.execute("DELETE FROM tasks WHERE id = (SELECT task_id FROM embeddings WHERE seq = 1)")
        connection.execute("DELETE FROM embeddings WHERE seq = 1")
    connection.close()


def _truncated(folder: Path) -> None:
    for path in folder.glob("index/**/*"):
        if path.is_file():
            os.truncate(path, path.stat().st_size // 2)


def _gone(folder: Path) -> None:
    shutil.rmtree(folder / "index")


def _another_row(folder: Path) -> None:
    """As many rows as before, but not the same."""
    with sqlite3.connect(folder / "ledger.sqlite") as connection:
        connection.execute("UPDATE tasks SET id = 'other' WHERE id = (SELECT task_id FROM embeddings WHERE seq = 1)")
        connection.execute("UPDATE embeddings SET task_id = 'other' WHERE seq = 1")
    connection.close()


HARMS = [
    (_garbage, 12), (_unclean_garbage, 12), (_truncated, 12), (_gone, 12), (_foreign_rows, 11), (_another_row, 12),
]  # fmt: skip


@pytest.mark.parametrize(("harm", "left"), HARMS)
def test_a_damaged_or_stale_index_is_rebuilt(
    reopen: Open, tmp_path: Path, harm: Callable[[Path], None], left: int
) -> None:
    memory = reopen()
    drive(memory.remember(SYNC, record(*(f"Reverse lantern {i}" for i in range(12)))))
    memory.flush()
    memory.close()
    harm(tmp_path)
    memory = reopen()
    assert len(look(memory, k=20).neighbours) == left
    memory.flush(60)
    lookup = look(memory, k=20)
    assert (lookup.state, len(lookup.neighbours)) == ("ok", left)
    assert memory.stats()["indexed"] == left
    with sqlite3.connect(tmp_path / "ledger.sqlite") as connection:
        known = {row[0] for row in connection.execute("SELECT task_id FROM embeddings")}
    connection.close()
    assert {near.task_id for near in lookup.neighbours} == known


def test_what_was_left_clean_and_whole_is_not_rebuilt(reopen: Open, tmp_path: Path) -> None:
    memory = reopen()
    drive(memory.remember(SYNC, record("Reverse lantern", "Reverse river")))
    memory.flush()
    homes = [path.name for path in (tmp_path / "index").iterdir()]
    for _ in range(2):
        memory = reopen()
        look(memory)
        memory.flush()
        assert look(memory).state == "ok"
        assert [path.name for path in (tmp_path / "index").iterdir()] == homes


class Shapes(Embeddings):
    """Another space of as many dimensions as the built-in one's."""

    model = "shapes-1"

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [[1.0 + len(text)] + [1.0] * 383 for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


def test_another_embedder_gets_an_index_of_its_own(reopen: Open) -> None:
    memory = reopen()
    drive(memory.remember(SYNC, record("Reverse lantern", "Reverse river")))
    memory.flush()
    memory = reopen(embedder=Shapes(), embedder_is_local=True)
    deadline = time.monotonic() + 20
    while (lookup := look(memory)).state != "ok" and time.monotonic() < deadline:  # the first one only sets it going
        time.sleep(0.1)
    memory.flush()
    assert (lookup.state, memory.stats()["indexed"], len(lookup.neighbours)) == ("ok", 2, 2)
    memory = reopen()
    assert look(memory).neighbours[0].similarity == pytest.approx(1.0, abs=1e-5)


def test_a_ledger_of_a_newer_release_is_refused(reopen: Open, tmp_path: Path) -> None:
    reopen().stats()
    reopen()
    with sqlite3.connect(tmp_path / "ledger.sqlite") as connection:
        connection.execute("UPDATE meta SET value = '99'")
    connection.close()
    with pytest.raises(MemoryStoreError, match="version 99"):
        look(reopen())


def test_another_embedder_is_filled_without_an_index_too(reopen: Open) -> None:
    memory = reopen(index="none")
    drive(memory.remember(SYNC, record("Reverse lantern", "Reverse river")))
    memory = reopen(index="none", embedder=Shapes(), embedder_is_local=True)
    deadline = time.monotonic() + 20
    while len(look(memory).neighbours) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(look(memory).neighbours) == 2
