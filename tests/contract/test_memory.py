"""One contract for every memory: RAM and folder, built-in and foreign embedder, sync and async."""

import asyncio
import math
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from langchain_core.embeddings import Embeddings

from orchestrator_graph.drive import ASYNC, SYNC, Effects, drive
from orchestrator_graph.errors import InputError, MemoryStoreError
from orchestrator_graph.memory import Lookup, Memory, RunRecord, TaskRecord
from orchestrator_graph.memory.scan import Rows, nearest
from orchestrator_graph.types import Attempt, Candidate, Decision, Estimate, Outcome, new_id

ADD, SORT = "Add 47 and 38", "Sort the letters of lantern"


class Letters(Embeddings):
    """Counts letters; keeps what it was shown."""

    model = "letters-1"

    def __init__(self) -> None:
        self.seen: list[str] = []

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.seen += texts
        return [[1.0 + text.lower().count(chr(97 + i)) for i in range(26)] for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


def record(*texts: str, tenant: str = "t", private: bool = False, score: float = 1.0, cost: int = 7) -> RunRecord:
    run = new_id()
    tasks = tuple(
        TaskRecord(new_id(), run, str(i), tenant, "ann", text, "maths", private, time.time())
        for i, text in enumerate(texts)
    )
    best = Estimate(Candidate.single("ollama:a"), 0.8, 0.1, 3, "prior")
    decisions = [
        (task.id, Decision(new_id(), task.subtask_id, (best,), (), {"ollama:a": 1.0}, "why")) for task in tasks
    ]
    calls = [(task.id, Attempt(new_id(), "ollama:a", "execute", cost_nusd=cost)) for task in tasks]
    outcomes = [
        Outcome(new_id(), task.id, d.id, "ollama:a", score, "judge", 0.5)
        for task, (_, d) in zip(tasks, decisions, strict=True)
    ]
    return RunRecord(tasks, tuple(decisions), tuple(calls), tuple(outcomes), budget="team")


def look(memory: Memory, text: str, **options: Any) -> Lookup:
    return drive(memory.lookup(SYNC, [text], **{"tenant": "t", **options}))[0]


def keep(memory: Memory, *records: RunRecord) -> None:
    for one in records:
        drive(memory.remember(SYNC, one))


Run = Callable[[Callable[[Effects], Coroutine[Any, Any, Any]]], Any]


@pytest.fixture(params=["sync", "async"])
def run(request: pytest.FixtureRequest) -> Run:
    if request.param == "sync":
        return lambda logic: drive(logic(SYNC))
    return lambda logic: asyncio.run(logic(ASYNC))


PLACES = [f"{place}-{kind}" for place in ("ram", "folder", "postgres") for kind in ("builtin", "foreign")]


@pytest.fixture(params=[*PLACES, "server-builtin"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Memory]]:
    place, kind = request.param.split("-")
    where: Any = {"ram": None, "folder": tmp_path / "memory", "server": tmp_path / "memory"}.get(place)
    if place == "postgres":
        where = request.getfixturevalue("database")
    index = request.getfixturevalue("chroma").url if place == "server" else None
    made: list[Memory] = []

    def new() -> Memory:
        made.append(Memory(where, embedder=Letters() if kind == "foreign" else None, index=index))
        return made[-1]

    yield new
    for memory in made:
        memory.close()


def test_round_trip(make: Callable[[], Memory], run: Run) -> None:
    memory = make()
    assert run(lambda fx: memory.lookup(fx, [ADD], tenant="t"))[0].state == "empty"
    one = record(ADD, SORT)
    run(lambda fx: memory.remember(fx, one))
    for _ in ("before", "after"):  # the index has it
        found = run(lambda fx: memory.lookup(fx, ["add 12 and 95", SORT], tenant="t", k=1))
        first, second = (lookup.neighbours[0] for lookup in found)
        assert (first.task_id, second.task_id) == (one.tasks[0].id, one.tasks[1].id)
        assert (first.text, first.user_id, first.task_type) == (ADD, "ann", "maths")
        assert first.outcomes == (("ollama:a", 1.0, 0.5),)
        assert second.similarity == pytest.approx(1.0, abs=1e-5)
        memory.flush()
    assert found[0].state == "ok"
    assert run(lambda fx: memory.lookup(fx, [], tenant="t")) == []
    assert memory.stats()["waiting"] == 0


def test_remembering_twice_changes_nothing(make: Callable[[], Memory], run: Run) -> None:
    memory, one = make(), record(ADD, SORT)
    run(lambda fx: memory.remember(fx, one))
    before = memory.stats()
    run(lambda fx: memory.remember(fx, one))
    after = memory.stats()
    tables = ("tasks", "decisions", "calls", "outcomes", "embeddings")
    assert [after[name] for name in tables] == [before[name] for name in tables] == [2] * 5
    assert len(run(lambda fx: memory.lookup(fx, [ADD], tenant="t"))[0].neighbours[0].outcomes) == 1


def test_tenants_never_meet(make: Callable[[], Memory]) -> None:
    memory = make()
    keep(memory, record(ADD, tenant="a"), record(SORT, tenant="b"))
    for _ in ("before", "after"):
        assert [n.text for n in look(memory, ADD, tenant="a", min_similarity=-1).neighbours] == [ADD]
        assert [n.text for n in look(memory, ADD, tenant="b", min_similarity=-1).neighbours] == [SORT]
        assert look(memory, ADD, tenant="c").state == "empty"
        memory.flush()


def test_spending_is_summed_by_run_budget_and_time(make: Callable[[], Memory], run: Run) -> None:
    memory, one, two = make(), record(ADD, SORT), record(ADD, cost=100)
    keep(memory, one, two, RunRecord(calls=(("", Attempt(new_id(), "m", "plan", cost_nusd=1000)),), run_id="r"))
    assert run(lambda fx: memory.spent_nusd(fx)) == 1114
    assert run(lambda fx: memory.spent_nusd(fx, run_id=one.tasks[0].run_id)) == 14
    assert run(lambda fx: memory.spent_nusd(fx, run_id="r")) == 1000
    assert run(lambda fx: memory.spent_nusd(fx, budget="team")) == 114
    assert run(lambda fx: memory.spent_nusd(fx, budget="team", since=time.time() + 60)) == 0


def test_eight_writers_at_once(make: Callable[[], Memory]) -> None:
    memory = make()
    records = [[record(f"{ADD} {i} {j}") for j in range(6)] for i in range(8)]
    threads = [threading.Thread(target=keep, args=(memory, *mine)) for mine in records]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wanted = {one.tasks[0].id for mine in records for one in mine}
    for _ in ("before", "after"):
        assert {n.task_id for n in look(memory, ADD, k=100, min_similarity=-1).neighbours} == wanted
        memory.flush()


def test_index_finds_what_the_exact_scan_finds(make: Callable[[], Memory]) -> None:
    memory, rng = make(), np.random.default_rng(0)
    words = [f"{a}{b}" for a in ("lan", "riv", "app", "sto", "clo") for b in ("tern", "er", "le", "ne", "ud")]
    texts = [" ".join(rng.choice(words, 5)) for _ in range(500)]
    keep(memory, *(record(*texts[i : i + 50]) for i in range(0, 500, 50)))
    scanned = drive(memory.lookup(SYNC, texts[:100], tenant="t", min_similarity=-1))
    memory.flush(30)
    indexed = drive(memory.lookup(SYNC, texts[:100], tenant="t", min_similarity=-1))
    assert memory.stats()["indexed"] == 500
    assert {lookup.state for lookup in indexed} == {"ok"}
    for exact, found in zip(scanned, indexed, strict=True):
        want, have = ([n.similarity for n in lookup.neighbours] for lookup in (exact, found))
        assert have == pytest.approx(want, abs=1e-5)


def test_rows_survive_growth_and_dropping() -> None:
    rows, eye = Rows(3), np.eye(3, dtype=np.float32)
    rows.extend("abc", eye)
    before = rows.snapshot()
    rows.drop(2)
    rows.extend("def", eye)
    assert len(rows) == 4
    assert [hit[0] for hit in nearest(eye[:1], rows.snapshot(), 1)[0]] == ["d"]
    rows.drop(4)
    assert nearest(eye[:1], rows.snapshot(), 1) == [[]]
    assert nearest(eye[1:2], before, 1)[0][0] == ("b", 1.0)


@pytest.mark.parametrize("days", [0, -1, math.nan])
def test_a_half_life_that_is_none_is_refused(days: float) -> None:
    with pytest.raises(InputError, match=f"half_life_days={days!r} is not above 0"):
        Memory(half_life_days=days)


def test_budgets_of_one_name_differ_by_limit_and_period() -> None:
    memory = Memory()
    parts = memory._open()
    assert parts.budget("team", 5, "day") is parts.budget("team", 5, "day")
    assert parts.budget("team", 9, "total").reserve(7)
    assert not parts.budget("team", 5, "day").reserve(7)
    memory.close()


def test_what_fails_to_find_an_embedder_leaves_nothing_open(tmp_path: Path) -> None:
    def find() -> Embeddings:
        raise MemoryStoreError("no embedder today")

    with pytest.raises(MemoryStoreError, match="no embedder today") as caught:
        Memory(tmp_path, embedder=find).stats()
    memory = Memory(tmp_path)
    assert memory.stats()["index"] != "another process holds the index", caught  # its frames are alive
    memory.close()


def test_closed_or_unreachable_is_a_typed_error(tmp_path: Path) -> None:
    memory = Memory()
    memory.close()
    memory.close()
    with pytest.raises(MemoryStoreError, match="closed"):
        look(memory, ADD)
    (tmp_path / "file").write_text("")
    with pytest.raises(MemoryStoreError, match=r"ledger\.sqlite"):
        look(Memory(tmp_path / "file"), ADD)
    with pytest.raises(MemoryStoreError, match="postgresql://x"):
        look(Memory("postgresql://x"), ADD)
