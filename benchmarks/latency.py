"""`make bench-latency`: one decision without embedding, its record committed to disk; embedding; an LLM as selector.

Prints each table as it is made and writes it between its markers in docs/latency.md.
"""

import argparse
import os
import platform
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.latency_alone import alone
from benchmarks.latency_decisions import decisions
from benchmarks.latency_embedding import embedding
from benchmarks.latency_selector import selection

DOCUMENT = Path(__file__).parents[1] / "docs" / "latency.md"


def main() -> None:
    """Measures what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/bench-latency"), help="what is filled and run once")
    parser.add_argument("--rows", type=int, nargs="+", default=[0, 1_000, 10_000, 100_000])
    parser.add_argument("--limit-s", type=float, default=1_800.0, help="building an index is given up after this")
    parser.add_argument("--decisions", type=int, default=2_000, help="so many of each kind; a tenth at 100,000 rows")
    parser.add_argument("--asked", type=int, default=120, help="tasks that the LLM selects for")
    parser.add_argument("--parts", nargs="+", default=["decisions", "alone", "embedding", "selection"])
    parser.add_argument("--document", type=Path, default=DOCUMENT)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    tables: dict[str, Callable[[], Iterator[str]]] = {
        "decisions": lambda: decisions(given.out, given.rows, given.limit_s, given.decisions),
        "alone": lambda: alone(given.out, given.rows, given.decisions),
        "embedding": embedding,
        "selection": lambda: selection(given.out, given.asked),
    }
    for name in given.parts:
        before, lines = os.getloadavg()[0], []
        for line in tables[name]():
            lines.append(line)
            print(line, flush=True)
        write(given.document, name, "\n".join([*lines, "", where(before)]))


def where(load: float) -> str:
    """Date, machine and load."""
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    now, later = time.strftime("%Y-%m-%d %H:%M"), os.getloadavg()[0]
    return f"Measured {now}, {machine}, load average {load:.1f} to {later:.1f}."


def write(document: Path, name: str, text: str) -> None:
    """Replaces what stands between `<!-- name -->` and `<!-- end -->`."""
    if document.exists():
        block = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        document.write_text(block.sub(lambda m: f"{m[1]}{text}\n{m[2]}", document.read_text()))


if __name__ == "__main__":
    main()
