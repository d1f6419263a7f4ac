"""Reads exported parquet files into the ledger: first all is checked, then written; repeating it adds nothing."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Table, bindparam, select

from orchestrator_graph.errors import InputError
from orchestrator_graph.memory import schema
from orchestrator_graph.memory.damage import spaces_of
from orchestrator_graph.memory.ledger import Ledger
from orchestrator_graph.memory.parquet import ORIGIN, TABLES, arrow
from orchestrator_graph.memory.parquet_check import TENANT, Rows, checked

__all__ = ["Intake"]

CHUNK = 1_000
IDS = ("id", "task_id", "decision_id", "run_id")

_tasks = schema.tasks
_OWNERS = select(_tasks.c.id, _tasks.c.tenant).where(_tasks.c.id.in_(bindparam("ids", expanding=True)))


class Intake:
    """One folder of files, to be read into a ledger.

    Args:
        tenant: Whose the rows become; as exported if None. Rows of another tenant become copies with ids of their own,
            because that tenant may live in this ledger, too.
    """

    def __init__(self, ledger: Ledger, folder: Path, tenant: str | None) -> None:
        self._ledger = ledger
        self._folder = folder
        self._tenant = tenant
        self._sizes = {fingerprint: size for _, fingerprint, size in reversed(spaces_of(ledger))}
        self._owners: dict[str, str] = {}
        """Task id -> tenant, as in the files."""

    def run(self, progress: Callable[[int, int], None]) -> dict[str, int]:
        """Checks, then writes; returns the rows that are new, by table.

        Raises:
            InputError: A file, column or value is not as it has to be; the message names column and row.
        """
        if self._tenant is not None and not TENANT.fullmatch(self._tenant):
            raise InputError(f"import: tenant={self._tenant!r} is not 1 to 64 characters of A-Z a-z 0-9 _ -")
        files = {table: self._folder / f"{table.name}.parquet" for table in TABLES}
        files = {table: path for table, path in files.items() if path.is_file()}
        if _tasks not in files:
            raise InputError(f"{self._folder}: there is no tasks.parquet in it")
        total = sum(self._check(table, path) for table, path in files.items())
        before, done = self._ledger.counts(), 0
        for table, path in files.items():
            for rows in _batches(table, path):
                self._ledger.insert([(table, [self._owned(row) for row in rows.values()])])
                done += len(rows)
                progress(done, total)
        after = self._ledger.counts()
        return {table.name: after[table.name] - before[table.name] for table in files}

    def _check(self, table: Table, path: Path) -> int:
        number = 0
        for rows in _batches(table, path):
            number += len(rows)
            if table is _tasks:
                self._owners.update(zip(rows.column("id"), rows.column("tenant"), strict=True))
                self._check_owners(rows)
            else:
                self._check_references(rows)
        return number

    def _known(self, ids: list[str]) -> dict[str, str]:
        with self._ledger.read("looking tasks up") as connection:
            return {row[0]: row[1] for row in connection.execute(_OWNERS, {"ids": ids})}

    def _check_owners(self, rows: Rows) -> None:
        """A task that is here already under another tenant must not be given labels from outside."""
        if self._tenant is not None:
            return
        here = self._known(rows.column("id"))
        for i, (task_id, tenant) in enumerate(zip(rows.column("id"), rows.column("tenant"), strict=True)):
            if here.get(task_id, tenant) != tenant:
                raise rows.wrong("tenant", i, f"{tenant!r}, but here the task {task_id} is another tenant's")

    def _check_references(self, rows: Rows) -> None:
        strange = [task_id for task_id in rows.column("task_id") if task_id not in self._owners]
        if strange:
            place = rows.column("task_id").index(strange[0])
            raise rows.wrong("task_id", place, f"{strange[0]!r}, which tasks.parquet does not hold")
        if "dimension" in rows.table.c:
            for i, (space, size) in enumerate(zip(rows.column("fingerprint"), rows.column("dimension"), strict=True)):
                if self._sizes.setdefault(space, size) != size:
                    raise rows.wrong("dimension", i, f"{size}, but vectors of {space} have {self._sizes[space]}")
        if "tenant" in rows.table.c:
            for i, (task_id, tenant) in enumerate(zip(rows.column("task_id"), rows.column("tenant"), strict=True)):
                if self._owners[task_id] != tenant:
                    raise rows.wrong("tenant", i, f"{tenant!r}, but its task is {self._owners[task_id]!r}'s")

    def _owned(self, row: dict[str, Any]) -> dict[str, Any]:
        row = {name: value for name, value in row.items() if name not in ORIGIN}
        if "budget" in row:
            row["budget"] = None  # it was paid elsewhere
        tenant = self._tenant
        if tenant is None or self._owners[row["task_id"] if "task_id" in row else row["id"]] == tenant:
            return row
        row |= {name: _copied(tenant, row[name]) for name in IDS if row.get(name)}
        return row | ({"tenant": tenant} if "tenant" in row else {})


def _copied(tenant: str, key: str) -> str:
    return hashlib.sha256(f"{tenant}\n{key}".encode()).hexdigest()[:32]


def _batches(table: Table, path: Path) -> Iterator[Rows]:
    """The file's rows, checked, a thousand at a time."""
    pa, parquet = arrow()
    try:
        with parquet.ParquetFile(path) as file:
            first = 0
            for batch in file.iter_batches(CHUNK):
                yield checked(table, path, batch, first)
                first += len(batch)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise InputError(f"{path}: cannot be read as parquet ({str(error)[:200]})") from None
