"""What is erased stays erased: votes on others' tasks, late vectors, servers that are not named, other processes."""

import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from chromadb import HttpClient
from langchain_core.embeddings import Embeddings

from orchestrator_graph.drive import SYNC, drive
from orchestrator_graph.memory import Lookup, Memory, RunRecord, TaskRecord
from orchestrator_graph.memory.feedback import Vote, count
from orchestrator_graph.memory.server import _sessions
from orchestrator_graph.memory.worth import ANSWER
from orchestrator_graph.types import Candidate, Decision, Estimate, Outcome, new_id
from tests.servers import Chroma, chroma_server

BEST = Estimate(Candidate.single("ollama:a"), 0.8, 0.1, 3, "prior")


def answered(user: str, *texts: str, tenant: str = "default") -> RunRecord:
    """A run whose answers may be voted on; a decision's id is its task's."""
    tasks = tuple(
        TaskRecord(new_id(), "run", str(i), tenant, user, text, "text", False, time.time())
        for i, text in enumerate(texts)
    )
    decisions = tuple((t.id, Decision(t.id, t.subtask_id, (BEST,), (), {"ollama:a": 1.0}, "why")) for t in tasks)
    outcomes = tuple(Outcome(new_id(), t.id, t.id, "ollama:a", 1.0, "judge", 0.5, key=ANSWER) for t in tasks)
    return RunRecord(tasks, decisions, (), outcomes)


def keep(memory: Memory, *records: RunRecord) -> None:
    for one in records:
        drive(memory.remember(SYNC, one))


def look(memory: Memory, text: str) -> Lookup:
    return drive(memory.lookup(SYNC, [text], tenant="default"))[0]


def whose(found: Lookup) -> set[str]:
    return {near.user_id for near in found.neighbours}


def wrong(memory: Memory) -> list[str]:
    return [f"{check.name}: {check.detail}" for check in memory.verify() if check.state != "ok"]


def outcomes(memory: Memory) -> list[Any]:
    from sqlalchemy import select

    from orchestrator_graph.memory.schema import outcomes

    with memory._open().ledger.read("testing") as connection:
        return list(connection.execute(select(outcomes)))


