"""Writes what was learnt as parquet, a file per table. Private tasks stay at home unless asked for."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, Select, Table, func, null, select

from orchestrator_graph.errors import InputError
from orchestrator_graph.memory import schema
from orchestrator_graph.memory.engine import typed_errors
from orchestrator_graph.memory.ledger import Ledger
from orchestrator_graph.memory.parquet import ORIGIN, TABLES, arrow, arrow_schema, columns_of

__all__ = ["Export"]

CHUNK = 2_000
KEY = "_key"

_tasks = schema.tasks


class Export:
    """The rows of one tenant (`None`: of all), with everything that hangs on a task.

    A private task is left out with all that hangs on it: words can be guessed from vectors, too. The budget that a call
    was charged to stays out: it was paid here.
    """

    def __init__(self, ledger: Ledger, tenant: str | None, *, with_private: bool, with_vectors: bool) -> None:
        self._ledger = ledger
        self._chosen = [_tasks.c.tenant == tenant] if tenant is not None else []
        self._chosen += [] if with_private else [~_tasks.c.private]
        self._tables = TABLES if with_vectors else TABLES[:-1]

    def write(self, folder: Path, progress: Callable[[int, int], None]) -> dict[str, int]:
        """Writes the files and returns the rows by table. A file has its name only once all are complete.

        Raises:
            InputError: A file is there already.
            MemoryStoreError: pyarrow is missing, or ledger or folder fail.
        """
        arrow()
        files = {table: folder / f"{table.name}.parquet" for table in self._tables}
        if there := next((path for path in files.values() if path.exists()), None):
            raise InputError(f"{there} is there already: name another folder, or remove it")
        with typed_errors(f"writing {folder}"), ExitStack() as undo:
            folder.mkdir(parents=True, exist_ok=True)
            parts = {table: path.with_suffix(".part") for table, path in files.items()}
            for part in parts.values():
                undo.callback(part.unlink, missing_ok=True)
            with self._ledger.read("exporting") as connection:
                written = self._rows(connection, parts, progress)
            for table, part in parts.items():
                part.replace(files[table])
        return written

    def _rows(
        self, connection: Connection, files: dict[Table, Path], progress: Callable[[int, int], None]
    ) -> dict[str, int]:
        queries = {table: self._query(table) for table in files}
        counts = {t: connection.execute(select(func.count()).select_from(q.subquery())) for t, q in queries.items()}
        total, done = sum(count.scalar_one() for count in counts.values()), 0
        written = dict.fromkeys((table.name for table in files), 0)
        # a task was committed before or with what refers to it: written last, none that is referred to is missing
        for table in reversed(files):
            for number in _write(connection, table, queries[table], files[table]):
                written[table.name] += number
                done += number
                progress(done, max(total, done))
        return written

    def _query(self, table: Table) -> Select[Any]:
        columns = [null().label("budget") if c.name == "budget" else c for c in columns_of(table)]
        query = select(*columns, table.primary_key.columns[0].label(KEY))
        if table is not _tasks:
            query = query.join(_tasks, _tasks.c.id == table.c.task_id)
        return query.where(*self._chosen)


def _write(connection: Connection, table: Table, query: Select[Any], file: Path) -> Iterator[int]:
    pa, parquet = arrow()
    form, key = arrow_schema(table), table.primary_key.columns[0]
    origin = dict(
        zip(ORIGIN, (connection.engine.url.database or "RAM", version("orchestrator-graph"), time.time()), strict=True)
    )
    query = query.order_by(key).limit(CHUNK)
    with parquet.ParquetWriter(file, form, compression="zstd") as writer:
        rows = connection.execute(query).all()
        while rows:
            columns = [_column(pa, field, rows, origin) for field in form]
            writer.write_table(pa.Table.from_arrays(columns, schema=form))
            yield len(rows)
            rows = connection.execute(query.where(key > rows[-1]._mapping[KEY])).all()


def _column(pa: Any, field: Any, rows: Sequence[Row[Any]], origin: dict[str, Any]) -> Any:
    if field.name in origin:
        return pa.array([origin[field.name]] * len(rows), field.type)
    values = [row._mapping[field.name] for row in rows]
    if field.name != "vector":
        return pa.array(values, field.type)
    ends = np.cumsum([0, *(len(value) // 4 for value in values)])
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), pa.array(np.frombuffer(b"".join(values), "<f4")))
