"""The ledger on PostgreSQL, and what both databases promise alike: migrations, order of commits, typed errors."""

import math
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, inspect

from orchestrator_graph import Orchestrator
from orchestrator_graph.drive import SYNC, drive
from orchestrator_graph.errors import MemoryStoreError
from orchestrator_graph.memory import Memory, RunRecord, TaskRecord
from orchestrator_graph.memory.ledger import Ledger
from orchestrator_graph.types import Outcome, new_id
from tests.servers import PASSWORD, Postgres, free_port

V1 = Path(__file__).with_name("ledger_v1.sql")


def record(text: str, task_type: str = "text") -> RunRecord:
    return RunRecord((TaskRecord(new_id(), "r", "1", "t", "u", text, task_type, False, time.time()),))


@pytest.fixture(params=["folder", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return tmp_path / "memory" if request.param == "folder" else request.getfixturevalue("database")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda url: url.replace(PASSWORD, "guess"), "password authentication failed"),
        (lambda url: url.replace("test_", "no_"), "does not exist"),
        (lambda url: re.sub(r":\d+/", f":{free_port()}/", url), "refused"),
        (lambda url: url.replace("127.0.0.1", "10.255.255.1"), "opening"),  # nobody answers there at all
        (lambda url: url.replace("postgresql", "mysql"), "only a folder"),
        (lambda url: "postgresql://u:" + PASSWORD + "@h:none/x", "looks like postgresql://user"),
    ],
)
def test_what_cannot_be_opened_is_said_in_bounded_time(database: str, change: Callable[[str], str], said: str) -> None:
    begun = time.monotonic()
    with pytest.raises(MemoryStoreError, match=said) as caught:
        Memory(change(database)).stats()
    assert time.monotonic() - begun < 8
    assert PASSWORD not in str(caught.value)


def test_a_missing_driver_is_named() -> None:
    code = "import sys; sys.modules['psycopg'] = None\nfrom orchestrator_graph.memory import Memory\n"
    code += "try: Memory('postgresql://h/x').stats()\nexcept RuntimeError as error: print(type(error).__name__, error)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.startswith("MemoryStoreError")
    assert 'pip install "orchestrator-graph[postgres]"' in said


def shape(url: str) -> dict[str, Any]:
    engine = create_engine(url)
    seen = inspect(engine)
    tables = {
        name: (
            {column["name"]: (str(column["type"]), column["nullable"]) for column in seen.get_columns(name)},
            sorted(str(index["name"]) for index in seen.get_indexes(name)),
        )
        for name in seen.get_table_names()
    }
    engine.dispose()
    return tables


def test_a_ledger_of_the_first_version_is_brought_up_in_sqlite(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "ledger.sqlite") as connection:
        connection.executescript(V1.read_text())
    connection.close()
    memory, new = Memory(tmp_path, half_life_days=math.inf), Memory(tmp_path / "new")
    found = drive(memory.lookup(SYNC, ["Add 12 and 95"], tenant="t"))[0]
    assert [near.outcomes for near in found.neighbours] == [(("ollama:a", 1.0, 0.5),)]
    new.stats()
    memory.close()
    new.close()
    assert shape(f"sqlite:///{tmp_path}/ledger.sqlite") == shape(f"sqlite:///{tmp_path}/new/ledger.sqlite")


def test_a_ledger_of_the_first_version_is_brought_up_in_postgresql(postgres: Postgres, database: str) -> None:
    import psycopg

    Memory(database).stats()
    wanted = shape(database.replace("postgresql:", "postgresql+psycopg:"))
    with psycopg.connect(database) as connection:
        connection.execute("ALTER TABLE outcomes DROP COLUMN key, DROP COLUMN comment, DROP COLUMN voter")
        connection.execute("ALTER TABLE outcomes DROP COLUMN signals, DROP COLUMN said")
        connection.execute("DROP TABLE reservations, certificates")
        connection.execute("DROP INDEX tasks_by_run, calls_by_task")
        connection.execute("DELETE FROM meta WHERE key <> 'schema_version'")
        connection.execute("UPDATE meta SET value = '1'")
    memory = Memory(database)
    assert memory.stats()["tasks"] == 0
    memory.close()
    assert shape(database.replace("postgresql:", "postgresql+psycopg:")) == wanted


