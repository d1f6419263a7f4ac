"""The ledger's tables as Arrow tables: which columns, of which types. Loads pyarrow (the extra `lab`) when asked."""

from importlib import import_module
from typing import Any

from sqlalchemy import Boolean, Column, Float, Integer, LargeBinary, Table

from orchestrator_graph.errors import MemoryStoreError
from orchestrator_graph.memory import schema

__all__ = ["ORIGIN", "TABLES", "arrow", "arrow_schema", "columns_of"]

TABLES = (schema.tasks, schema.decisions, schema.calls, schema.outcomes, schema.embeddings)
"""A task before what refers to it."""

ORIGIN = ("origin", "release", "exported_at")
"""Columns that say of each exported task where it comes from."""


def arrow() -> tuple[Any, Any]:
    """The modules pyarrow and pyarrow.parquet.

    Raises:
        MemoryStoreError: They are not installed.
    """
    try:
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as error:
        install = 'pip install "orchestrator-graph[lab]"'
        raise MemoryStoreError(f"memory: parquet files need pyarrow: {install} ({error})") from None


def columns_of(table: Table) -> list[Column[Any]]:
    """The columns that are exchanged: all but the number that each ledger gives its vectors itself."""
    return [column for column in table.columns if column.name != "seq"]


def arrow_schema(table: Table) -> Any:
    """The Arrow schema of an exported table."""
    pa, _ = arrow()
    fields = [pa.field(column.name, _type(pa, column), bool(column.nullable)) for column in columns_of(table)]
    if table is schema.tasks:
        fields += [pa.field(name, pa.float64() if name == "exported_at" else pa.string()) for name in ORIGIN]
    return pa.schema(fields)


def _type(pa: Any, column: Column[Any]) -> Any:
    kinds = {LargeBinary: pa.list_(pa.float32()), Boolean: pa.bool_(), Integer: pa.int64(), Float: pa.float64()}
    return next((kind for sql, kind in kinds.items() if isinstance(column.type, sql)), pa.string())
