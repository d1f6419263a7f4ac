"""What was learnt leaves as parquet and comes back whole; what is malformed is named and changes nothing."""

import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_graph.drive import SYNC, drive
from orchestrator_graph.errors import InputError
from orchestrator_graph.memory import Memory, RunRecord, TaskRecord
from orchestrator_graph.memory.history import read_history
from orchestrator_graph.types import Attempt, Decision, Outcome, new_id
from orchestrator_graph.types.history import History

SPACE = "hashed-ngrams-1-384"
TABLES = ("tasks", "decisions", "calls", "outcomes", "embeddings")
Scores = list[list[float]]


def fill(memory: Memory, scores: Scores, *, tenant: str = "default", private: bool = False, word: str = "task") -> None:
    """A task per row, a try per score."""
    for i, row in enumerate(scores):
        task = TaskRecord(
            new_id(), "run", str(i), tenant, f"user {i % 2}", f"{word} {i}", "maths", private, time.time()
        )
        decision = Decision(new_id(), "1", (), (), {"a": 1.0}, "why")
        call = Attempt(new_id(), "ollama:a", "execute", cost_nusd=7)
        outcomes = tuple(
            Outcome(new_id(), task.id, decision.id, f"model {j}", score, "judge", 0.5, 11, 0.25, 3.0 if j else None)
            for j, score in enumerate(row)
        )
        one = RunRecord((task,), ((task.id, decision),), ((task.id, call),), outcomes, budget="team")
        drive(memory.remember(SYNC, one))


def learnt(memory: Memory, tenant: str = "default") -> History | None:
    memory.stats()
    assert memory._parts is not None
    read = read_history(memory._parts.ledger, tenant, SPACE)
    return read and read[0]


def same(one: History | None, other: History | None, *, but_tenant: bool = False) -> bool:
    if one is None or other is None:
        return one is other
    arrays = ("vectors", "scores", "weights", "times")  # a label's weight fades with the time of reading
    plain = ("candidates", "task_types", "users", "space", "appetites") + (() if but_tenant else ("tenant",))
    return all(np.allclose(getattr(one, n), getattr(other, n), atol=1e-6, equal_nan=True) for n in arrays) and all(
        getattr(one, n) == getattr(other, n) for n in plain
    )


def ram() -> Memory:
    return Memory(index="none")