WRITER = """
import asyncio, os, sys, threading, time
from orchestrator_graph.drive import ASYNC, SYNC, drive
from orchestrator_graph.memory import Memory, RunRecord, TaskRecord
from orchestrator_graph.types import new_id
memory = Memory(sys.argv[1], index="none")
def record():
    task = TaskRecord(new_id(), "r", "1", "t", "u", "Reverse " + new_id()[:5], "text", False, time.time())
    return RunRecord((task,))
def steadily():
    for _ in range(8):
        one = record()
        drive(memory.remember(SYNC, one))
        os.write(1, (one.tasks[0].id + "\\n").encode())  # at once: two threads' lines must not run together
async def at_once():
    records = [record() for _ in range(8)]
    await asyncio.gather(*(memory.remember(ASYNC, one) for one in records))
    os.write(1, "".join(one.tasks[0].id + "\\n" for one in records).encode())
threads = [threading.Thread(target=steadily) for _ in range(2)]
for thread in threads: thread.start()
asyncio.run(at_once())
for thread in threads: thread.join()
memory.close()
"""


def test_four_processes_write_and_a_reader_misses_nothing(place: Any) -> None:
    """Readers ask for what is newer than they know: that is only right where numbers grow in the order of commits."""
    command = [sys.executable, "-c", WRITER, str(place)]  # the first openings collide, too
    children = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    ledger, last, seen = Ledger(place), 0, list[str]()
    while True:
        over = all(child.poll() is not None for child in children)
        newer = ledger.newer("t", "hashed-ngrams-1-384", last)
        seen += newer.ids
        last = newer.last
        if over:
            break
    ledger.close()
    written = [line for child in children for line in child.communicate()[0].split()]
    assert [child.returncode for child in children] == [0] * 4
    assert len(written) == 4 * 24
    assert sorted(seen) == sorted(written)
    memory = Memory(place)
    drive(memory.lookup(SYNC, ["Reverse"], tenant="t"))
    memory.flush(60)
    found = drive(memory.lookup(SYNC, ["Reverse"], tenant="t", k=200, min_similarity=-1))[0]
    assert (found.state, memory.stats()["indexed"]) == ("ok", len(written))
    assert sorted(near.task_id for near in found.neighbours) == sorted(written)
    memory.close()


def test_odd_text_is_kept_and_no_number_is_refused(place: Any) -> None:
    memory = Memory(place)
    drive(memory.remember(SYNC, record("Reverse \0 lantern \ud800", task_type="te\0xt")))
    found = drive(memory.lookup(SYNC, ["Reverse lantern"], tenant="t"))[0].neighbours[0]
    assert (found.text, found.task_type) == ("Reverse \ufffd lantern ?", "te\ufffdxt")
    for score, weight, said in ((math.nan, 0.5, "score = nan"), (1.5, 0.5, "score = 1.5"), (1.0, -1.0, "weight = -1")):
        bad = RunRecord(outcomes=(Outcome(new_id(), "t", "d", "a", score, "judge", weight),))
        with pytest.raises(MemoryStoreError, match=said):
            drive(memory.remember(SYNC, bad))
    assert memory.stats()["outcomes"] == 0
    memory.close()


def test_a_run_answers_while_the_database_is_away(postgres: Postgres, database: str) -> None:
    memory = Memory(database)
    with Orchestrator("pocket", memory=memory) as orchestrator:
        first = orchestrator.run("Reverse the word lantern")
        assert memory.stats()["tasks"] == 1
        postgres.stop()
        try:
            begun = time.monotonic()
            away = orchestrator.run("Reverse the word river")
            took = time.monotonic() - begun
        finally:
            postgres.start()
        back = orchestrator.run("Reverse the word apple")
        assert memory.stats()["tasks"] == 2  # nothing that was acknowledged is lost, and it goes on by itself
    assert took < 20
    assert [run["messages"][-1].text for run in (first, away, back)] == ["nretnal", "revir", "elppa"]
    states = [run["results"]["1"]["decision"]["memory_state"] for run in (first, away, back)]
    assert [state.split(" ")[0] for state in states] == ["empty", "off", "ok"] or states[2].startswith("exact scan")
    notes = [any("not remembered" in note for note in run["bill"]["notes"]) for run in (first, away, back)]
    assert notes == [False, True, False]
