"""Runs every order and writes the table of docs/attach/middleware.md: `python -m tests.surfaces.agents.order_table`."""

import time
from pathlib import Path

from tests.surfaces.agents.chat_server import ChatServer
from tests.surfaces.agents.orders import Row, orders, row
from tests.surfaces.agents.stacks import OURS, World

PAGE = Path(__file__).parents[3] / "docs" / "attach" / "middleware.md"
BEGIN, END = "<!-- orders: begin -->", "<!-- orders: end -->"


def table() -> str:
    """One line a stack: over all its orders, how many did what."""
    server, rows, begun = ChatServer(), list[Row](), time.monotonic()
    try:
        world = World(server)
        every = [order for size in (2, 3, 4) for order in orders(size)]
        rows = [row(world, order, ("sync", "async")[number % 2]) for number, order in enumerate(every)]
    finally:
        server.stop()
    stacks: dict[tuple[str, ...], list[Row]] = {}
    for item in rows:
        stacks.setdefault(tuple(sorted(set(item.order) - {OURS})), []).append(item)
    heads = ["with ours in the stack", "orders", "work", "decision honoured", "fallback honoured", "calls as expected"]
    lines = [f"| {' | '.join(heads)} |", "|---|---|---|---|---|---|"]
    lines += [_line(", ".join(names), same) for names, same in stacks.items()]
    lines += [_line("**all**", rows)]
    overridden = sum(r.fallback is False for r in rows)
    tail = f"{overridden} overridden fallbacks, {sum(r.extra for r in rows)} calls more than without us."
    print(f"{len(rows)} orders in {time.monotonic() - begun:.0f} s")  # noqa: T201
    return "\n".join([*lines, "", tail])


def _line(name: str, rows: list[Row]) -> str:
    asked = [r.fallback for r in rows if r.fallback is not None]
    fallback = str(sum(asked)) if asked else "-"
    counts = [len(rows), sum(r.works for r in rows), sum(r.decided for r in rows), fallback, sum(r.calls for r in rows)]
    return f"| {name} | {' | '.join(map(str, counts))} |"


def main() -> None:
    """Prints the table and puts it into the page."""
    found, text = table(), PAGE.read_text(encoding="utf-8")
    print(found)  # noqa: T201
    before, rest = text.split(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{found}\n{END}{rest.split(END)[1]}", encoding="utf-8")


if __name__ == "__main__":
    main()
