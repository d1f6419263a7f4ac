"""The truth: what was asked, decided, called and found out, in SQL. A write that returned survives kill -9.

Safe for any number of threads and processes. Knows neither embedders nor Chroma.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Boolean, Connection, Table, and_, bindparam, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from orchestrator_graph.errors import MemoryStoreError
from orchestrator_graph.memory import schema
from orchestrator_graph.memory.engine import open_database, typed_errors
from orchestrator_graph.memory.records import RunRecord
from orchestrator_graph.memory.rows import Row, call_row, cleaned, decision_row, outcome_row, storable, task_row

__all__ = ["Ledger", "Vectors"]

_tasks, _calls, _embeddings = schema.tasks, schema.calls, schema.embeddings
_in_space = and_(_embeddings.c.tenant == bindparam("tenant"), _embeddings.c.fingerprint == bindparam("fingerprint"))
_of_private = select(_tasks.c.id).where(_tasks.c.id == _embeddings.c.task_id, _tasks.c.private).exists()
_in_view = and_(_in_space, or_(bindparam("private", type_=Boolean), ~_of_private))
_NEWER = (
    select(_embeddings.c.seq, _embeddings.c.task_id, _embeddings.c.vector, _embeddings.c.dimension)
    .where(_in_view, _embeddings.c.seq > bindparam("after"))
    .order_by(_embeddings.c.seq)
)
_CENSUS = select(func.count(), func.coalesce(func.max(_embeddings.c.seq), 0)).where(_in_view)
_BARE = (
    select(_tasks.c.id, _tasks.c.text)
    .outerjoin(
        _embeddings,
        and_(_embeddings.c.task_id == _tasks.c.id, _embeddings.c.fingerprint == bindparam("fingerprint")),
    )
    .where(
        _tasks.c.tenant == bindparam("tenant"),
        _tasks.c.private.in_(bindparam("private", expanding=True)),
        _embeddings.c.task_id.is_(None),
    )
    .limit(bindparam("limit"))
)


_PRESENT = select(_tasks.c.id).where(_tasks.c.id.in_(bindparam("ids", expanding=True)))
_HELD = select(_embeddings.c.task_id).where(_in_view)
_IDENTITY = select(schema.meta.c.value).where(schema.meta.c.key == "ledger_id")
PATIENCE_S = 30
PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Vectors:
    """Rows of one vector space in the order of their commits; `matrix` has shape (ids, dimension)."""

    ids: list[str]
    matrix: NDArray[np.float32] | None
    last: int


def _known(connection: Connection, ids: list[str]) -> set[str]:
    pages = (ids[start : start + PAGE] for start in range(0, len(ids), PAGE))
    return {task_id for page in pages for task_id in connection.execute(_PRESENT, {"ids": page}).scalars()}


class Ledger:
    """Reads and writes.

    Args:
        place: A folder, a `postgresql://` URL, or `None` for RAM.

    Attributes:
        where: The place, for people.
        identity: The same for all processes that share this ledger.

    Raises:
        MemoryStoreError: From every method, where the database fails.
    """

    def __init__(self, place: Path | str | None) -> None:
        self._database = open_database(place)
        self.where = self._database.where
        kind = self._database.reader.dialect.name
        insert = postgresql.insert if kind == "postgresql" else sqlite.insert
        self._insert = {
            table: insert(table).on_conflict_do_nothing() for table in schema.embeddings.metadata.sorted_tables
        }
        self._writing, self._closed = threading.RLock(), False
        self._many = place is not None  # in RAM all threads share one connection, which can hold one transaction
        with self.read("reading its id") as connection:
            self.identity = str(connection.execute(_IDENTITY).scalar_one())

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._writing.acquire(timeout=PATIENCE_S):
            raise MemoryStoreError(f"memory: another thread has been writing to {self.where} for {PATIENCE_S} s")
        try:
            if self._closed:
                raise MemoryStoreError(f"memory: {self.where} is closed; open a new Memory or Orchestrator")
            yield
        finally:
            self._writing.release()

    @contextmanager
    def read(self, doing: str) -> Iterator[Connection]:
        """A connection for SELECTs; `doing` is named in errors."""
        turn = nullcontext() if self._many else self._turn()
        with typed_errors(f"{doing} ({self.where})"), turn, self._database.reader.connect() as connection:
            yield connection

    @contextmanager
    def write(self, doing: str) -> Iterator[Connection]:
        """The one writing transaction: durable when the block ends, undone when it raises."""
        with typed_errors(f"{doing} ({self.where})"), self._turn(), self._database.writer.begin() as connection:
            yield connection

    def insert(self, batches: Sequence[tuple[Table, list[Row]]]) -> None:
        """Commits rows in one transaction; what is there already stays, and what belongs to no task is left out."""
        fresh = {row["id"] for table, rows in batches if table is schema.tasks for row in rows}
        with self.write("writing") as connection:
            for table, rows in batches:
                kept = [cleaned(row) for row in rows]
                if kept and table in schema.OF_A_TASK:  # a task may have been erased meanwhile
                    known = fresh | _known(connection, sorted({row["task_id"] for row in kept} - fresh))
                    kept = [row for row in kept if row["task_id"] in known]
                if kept:
                    connection.execute(self._insert[table], kept)

    def remember(self, record: RunRecord, vectors: list[Row]) -> None:
        """Commits a run in one transaction; what is already there (by id) is left as it is."""
        now = time.time()
        self.insert([
            (schema.tasks, [task_row(task) for task in record.tasks]),
            (schema.decisions, [decision_row(task_id, decision, now) for task_id, decision in record.decisions]),
            (schema.calls, [call_row(task_id, call, record, now) for task_id, call in record.calls]),
            (schema.outcomes, [outcome_row(outcome, now) for outcome in record.outcomes]),
            (schema.embeddings, vectors),
        ])  # fmt: skip

    def newer(self, tenant: str, fingerprint: str, after: int, *, private: bool = True) -> Vectors:
        """The vectors of a space that were committed after row `after`, with or without those of private tasks.

        Damaged ones are left out: `verify` names them, `rebuild` makes them again.
        """
        values = {"tenant": tenant, "fingerprint": fingerprint, "after": after, "private": private}
        with self.read("reading vectors") as connection:
            found = connection.execute(_NEWER, values).all()
        rows = [row for row in found if len(row[2]) == 4 * row[3]]
        if not rows:
            return Vectors([], None, found[-1][0] if found else after)
        flat = np.frombuffer(b"".join(row[2] for row in rows), "<f4").astype(np.float32, copy=False)
        return Vectors([row[1] for row in rows], flat.reshape(len(rows), -1), found[-1][0])

    def census(self, tenant: str, fingerprint: str, *, private: bool = True) -> tuple[int, int]:
        """How many vectors a space has, and the newest one's number."""
        values = {"tenant": tenant, "fingerprint": fingerprint, "private": private}
        with self.read("counting vectors") as connection:
            count, newest = connection.execute(_CENSUS, values).one()
        return count, newest

    def held(self, tenant: str, fingerprint: str, *, private: bool = True) -> set[str]:
        """The ids of the tasks that have a vector in a space."""
        values = {"tenant": tenant, "fingerprint": fingerprint, "private": private}
        with self.read("reading ids") as connection:
            return set(connection.execute(_HELD, values).scalars())

    def bare(self, tenant: str, fingerprint: str, private: list[bool], limit: int) -> list[tuple[str, str]]:
        """(id, text) of tasks that have no vector in this space."""
        values = {"tenant": tenant, "fingerprint": fingerprint, "private": private, "limit": limit}
        with self.read("reading tasks") as connection:
            return [(row[0], row[1]) for row in connection.execute(_BARE, values)]

    def spent_nusd(self, run_id: str | None, budget: str | None, since: float) -> int:
        """Nano-dollars charged since then, by run and budget where given."""
        query = select(func.coalesce(func.sum(_calls.c.cost_nusd), 0)).where(_calls.c.created_at >= since)
        if run_id is not None:
            query = query.where(_calls.c.run_id == run_id)
        if budget is not None:
            query = query.where(_calls.c.budget == storable(budget))
        with self.read("summing costs") as connection:
            return int(connection.execute(query).scalar_one())

    def counts(self) -> dict[str, int]:
        """Rows by table."""
        names = ("tasks", "decisions", "calls", "outcomes", "embeddings")
        tables = schema.embeddings.metadata.tables
        with self.read("counting rows") as connection:
            return {n: connection.execute(select(func.count()).select_from(tables[n])).scalar_one() for n in names}

    def close(self) -> None:
        """Closes every connection, after whoever is using one; in RAM the content is gone."""
        with suppress(MemoryStoreError), self._turn():  # closing a connection under another thread's hands is a crash
            self._closed = True
        self._database.reader.dispose()
