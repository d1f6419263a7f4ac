"""Checks rows of a parquet file before they are believed: columns, types, ranges, vectors."""

import json
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Table

from orchestrator_graph.errors import InputError
from orchestrator_graph.memory.parquet import arrow, arrow_schema
from orchestrator_graph.memory.rows import cleaned, storable

__all__ = ["TENANT", "Rows", "checked"]

TENANT = re.compile(r"[A-Za-z0-9_-]{1,64}")
KEY = re.compile(r".{1,64}", re.DOTALL)
SHARES = ("score", "weight")
JSON = ("ranking", "excluded", "propensities", "neighbours", "signals")
ROUNDING = 1e-3
DAY_S = 86_400.0


class Rows:
    """Some rows of a file, as a table of the ledger takes them. Rows are numbered from 1 in messages."""

    def __init__(self, table: Table, path: Path, data: Any, first: int) -> None:
        self.table = table
        self._path = path
        self._data = data
        self._first = first

    def __len__(self) -> int:
        return len(self._data)

    def column(self, name: str) -> list[Any]:
        """The values of a column."""
        return [storable(value) if isinstance(value, str) else value for value in self._data.column(name).to_pylist()]

    def floats(self, name: str) -> NDArray[np.float64]:
        """The values of a column of numbers, NaN for null."""
        values: NDArray[np.float64] = self._data.column(name).to_numpy(zero_copy_only=False).astype(np.float64)
        return values

    def values(self) -> list[dict[str, Any]]:
        """The rows, a vector as little-endian float32."""
        rows = [cleaned(row) for row in self._data.to_pylist()]
        for row in rows:
            if "vector" in row:
                row["vector"] = np.array(row["vector"], "<f4").tobytes()
        return rows

    def nulls(self, name: str) -> NDArray[np.bool_]:
        """Where a column is empty."""
        empty: NDArray[np.bool_] = self._data.column(name).is_null().to_numpy(zero_copy_only=False)
        return empty

    def lists(self, name: str) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """A column of lists: each one's length, and all values in a row."""
        column = self._data.column(name)
        return np.diff(column.offsets.to_numpy()), column.flatten().to_numpy(zero_copy_only=False)

    def wrong(self, column: str, row: int, problem: str) -> InputError:
        """The error for one value."""
        return InputError(f"{self._path}, row {self._first + row + 1}, column {column}: {problem}")

    def demand(self, column: str, holds: NDArray[np.bool_], problem: str) -> None:
        """Raises for the first row for which it does not hold; `{}` in `problem` is the value."""
        if not holds.all():
            row = int(np.argmin(holds))
            raise self.wrong(column, row, problem.format(repr(self._data.column(column)[row].as_py())[:80]))


def checked(table: Table, path: Path, batch: Any, first: int) -> Rows:
    """The rows of a record batch; `first` is the number of rows before it.

    Raises:
        InputError: A column is missing, unknown or of another type, or a value cannot be; names column and row.
    """
    rows = Rows(table, path, _typed(table, path, batch), first)
    for column in table.columns:
        if column.name != "seq" and not column.nullable:
            rows.demand(column.name, ~rows.nulls(column.name), "it is empty")
    for name in rows._data.schema.names:
        _check(rows, name)
    return rows


def _typed(table: Table, path: Path, batch: Any) -> Any:
    pa, _ = arrow()
    form = arrow_schema(table)
    have = set(batch.schema.names)
    if unknown := sorted(have - set(form.names)):
        raise InputError(f"{path}: column {unknown[0]!r} is unknown; known are {', '.join(form.names)}")
    wanted = [field for field in form if field.name in have or (field.name in table.c and not field.nullable)]
    columns = []
    for field in wanted:
        if field.name not in have:
            raise InputError(f"{path}: column {field.name!r} ({field.type}) is missing")
        try:
            columns.append(batch.column(field.name).cast(field.type))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            kind = batch.column(field.name).type
            raise InputError(f"{path}: column {field.name!r} is {kind}, not {field.type} ({error})") from None
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema(wanted))


def _check(rows: Rows, name: str) -> None:
    kind = str(rows._data.schema.field(name).type)
    if name == "vector":
        _check_vectors(rows)
    elif name in SHARES:
        values = rows.floats(name)
        rows.demand(name, (values >= 0) & (values <= 1), "{} is not between 0 and 1")
    elif kind in ("double", "int64"):
        values = rows.floats(name)
        rows.demand(name, rows.nulls(name) | ((values >= 0) & np.isfinite(values)), "{} is no number of at least 0")
        if name == "created_at":  # clocks differ
            rows.demand(name, values < time.time() + DAY_S, "{} is in the future; it is in seconds since 1970")
    elif name in ("id", "task_id", "tenant"):
        form = TENANT if name == "tenant" else KEY
        holds = np.array([form.fullmatch(value) is not None for value in rows.column(name)], bool)
        rows.demand(name, holds, "{} is not 1 to 64 characters" + (" of A-Z a-z 0-9 _ -" if form is TENANT else ""))
    elif name in JSON:
        holds = np.array([value is None or _is_json(value) for value in rows.column(name)], bool)
        rows.demand(name, holds, "{} is no JSON")


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _check_vectors(rows: Rows) -> None:
    lengths, values = rows.lists("vector")
    dimensions = rows.floats("dimension").astype(np.int64)
    holds = lengths == dimensions
    if not holds.all():
        row = int(np.argmin(holds))
        raise rows.wrong("vector", row, f"{lengths[row]} numbers, but its dimension is {dimensions[row]}")
    squares = np.zeros(len(rows))
    np.add.at(squares, np.repeat(np.arange(len(rows)), lengths), np.square(values, dtype=np.float64))
    off = np.abs(squares - 1.0)
    if not (off < ROUNDING).all():  # so that NaN is wrong, too
        row = int(np.argmin(off < ROUNDING))
        raise rows.wrong("vector", row, f"its length is {np.sqrt(squares[row]):.3g}, not 1")
