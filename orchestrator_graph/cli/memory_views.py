"""Tables of a memory's content and state."""

from datetime import UTC, datetime
from typing import Any

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

__all__ = ["checks_view", "stats_view"]

TABLES = ("tasks", "decisions", "calls", "outcomes", "embeddings")
MARKS = {"ok": "green", "note": "yellow", "wrong": "red"}


def stats_view(found: dict[str, Any]) -> Group:
    """Rows by table and tenant, and where they are."""
    rows = ", ".join(f"{found[name]:,} {name}" for name in TABLES)
    sizes = ", ".join(f"{name} {size / 1e6:,.1f} MB" for name, size in found["bytes"].items())
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("tenant", "tasks", "labelled", "users", "first", "last", "vectors"):
        table.add_column(name, overflow="fold")
    for name, row in found["tenants"].items():
        vectors = "\n".join(f"{number:,} {space}" for space, number in row["vectors"].items())
        cells = [name, *(f"{row[key]:,}" for key in ("tasks", "labelled", "users")), _day(row["first"])]
        table.add_row(*map(Text, [*cells, _day(row["last"]), vectors]))
    lines = [f"{found['where']}: {rows}", sizes, f"index: {found['index_kind']}; embedder: {found['embedder']}"]
    return Group(*(Text(line) for line in lines if line), table)


def checks_view(found: dict[str, Any]) -> Group:
    """What was looked at, and the first thing to do."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("", "what", "found", "to mend it"):
        table.add_column(name, overflow="fold")
    for check in found["checks"]:
        mark = Text(check["state"], style=MARKS[check["state"]])
        table.add_row(mark, Text(check["name"]), Text(check["detail"]), Text(check["mend"]))
    first = next((check for check in found["checks"] if check["state"] == "wrong"), None)
    closing = f"Wrong: {first['name']}. Run: {first['mend']}" if first else "Nothing is wrong."
    return Group(table, Text(closing, style="bold"))


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
