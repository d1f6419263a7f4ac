"""What a memory survives and keeps small: damaged vectors, learners that raise, like-named embedders, caches."""

import sqlite3
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from langchain_core.embeddings import Embeddings
from sqlalchemy import func, select

from orchestrator_graph.drive import SYNC, drive
from orchestrator_graph.memory import HashedEmbedder, Lookup, Memory, RunRecord, TaskRecord, schema
from orchestrator_graph.memory.embedder import _known
from orchestrator_graph.memory.ledger import Ledger
from orchestrator_graph.memory.reservations import DAY_S, LedgerBudget
from orchestrator_graph.memory.vectors import VectorSource
from orchestrator_graph.types import Outcome, new_id
from orchestrator_graph.types.history import History


class Letters(Embeddings):
    def __init__(self, **names: str) -> None:
        vars(self).update(names)
        self.seen: list[str] = []

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.seen += texts
        return [[1.0 + text.count(chr(97 + i)) for i in range(26)] for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


def keep(memory: Memory, *texts: str) -> None:
    for text in texts:
        one = new_id()
        task = TaskRecord(one, one, "1", "t", "u", text, "maths", False, time.time())
        drive(memory.remember(SYNC, RunRecord((task,), outcomes=(Outcome(one, one, one, "m", 1.0, "judge", 0.5),))))


def look(memory: Memory, text: str = "Add 4") -> Lookup:
    return drive(memory.lookup(SYNC, [text], tenant="t", min_similarity=-1))[0]


@pytest.mark.parametrize("damage", ["vector = substr(vector, 1, 100)", "dimension = 12"])
def test_a_damaged_vector_is_left_out_named_and_mended(tmp_path: Path, damage: str) -> None:
    memory = Memory(tmp_path)
    keep(memory, "Add 1 and 2", "Add 2 and 3", "Add 3 and 5")
    memory.close()
    file = sqlite3.connect(tmp_path / "ledger.sqlite")
    file.execute(f"UPDATE embeddings SET {damage} WHERE seq = 1")  # noqa: S608 - two sentences, both above
    file.commit()
    file.close()
    memory, lessons = Memory(tmp_path), list[int]()
    memory.taught(lambda history: lessons.append(len(history)))
    for _ in range(2):
        assert {near.text for near in look(memory).neighbours} == {"Add 2 and 3", "Add 3 and 5"}
        memory.flush()
    assert set(lessons) == {2}
    keep(memory, "Add 7 and 8")
    assert len(look(memory).neighbours) == 3
    (wrong,) = (check for check in memory.verify() if check.name.startswith("vectors"))
    assert (wrong.state, wrong.mend) == ("wrong", "orchestrator memory rebuild")
    assert memory.rebuild() == 1
    assert len(look(memory).neighbours) == 4
    memory.close()


def test_a_learner_that_raises_is_named_and_the_others_learn_on() -> None:
    memory, lessons, broken = Memory(), list[int](), [True]

    def bad(history: History) -> None:
        if broken[0]:
            raise FloatingPointError(f"svd of {len(history)} rows")

    memory.taught(bad)
    memory.taught(lambda history: lessons.append(len(history)))
    keep(memory, "Add 1")
    assert look(memory).state.endswith("; learning failed (FloatingPointError: svd of 1 rows)")
    keep(memory, *(f"Add {i}" for i in range(20)))
    deadline = time.monotonic() + 10
    while "svd of 21" not in look(memory).state and time.monotonic() < deadline:  # in the background
        time.sleep(0.02)
    assert lessons == [1, 21]
    assert "orchestrator-learning" in {thread.name for thread in threading.enumerate()}
    broken[0] = False
    memory.flush()
    assert "learning" not in look(memory).state
    memory.close()


def test_a_first_read_that_failed_is_made_up_for(tmp_path: Path) -> None:
    memory, lessons = Memory(tmp_path, index="none"), list[int]()
    memory.taught(lambda history: lessons.append(len(history)))
    keep(memory, "Add 1")
    file = sqlite3.connect(tmp_path / "ledger.sqlite")
    file.execute("ALTER TABLE calls RENAME TO away")
    assert "; learning failed (MemoryStoreError: memory: reading the history" in look(memory).state
    file.execute("ALTER TABLE away RENAME TO calls")
    file.close()
    deadline = time.monotonic() + 10
    while "failed" in look(memory).state and time.monotonic() < deadline:
        time.sleep(0.02)
    assert lessons == [1]
    memory.close()


@pytest.mark.parametrize("name", ["model", "model_name", "model_id", "repo_id", "deployment"])
def test_two_models_of_one_class_have_two_spaces(name: str) -> None:
    one, two = (VectorSource(Letters(**{name: model}), free=False) for model in ("titan", "cohere"))
    spaces = [drive(source.embed(SYNC, ["a"])).fingerprint for source in (one, two)]
    assert spaces == ["Letters:titan-26", "Letters:cohere-26"]


def test_a_model_and_its_deployment_both_count() -> None:
    source = VectorSource(Letters(model="ada", deployment="mine"), free=False)
    assert drive(source.embed(SYNC, ["a"])).fingerprint == "Letters:ada:mine-26"


def test_the_cache_of_vectors_holds_no_text_and_no_more_than_its_bytes() -> None:
    embedder = Letters(model="x")
    source = VectorSource(embedder, free=False, limit=3 * 26 * 4)
    drive(source.embed(SYNC, [f"{i} " + "x" * 100_000 for i in range(50)]))
    assert len(source._cache) == 3
    assert all(len(key) == 32 and row.base is None for key, row in source._cache.items())


def test_long_words_are_not_kept() -> None:
    _known.cache_clear()
    HashedEmbedder().vector(f"short {'y' * 64} {'z' * 65}")
    assert _known.cache_info().currsize == 2


def test_reservations_of_the_dead_and_of_past_days_go() -> None:
    ledger, clock = Ledger(None), SimpleNamespace(now=1e9)

    def rows(name: str) -> Any:
        here = schema.reservations.c.budget == name
        with ledger.read("counting") as connection:
            return connection.execute(select(func.count()).select_from(schema.reservations).where(here)).scalar_one()

    for _ in range(20):
        for per in ("day", "total"):
            budget = LedgerBudget(ledger, per, 1_000, per, clock=lambda: clock.now)
            assert budget.reserve(5)
            budget.settle(5, 1)
            assert budget.reserve(7)  # and dies
        clock.now += DAY_S
    assert rows("day") <= 8 + 2
    assert rows("total") <= 1 + 2
    total = LedgerBudget(ledger, "total", 1_000, "total", clock=lambda: clock.now)
    assert not total.reserve(1_000 - 20 + 1)  # what was spent stays spent
    assert total.reserve(1_000 - 20)
    ledger.close()


def test_what_models_ate_is_read_by_task() -> None:
    ledger = Ledger(None)
    with ledger.read("explaining") as connection:
        indexes = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE tbl_name = 'calls'").scalars().all()
    assert "calls_by_task" in indexes
    ledger.close()