@settings(max_examples=12, deadline=None)
@given(scores=st.lists(st.lists(st.floats(0, 1), max_size=3), max_size=6))
def test_all_that_learning_needs_comes_back(scores: Scores, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder, here, there = tmp_path_factory.mktemp("out"), ram(), ram()
    fill(here, scores)
    here.export(folder)
    told: list[tuple[int, int]] = []
    there.import_(folder, progress=lambda done, total: told.append((done, total)))
    assert same(learnt(here), learnt(there))
    assert {n: there.stats()[n] for n in TABLES} == {n: here.stats()[n] for n in TABLES}
    assert all(done == total for done, total in told[-1:])
    for memory in (here, there):
        memory.close()


def test_between_databases(tmp_path: Path, database: str) -> None:
    here, there, back = Memory(tmp_path / "m", index="none"), Memory(database, index="none"), ram()
    fill(here, [[1.0, 0.25], [0.5]])
    here.export(tmp_path / "a")
    there.import_(tmp_path / "a")
    there.export(tmp_path / "b")
    back.import_(tmp_path / "b")
    assert same(learnt(here), learnt(there))
    assert same(learnt(here), learnt(back))
    for memory in (here, there, back):
        memory.close()


def test_importing_again_changes_nothing_and_a_bill_is_not_charged_again(tmp_path: Path) -> None:
    here, there = ram(), ram()
    fill(here, [[1.0, 0.0], [0.5]])
    assert here.export(tmp_path) == {"tasks": 2, "decisions": 2, "calls": 2, "outcomes": 3, "embeddings": 2}
    assert here.import_(tmp_path) == dict.fromkeys(TABLES, 0)
    assert there.import_(tmp_path)["outcomes"] == 3
    assert there.import_(tmp_path) == dict.fromkeys(TABLES, 0)
    assert drive(there.spent_nusd(SYNC, budget="team")) == 0
    found = drive(there.lookup(SYNC, ["task 1"], tenant="default"))[0].neighbours
    assert [(n.text, n.similarity) for n in sorted(found, key=lambda n: n.text)] == [
        ("task 0", pytest.approx(1.0, abs=1e-5)), ("task 1", pytest.approx(1.0, abs=1e-5)),
    ]  # fmt: skip


def test_another_tenant_gets_copies(tmp_path: Path) -> None:
    memory = ram()
    fill(memory, [[1.0, 0.0], [0.5]])
    memory.export(tmp_path)
    assert memory.import_(tmp_path, tenant="b")["tasks"] == 2
    assert memory.import_(tmp_path, tenant="b") == dict.fromkeys(TABLES, 0)
    assert same(learnt(memory), learnt(memory, "b"), but_tenant=True)
    memory.forget(tenant="b")
    assert memory.tenants().keys() == {"default"}
    assert learnt(memory) is not None
    assert [check.name for check in memory.verify() if check.state != "ok"] == []


@pytest.mark.parametrize("asked", [False, True])
def test_private_tasks_leave_only_when_asked_for(tmp_path: Path, asked: bool) -> None:
    memory = ram()
    fill(memory, [[1.0]], private=True, word="zebrawort")
    fill(memory, [[1.0]], word="quokkaberry")
    assert set(memory.export(tmp_path, with_private=asked).values()) == {1 + asked}
    texts = pq.read_table(tmp_path / "tasks.parquet").column("text").to_pylist()
    assert sorted(texts) == ["quokkaberry 0", "zebrawort 0"][: 1 + asked]


def test_one_tenant_without_vectors_and_where_it_came_from(tmp_path: Path) -> None:
    memory = ram()
    fill(memory, [[1.0]], tenant="a")
    fill(memory, [[1.0]], tenant="b")
    assert memory.export(tmp_path, tenant="a", with_vectors=False) == dict.fromkeys(TABLES[:-1], 1)
    row = pq.read_table(tmp_path / "tasks.parquet").to_pylist()[0]
    assert (row["tenant"], row["origin"]) == ("a", "RAM")
    assert row["release"]
    assert time.time() - row["exported_at"] < 60
    with pytest.raises(InputError, match="is there already"):
        memory.export(tmp_path)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".parquet"] * 4


def change(path: Path, edit: Callable[[pa.Table], pa.Table]) -> None:
    pq.write_table(edit(pq.read_table(path)), path)


def put(column: str, values: list[Any]) -> Callable[[pa.Table], pa.Table]:
    def edit(table: pa.Table) -> pa.Table:
        place = table.schema.get_field_index(column)
        return table.set_column(place, column, pa.array(values, table.schema.field(column).type))

    return edit


UNIT = [1.0] + [0.0] * 383
BAD: list[tuple[str, Callable[[pa.Table], pa.Table], str]] = [
    ("outcomes", lambda t: t.drop_columns(["score"]), r"outcomes\.parquet: column 'score' \(double\) is missing"),
    ("outcomes", lambda t: t.append_column("taste", pa.array([1, 2])), "column 'taste' is unknown; known are id"),
    ("outcomes", lambda t: t.set_column(4, "score", pa.array(["good", "bad"])), "column 'score' is string, not double"),
    ("outcomes", put("score", [0.5, 1.5]), r"row 2, column score: 1\.5 is not between 0 and 1"),
    ("outcomes", put("score", [float("nan"), 1]), "row 1, column score: nan"),
    ("outcomes", put("weight", [0.5, None]), "row 2, column weight: it is empty"),
    ("outcomes", put("latency_s", [0.1, float("inf")]), "row 2, column latency_s: inf"),
    ("outcomes", put("cost_nusd", [-1, 0]), "row 1, column cost_nusd: -1"),
    ("outcomes", put("task_id", ["a" * 32, "b" * 32]), r"row 1, column task_id: 'a+', which tasks\.parquet does not"),
    ("outcomes", put("created_at", [1e12, 0]), "row 1, column created_at: 1e\\+12|1000000000000.0 is in the future"),
    ("decisions", put("ranking", ["[]", "{"]), "row 2, column ranking: '{' is no JSON"),
    ("tasks", put("tenant", ["default", "../x"]), "row 2, column tenant: '../x' is not 1 to 64 characters of"),
    ("tasks", put("id", ["", "x"]), "row 1, column id: '' is not 1 to 64"),
    ("embeddings", put("vector", [UNIT, UNIT[:-1]]), "row 2, column vector: 383 numbers, but its dimension is 384"),
    ("embeddings", put("vector", [UNIT, [2 * x for x in UNIT]]), "row 2, column vector: its length is 2, not 1"),
    ("embeddings", put("vector", [[float("nan"), *UNIT[1:]], UNIT]), "row 1, column vector: its length is nan"),
    ("embeddings", put("vector", [UNIT, [None, *UNIT]]), "row 2, column vector: 385 numbers"),
    ("embeddings", put("tenant", ["default", "b"]), "row 2, column tenant: 'b', but its task is 'default'"),
    ("embeddings", put("dimension", [384, 8]), "row 2, column vector: 384 numbers, but its dimension is 8"),
]