@pytest.fixture(params=["folder", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return tmp_path / "memory" if request.param == "folder" else request.getfixturevalue("database")


def test_a_forgotten_users_votes_on_other_peoples_tasks_go_too(place: Any) -> None:
    memory = Memory(place, index="none")
    mine, theirs = answered("ann", "Name a river"), answered("ann", "Name a hill", tenant="b")
    keep(memory, mine, theirs)
    for one, user in ((mine, "carol"), (mine, "dan"), (mine, None), (theirs, "carol")):
        comment = f"zebrawort says {user}" if one is mine and user == "carol" else "quokkaberry"
        drive(count(SYNC, memory, Vote(one.tasks[0].id, 0.0, user=user, comment=comment)))
    assert (memory.forget(user="carol", dry_run=True).votes, len(outcomes(memory))) == (1, 6)
    erased = memory.forget(user="carol")
    assert (erased.tasks, erased.votes, erased.index) == (0, 1, "erased")
    assert sorted(row.voter for row in outcomes(memory) if row.voter) == ["ann", "carol", "dan"]  # the last: tenant b's
    assert memory.forget(user="ann").tasks == 1
    assert {row.task_id for row in outcomes(memory)} == {theirs.tasks[0].id}
    if isinstance(place, Path):
        assert not any(b"zebrawort" in path.read_bytes() for path in place.rglob("*") if path.is_file())
    memory.close()


class Interrupted(Embeddings):
    """Counts letters; forgets somebody in another memory while it embeds one text."""

    model = "letters-1"

    def __init__(self) -> None:
        self.meanwhile: Memory | None = None

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        if self.meanwhile:
            self.meanwhile.forget(user="ann")
        return [[1.0 + text.count(chr(97 + i)) for i in range(26)] for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


def test_vectors_of_tasks_that_were_erased_meanwhile_are_not_written(place: Any) -> None:
    memory, embedder = Memory(place, index="none"), Interrupted()
    keep(memory, answered("ann", "Name a river", "Name a hill"), answered("bob", "Name a lake"))
    other = Memory(place, index="none", embedder=embedder, embedder_is_local=True)
    parts = other._open()
    space = parts.space("default", drive(parts.public.embed(SYNC, ["a"])))
    embedder.meanwhile = memory
    space.fill()
    assert (other.stats()["tasks"], other.stats()["embeddings"], space.waiting()) == (1, 2, 1)  # bob's, in two spaces
    assert wrong(other) == []
    for one in (memory, other):
        one.close()


def test_rows_of_tasks_that_were_erased_during_an_import_are_not_written(place: Any, tmp_path: Path) -> None:
    with closing(Memory()) as source:
        keep(source, answered("ann", "Name a river"), answered("bob", "Name a lake"))
        source.export(tmp_path / "out")
    memory, told = Memory(place, index="none"), list[int]()

    def meanwhile(done: int, _total: int) -> None:
        told.append(done)
        if len(told) == 1:  # the tasks are there, what hangs on them is not
            assert memory.forget(user="ann").tasks == 1

    memory.import_(tmp_path / "out", progress=meanwhile)
    assert [memory.stats()[name] for name in ("tasks", "decisions", "outcomes", "embeddings")] == [1] * 4
    assert wrong(memory) == []
    memory.close()


@pytest.mark.parametrize("index", [None, "none"])
def test_who_does_not_hold_the_index_lets_go_of_what_another_erased(tmp_path: Path, index: str | None) -> None:
    holder, reader = Memory(tmp_path / "memory"), Memory(tmp_path / "memory", index=index)
    keep(holder, answered("ann", *(f"Add 1 and {i}" for i in range(30))), answered("bob", "Add 1 and 2 please kindly"))
    assert whose(look(reader, "Add 3 and 4")) == {"ann"}
    holder.forget(user="ann")
    assert whose(look(reader, "Add 3 and 4")) == {"bob"}
    assert [space.waiting() for space in reader._open().spaces.values()] == [1]
    for memory in (holder, reader):
        memory.close()


def at(server: Chroma, memory: Memory) -> list[int]:
    """A ledger's rows at a server, by collection."""
    client: Any = HttpClient("127.0.0.1", server.port)
    mine = [held for held in client.list_collections() if memory._open().ledger.identity in held.name]
    sizes = [held.count() for held in mine]
    for session in _sessions(client):
        session.close()
    client.close()
    return sizes


def indexed(folder: Any, server: Chroma) -> Memory:
    memory = Memory(folder, index=server.url)
    keep(memory, answered("ann", "Name a river", "Name a hill"), answered("bob", "Name a lake"))
    look(memory, "Name a lake")
    memory.flush(30)
    assert at(server, memory) == [3]
    return memory


def test_a_server_that_is_not_named_is_emptied_and_filled_again_by_who_uses_it(place: Any, chroma: Chroma) -> None:
    user = indexed(place, chroma)
    with closing(Memory(place)) as plain:
        assert plain.forget(user="ann").index == "erased"
    assert sum(at(chroma, user)) <= 1  # bob's may be there again
    deadline = time.monotonic() + 20
    while (found := look(user, "Name a lake")).state != "ok" and time.monotonic() < deadline:
        assert whose(found) == {"bob"}
        user.flush(0.2)
    user.flush(20)
    assert (at(chroma, user), found.state) == ([1], "ok")
    user.close()


def test_a_server_that_is_not_named_and_away_follows_and_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "chroma").mkdir()
    with chroma_server(tmp_path / "chroma") as server:
        for name in "ab":
            indexed(tmp_path / name, server).close()
        server.stop()
        one, two = (Memory(tmp_path / name, index="none") for name in "ab")
        for memory in (one, two):
            erased = memory.forget(user="ann")
            assert (erased.tasks, erased.index.partition(" failed")[0]) == (2, f"later ({server.url}")
            assert wrong(memory) == [f"erasures: to be emptied when next used, or at the next erasure: {server.url}"]
        server.start()
        assert at(server, one) == at(server, two) == [3]
        with closing(Memory(tmp_path / "a", index=server.url)) as user:
            look(user, "Name a lake")
            user.flush(30)
        assert two.forget(user="nobody").index == "erased"
        assert (at(server, one), at(server, two)) == ([1], [])
        assert wrong(one) == wrong(two) == []
        for memory in (one, two):
            memory.close()
