"""Forgetting, retention, verification and rebuilding: what is erased is in no file any more, the rest is whole."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chromadb import HttpClient
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.embeddings import Embeddings

from orchestrator_graph.drive import SYNC, drive
from orchestrator_graph.errors import InputError, MemoryStoreError
from orchestrator_graph.memory import HashedEmbedder, Lookup, Memory, RunRecord, TaskRecord
from orchestrator_graph.memory.server import _sessions
from orchestrator_graph.types import Attempt, Candidate, Decision, Estimate, Outcome, new_id
from tests.servers import Chroma, chroma_server

SECRET, KEPT = "zebrawort", "quokkaberry"
TABLES = ("tasks", "decisions", "outcomes", "embeddings")

HOLDER = """
import sys, time
from orchestrator_graph.drive import SYNC, drive
from orchestrator_graph.memory import Memory, RunRecord, TaskRecord
from orchestrator_graph.types import new_id
memory = Memory(sys.argv[1])
drive(memory.lookup(SYNC, ["quokkaberry 1"], tenant="default"))
memory.flush(30)
print(memory.stats()["index"], flush=True)
for line in sys.stdin:
    task = TaskRecord(new_id(), "r", "1", "default", "bob", "quokkaberry " + line, "text", False, time.time())
    drive(memory.remember(SYNC, RunRecord((task,))))
    memory.flush(30)
    print(memory.stats()["index"], flush=True)