@pytest.mark.parametrize(("table", "edit", "words"), BAD, ids=[words[:40] for _, _, words in BAD])
def test_a_wrong_value_is_named_and_nothing_is_written(
    tmp_path: Path, table: str, edit: Callable[[pa.Table], pa.Table], words: str
) -> None:
    here, there = ram(), ram()
    fill(here, [[1.0], [0.5]])
    here.export(tmp_path)
    change(tmp_path / f"{table}.parquet", edit)
    with pytest.raises(InputError, match=words):
        there.import_(tmp_path)
    assert [there.stats()[name] for name in TABLES] == [0] * 5


def test_odd_text_is_taken_by_every_database(tmp_path: Path, database: str) -> None:
    with closing(ram()) as here:
        fill(here, [[1.0], [0.5]])
        here.export(tmp_path)
    for name in ("tasks", "outcomes", "decisions", "calls", "embeddings"):
        change(tmp_path / f"{name}.parquet", put("id" if name == "tasks" else "task_id", ["a\0", "b"]))
    change(tmp_path / "tasks.parquet", put("text", ["a\0b", "c"]))
    for where in (None, database):
        with closing(Memory(where, index="none")) as there:
            assert set(there.import_(tmp_path).values()) == {2}
            assert there.import_(tmp_path) == dict.fromkeys(TABLES, 0)
            found = drive(there.lookup(SYNC, ["task 0"], tenant="default", min_similarity=-1))[0].neighbours
            assert sorted((n.task_id, n.text) for n in found) == [("a\ufffd", "a\ufffdb"), ("b", "c")]


def test_a_size_that_is_not_the_spaces_is_refused(tmp_path: Path) -> None:
    here, there = ram(), ram()
    fill(here, [[1.0], [0.5]])
    here.export(tmp_path)
    path = tmp_path / "embeddings.parquet"
    change(path, put("dimension", [8, 8]))
    change(path, put("vector", [UNIT[:8], UNIT[:8]]))
    fill(there, [[1.0]])
    with pytest.raises(InputError, match=r"row 1, column dimension: 8, but vectors of .* have 384"):
        there.import_(tmp_path)


def test_files_that_are_none_are_refused(tmp_path: Path) -> None:
    memory = ram()
    with pytest.raises(InputError, match=r"no tasks\.parquet"):
        memory.import_(tmp_path)
    (tmp_path / "tasks.parquet").write_bytes(b"words")
    with pytest.raises(InputError, match=r"tasks\.parquet: cannot be read as parquet"):
        memory.import_(tmp_path)
    with pytest.raises(InputError, match="tenant='a b'"):
        memory.import_(tmp_path, tenant="a b")


def test_labels_cannot_be_slipped_onto_another_tenants_task(tmp_path: Path) -> None:
    memory = ram()
    fill(memory, [[1.0], [0.5]])
    memory.export(tmp_path)
    change(tmp_path / "tasks.parquet", put("tenant", ["evil", "evil"]))
    with pytest.raises(InputError, match="another tenant's"):
        memory.import_(tmp_path)


def test_without_pyarrow_the_extra_is_named(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from orchestrator_graph.errors import MemoryStoreError\n"
        "from orchestrator_graph.memory import Memory\n"
        "for use in (lambda m: m.export(sys.argv[1]), lambda m: m.import_(sys.argv[1])):\n"
        "    try:\n        use(Memory(index='none'))\n"
        "    except MemoryStoreError as error:\n        print(error)\n"
    )
    (tmp_path / "tasks.parquet").touch()
    done = subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, text=True, timeout=100)
    assert done.stdout.count('pip install "orchestrator-graph[lab]"') == 2, done.stderr