memory.close()
"""


def record(*texts: str, user: str = "bob", tenant: str = "default", days: float = 0, **task: Any) -> RunRecord:
    run, now = new_id(), time.time() - days * 86_400
    tasks = tuple(
        TaskRecord(new_id(), run, str(i), tenant, user, text, "maths", task.get("private", False), now + i)
        for i, text in enumerate(texts)
    )
    best = Estimate(Candidate.single("ollama:a"), 0.8, 0.1, 3, "prior")
    decisions = tuple((t.id, Decision(new_id(), t.subtask_id, (best,), (), {"ollama:a": 1.0}, "why")) for t in tasks)
    calls = tuple((t.id, Attempt(new_id(), "ollama:a", "execute", cost_nusd=7)) for t in tasks)
    outcomes = tuple(
        Outcome(new_id(), t.id, d[1].id, "ollama:a", 1.0, "judge", 0.5) for t, d in zip(tasks, decisions, strict=True)
    )
    return RunRecord(tasks, decisions, calls, outcomes)


def keep(memory: Memory, *records: RunRecord) -> None:
    for one in records:
        drive(memory.remember(SYNC, one))


def look(memory: Memory, text: str, **options: Any) -> Lookup:
    return drive(memory.lookup(SYNC, [text], **{"tenant": "default", "k": 50, **options}))[0]


def traces(folder: Path, *texts: str) -> dict[str, set[str]]:
    """Which of the texts (`words`), or of their vectors (`vector`), each file holds."""
    needles = [("words", text.encode()) for text in texts]
    needles += [("vector", HashedEmbedder().vector(text).astype("<f4").tobytes()) for text in texts]
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    found = {name: {kind for kind, needle in needles if needle in content} for name, content in files.items()}
    return {name: kinds for name, kinds in found.items() if kinds}


SECRETS, OTHERS = [f"{SECRET} {i}" for i in range(30)], [f"{KEPT} {i}" for i in range(30)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "memory"


@pytest.fixture
def memory(folder: Path) -> Iterator[Memory]:
    made = Memory(folder)
    keep(made, record(*SECRETS, user="ann"), record(*OTHERS, user="bob"))
    made.flush(30)
    yield made
    made.close()


@pytest.fixture(params=["folder", "ram", "postgres", "server", "scan"])
def either(request: pytest.FixtureRequest, folder: Path) -> Iterator[Memory]:
    where = {"ram": None, "postgres": request.param == "postgres" and request.getfixturevalue("database")}
    index = request.getfixturevalue("chroma").url if request.param == "server" else None
    made = Memory(where.get(request.param, folder), index="none" if request.param == "scan" else index)
    yield made
    made.close()


def test_no_file_holds_a_forgotten_users_words_or_vectors(memory: Memory, folder: Path) -> None:
    before = traces(folder, *SECRETS)
    assert {"words", "vector"} <= set.union(*(kinds for name, kinds in before.items() if name.startswith("ledger")))
    assert any("vector" in kinds for name, kinds in before.items() if name.startswith("index/"))
    assert memory.forget(user="ann", dry_run=True).tasks == 30
    assert traces(folder, *SECRETS) == before
    erased = memory.forget(user="ann")
    assert (erased.tasks, erased.index) == (30, "erased")
    assert traces(folder, *SECRETS) == {}  # while it is open
    memory.flush(30)
    found = look(memory, OTHERS[0])
    assert (found.state.partition(":")[0], len(found.neighbours)) == ("exact scan (index away", 30)
    assert look(memory, SECRETS[0], min_similarity=-1).neighbours[0].user_id == "bob"
    memory.close()
    assert traces(folder, *SECRETS) == {}
    again = Memory(folder)  # the heap of this process may still hold them, and Chroma writes heap to disk
    look(again, OTHERS[0])
    again.flush(30)
    assert "something was erased" in again.stats()["index"]
    with pytest.raises(MemoryStoreError, match="in a new one"):
        again.rebuild()
    assert again.forget(user="nobody").index == again.forget(user="bob").index == "erased"
    again.close()
    assert traces(folder, *SECRETS, *OTHERS) == {}


def test_the_next_process_builds_the_index_again(memory: Memory, folder: Path) -> None:
    memory.forget(user="ann")
    memory.close()
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.communicate("", timeout=100)[0] == "ok\n"
    assert any("vector" in kinds for name, kinds in traces(folder, *OTHERS).items() if name.startswith("index/"))
    assert traces(folder, *SECRETS) == {}


def test_a_tenant_is_forgotten_and_the_others_are_not(either: Memory) -> None:
    keep(either, record(*SECRETS[:5], tenant="a"), record(*SECRETS[5:9], tenant="b"))
    either.flush(30)
    assert either.forget(tenant="a").tasks == 5
    assert look(either, SECRETS[0], tenant="a").state == "empty"
    assert len(look(either, SECRETS[0], tenant="b").neighbours) == 4
    assert {name: either.stats()[name] for name in TABLES} == dict.fromkeys(TABLES, 4)
    assert list(either.tenants()) == ["b"]


def test_a_user_of_that_name_in_another_tenant_stays(either: Memory) -> None:
    keep(either, record("one", user="ann"), record("two", user="ann", tenant="b"), record("three"))
    assert either.forget(user="ann").tasks == 1
    assert either.forget(user="ann").tasks == 0
    assert either.forget(user="ann", tenant="b").tasks == 1
    assert either.stats()["tasks"] == 1
    with pytest.raises(InputError, match="name a tenant"):
        either.forget()


def test_the_bill_outlives_the_task(either: Memory) -> None:
    keep(either, record("one", "two", user="ann"))
    either.forget(user="ann")
    assert drive(either.spent_nusd(SYNC)) == 14
    assert either.stats()["calls"] == 2


def test_retention_by_age_and_by_count(either: Memory) -> None:
    ages = (0, 1, 5, 40)
    keep(either, *(record(f"{tenant} {days}", tenant=tenant, days=days) for tenant in ("a", "b") for days in ages))
    assert either.retain(max_age_days=30, dry_run=True).tasks == 2
    assert either.retain(max_age_days=30).tasks == 2
    assert either.retain(max_tasks=2, tenant="a").tasks == 1
    left = {
        tenant: sorted(n.text for n in look(either, "a", tenant=tenant, min_similarity=-1).neighbours)
        for tenant in "ab"
    }
    assert left == {"a": ["a 0", "a 1"], "b": ["b 0", "b 1", "b 5"]}
    assert either.retain(max_tasks=1, max_age_days=0.5).tasks == 3
    assert either.retain(max_tasks=1).tasks == 0


@settings(max_examples=20, deadline=None)
@given(days=st.lists(st.integers(0, 60), max_size=8), age=st.integers(0, 60), count=st.integers(0, 8))
def test_what_is_retained_is_the_newest_and_within_the_age(days: list[int], age: int, count: int) -> None:
    memory = Memory(index="none")
    for i, old in enumerate(days):
        keep(memory, record(str(i), days=old + 0.5))
    memory.retain(max_age_days=age, max_tasks=count)
    wanted = sorted(old for old in days if old + 0.5 < age)[:count]
    rows = memory.tenants().get("default", {"tasks": 0})
    assert rows["tasks"] == len(wanted)
    if wanted:
        assert time.time() - rows["first"] == pytest.approx((wanted[-1] + 0.5) * 86_400, abs=60)
    memory.close()


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({}, "name max_age_days"),
        ({"max_tasks": -1}, "max_tasks=-1"),
        ({"max_age_days": float("nan")}, "max_age_days=nan"),
    ],
)
def test_a_limit_that_is_none_is_refused(either: Memory, limits: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        either.retain(**limits)


@pytest.mark.parametrize("end", ["next write", "kill -9"])
def test_an_index_that_another_process_holds_follows(folder: Path, end: str) -> None:
    memory = Memory(folder)
    keep(memory, record(*SECRETS, user="ann"), record(*OTHERS, user="bob"))
    memory.close()
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == "ok\n"
        memory = Memory(folder)
        with pytest.raises(MemoryStoreError, match="another process holds the index"):
            memory.rebuild()
        assert memory.forget(user="ann").index.startswith("later (another process holds it")
        assert {name.split("/")[0] for name in traces(folder, *SECRETS)} == {"index"}
        checks = {check.name: check for check in memory.verify()}
        assert (checks["index"].state, checks["index"].mend) == ("wrong", "orchestrator memory rebuild")
        if end == "kill -9":
            os.kill(child.pid, signal.SIGKILL)
            child.wait()
            deadline = time.monotonic() + 20
            while "something was erased" not in memory.stats()["index"] and time.monotonic() < deadline:
                look(memory, OTHERS[0])
                time.sleep(0.05)
        else:
            child.stdin.write("31\n")
            child.stdin.flush()
            assert "something was erased" in child.stdout.readline()
        assert traces(folder, *SECRETS) == {}
        memory.close()
        child.stdin.close()


def test_answers_while_the_index_is_thrown_away(memory: Memory) -> None:
    failures, found = [], list[int]()
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            try:
                found.append(sum(n.user_id == "bob" for n in look(memory, OTHERS[3], k=100).neighbours))
            except BaseException as error:  # noqa: BLE001 - whatever it is, it must not be there
                failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for round_ in range(3):
        keep(memory, record(*SECRETS[:10], user=f"eve {round_}"))
        memory.flush(30)
        assert memory.forget(user=f"eve {round_}").index == "erased"
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert set(found) == {30}


def states(memory: Memory) -> dict[str, str]:
    return {check.name: check.state for check in memory.verify() if check.state != "ok"}


def test_a_whole_memory_is_found_whole(either: Memory) -> None:
    assert states(either) == {}
    keep(either, record(*OTHERS), record(*OTHERS[:3], tenant="b", private=True))
    either.flush(30)
    assert states(either) == {}
    index = {check.name.split()[2]: check.detail for check in either.verify() if check.name.startswith("index of")}
    if either.stats()["index_kind"] != "none":
        assert {tenant.strip(","): detail.split(";")[0] for tenant, detail in index.items()} == {
            "default": "30 of 30 rows", "b": "3 of 3 rows",
        }  # fmt: skip
        assert all("100.0%" in detail for detail in index.values())


def _edit(folder: Path, *statements: str) -> None:
    connection = sqlite3.connect(folder / "ledger.sqlite")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


VECTORS, INDEX = "vectors finite, unit, of one size", "index of default, hashed-ngrams-1-384"


@pytest.mark.parametrize(
    ("statement", "wrong", "left"),
    [
        ("UPDATE outcomes SET score = 1.5 WHERE rowid = 1", "labels between 0 and 1", ("outcomes", 59)),
        ("UPDATE outcomes SET weight = 9e999 WHERE rowid = 1", "labels between 0 and 1", ("outcomes", 59)),
        ("UPDATE embeddings SET tenant = 'b' WHERE seq = 1", "rows of a task", ("embeddings", 60)),
        ("DELETE FROM tasks WHERE rowid = 1", "rows of a task", ("embeddings", 59)),
        ("UPDATE embeddings SET vector = zeroblob(8) WHERE seq = 1", VECTORS, ("embeddings", 60)),
        ("UPDATE embeddings SET vector = zeroblob(1536) WHERE seq = 1", VECTORS, ("embeddings", 60)),
        (
            "UPDATE embeddings SET vector = CAST(x'0000c07f' || zeroblob(1532) AS BLOB) WHERE seq = 1",
            VECTORS,
            ("embeddings", 60),
        ),
        ("INSERT INTO meta VALUES ('scrub_due', '1')", "erasures", ("tasks", 60)),
    ],
)
def test_what_is_wrong_is_named_and_mended(
    memory: Memory, folder: Path, statement: str, wrong: str, left: tuple[str, int]
) -> None:
    _edit(folder, statement)
    checks = [check for check in memory.verify() if check.state == "wrong"]
    assert wrong in {check.name for check in checks}
    assert {check.mend for check in checks} == {"orchestrator memory rebuild"}
    memory.rebuild()
    assert states(memory) == {}
    assert memory.stats()[left[0]] == left[1]


def test_rows_that_only_the_index_knows_are_found(memory: Memory, folder: Path) -> None:
    memory.close()
    _edit(folder, "DELETE FROM tasks WHERE rowid = 1", "DELETE FROM embeddings WHERE seq = 1",
          "DELETE FROM outcomes WHERE rowid = 1", "DELETE FROM decisions WHERE rowid = 1")  # fmt: skip
    again = Memory(folder)
    assert states(again) == {INDEX: "wrong"}
    again.close()


def test_an_index_that_is_behind_is_noted_and_one_that_is_damaged_is_wrong(memory: Memory, folder: Path) -> None:
    memory.close()
    scan = Memory(folder, index="none")
    keep(scan, record("another one"))
    assert states(scan) == {}
    scan.close()
    again = Memory(folder)
    assert states(again) == {INDEX: "note"}
    again.close()
    for path in folder.glob("index/*/chroma.sqlite3"):
        path.write_bytes(os.urandom(50_000))
    again = Memory(folder)
    assert states(again) == {"index": "wrong"}
    told: list[tuple[int, int]] = []
    assert again.rebuild(lambda done, total: told.append((done, total))) == 0
    assert told[-1] == (61, 61)
    assert told == sorted(told)
    assert states(again) == {}
    again.close()


def test_a_damaged_ledger_is_wrong(memory: Memory, folder: Path, tmp_path: Path) -> None:
    memory.close()
    _edit(folder, "PRAGMA wal_checkpoint(TRUNCATE)")
    path = folder / "ledger.sqlite"
    content = bytearray(path.read_bytes())
    content[20 * 4096 : 24 * 4096] = os.urandom(4 * 4096)
    path.write_bytes(content)
    shutil.rmtree(folder / "index")
    again = Memory(folder)
    try:
        checks = again.verify()
    except MemoryStoreError as error:
        assert "malformed" in str(error)
    else:
        assert [check.state for check in checks] == ["wrong"]
        assert ".recover" in checks[0].mend
    again.close()


class Letters(Embeddings):
    """Counts letters."""

    model = "letters-1"

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [[1.0 + text.count(chr(97 + i)) for i in range(26)] for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


def test_vectors_of_an_embedder_that_is_gone_are_indexed_as_they_are(folder: Path) -> None:
    memory = Memory(folder, embedder=Letters())
    keep(memory, record(*OTHERS))
    memory.close()
    plain = Memory(folder)
    assert plain.rebuild() == 0
    assert plain.stats()["embeddings"] == plain.stats()["indexed"] == 30
    assert states(plain) == {}
    plain.close()


def test_an_index_server_is_told_first(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "chroma").mkdir()
    with chroma_server(tmp_path / "chroma") as server:
        memory = Memory(folder, index=server.url)
        keep(memory, record(*SECRETS, user="ann"), record(*OTHERS))
        memory.flush(30)
        server.stop()
        with pytest.raises(MemoryStoreError, match="nothing was erased"):
            memory.forget(user="ann")
        assert memory.stats()["tasks"] == 60
        memory.close()
        server.start()
        fresh = Memory(folder, index=server.url)
        assert fresh.forget(user="ann").index == "erased"
        client: Any = HttpClient("127.0.0.1", server.port)
        assert [held.count() for held in client.list_collections()] == [30]
        for session in _sessions(client):  # its own `close` does not
            session.close()
        client.close()
        assert look(fresh, OTHERS[0], k=100, min_similarity=-1).neighbours[0].user_id == "bob"
        fresh.close()


def test_an_embedded_index_from_before_the_server_is_erased_too(memory: Memory, folder: Path, chroma: Chroma) -> None:
    assert memory.stats()["indexed"] == 60
    other = Memory(folder, index=chroma.url)
    assert other.forget(user="ann").index.startswith("later (another process holds it")
    memory.close()
    keep(other, record(*SECRETS[:1], user="ann"))
    assert other.forget(user="ann").index == "erased"
    assert traces(folder, *SECRETS) == {}
    assert not (folder / "index").exists()
    other.close()
