"""What a memory of 1,000 to 100,000 tasks weighs and costs: each figure from a process of its own (`memory_stage`).

One folder grows. At each size: writing up to it, building the index from the ledger alone, opening, lookups by index
and by exact scan, reading the history, size on disk, the event loop's stalls while writes, lookups and indexing go on.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock

Figures = dict[str, Any]
DOCUMENT = Path(__file__).parents[1] / "docs" / "memory-scale.md"
BEGIN, END = "<!-- measured -->", "<!-- end -->"


def stage(name: str, folder: Path, **given: object) -> Figures:
    """Runs one stage to its end and returns its figures."""
    asked = json.dumps({"stage": name, "folder": str(folder), **given})
    command = [sys.executable, "-m", "benchmarks.memory_stage", asked]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1])
    found: Figures = json.loads(done.stdout.splitlines()[-1])
    print(f"{time.strftime('%T')} {name:8} {found}", flush=True)
    return found


def megabytes(path: Path) -> float:
    """Size of a file with its side files (`-wal`, `-shm`), or of a folder."""
    files = [f for f in path.rglob("*") if f.is_file()] if path.is_dir() else path.parent.glob(f"{path.name}*")
    return round(sum(file.stat().st_size for file in files) / 1e6, 1)


@contextmanager
def copied(folder: Path) -> Iterator[Path]:
    """A copy that may be written to."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as home:
        yield Path(shutil.copytree(folder, Path(home) / "copy"))


def measured(folder: Path, rows: int, limit_s: float) -> Figures:
    """All figures at one size."""
    folder.mkdir(exist_ok=True)
    found: Figures = {"rows": rows}
    with FileLock(folder / "index.lock"):  # as another process would hold it
        found["write_alone"] = stage("write", folder, rows=rows - 500)
    for path in folder.glob("index?*"):
        path.unlink()
    shutil.rmtree(folder / "index", ignore_errors=True)
    found["build"] = stage("index", folder, limit_s=limit_s)
    found["write"] = stage("write", folder, rows=rows)
    found["open"] = stage("index", folder, limit_s=limit_s)
    found["disk"] = {"ledger_mb": megabytes(folder / "ledger.sqlite"), "index_mb": megabytes(folder / "index")}
    found["history"] = stage("history", folder)
    with FileLock(folder / "index.lock"):
        found["scan"] = stage("scan", folder)
    for name, held in (("stalls_scan", True), ("stalls_index", False)):
        with copied(folder) as copy, FileLock(copy / ("index.lock" if held else "no.lock")):
            found[name] = stage("stalls", copy, busy=True)
    return found


def spread(figures: Figures) -> str:
    """p50 / p99 / max."""
    return f"{figures['p50_ms']:g} / {figures['p99_ms']:g} / {figures['max_ms']:g}"


LINES = {
    "write, 20 tasks a record, index held elsewhere: rows/s": lambda f: f["write_alone"]["rows_per_s"],
    "one record of 20: ms p50 / p99 / max": lambda f: spread(f["write_alone"]),
    "the last 500 rows, index written beside it: rows/s": lambda f: f["write"]["rows_per_s"],
    "one record of 20 then: ms p50 / p99 / max": lambda f: spread(f["write"]),
    "ledger on disk, MB": lambda f: f["disk"]["ledger_mb"],
    "index on disk, MB": lambda f: f["disk"]["index_mb"],
    "index built from the ledger alone, s": lambda f: f["build"]["ready_s"],
    "rows in it / not yet": lambda f: f"{f['build']['indexed']} / {f['build']['waiting']}",
    "open, first lookup answered (by scan), s": lambda f: f["open"]["first_lookup_s"],
    "open, index answers, s": lambda f: f["open"]["ready_s"],
    "lookup by index: ms p50 / p99 / max": lambda f: spread(f["open"]) if "p50_ms" in f["open"] else "-",
    "its recall@8 against the exact scan": lambda f: f["open"].get("recall", "-"),
    "lookup by exact scan: ms p50 / p99 / max": lambda f: spread(f["scan"]),
    "RSS with index / by exact scan, MB": lambda f: f"{f['open'].get('rss_mb', '-')} / {f['scan']['rss_mb']}",
    "peak RSS with index / by exact scan, MB": lambda f: f"{f['open'].get('peak_mb', '-')} / {f['scan']['peak_mb']}",
    "history read for learning (tasks), s": lambda f: f"{f['history']['read_s']} ({f['history']['tasks']})",
    "loop late, writes + lookups by scan: ms p50 / p99 / max": lambda f: spread(f["stalls_scan"]),
    "loop late, writes + lookups + indexing: ms p50 / p99 / max": lambda f: spread(f["stalls_index"]),
    "load average while building / in the last stage": lambda f: (
        f"{f['build']['load']:.1f} / {f['stalls_index']['load']}"
    ),
}


def table(sizes: list[Figures], idle: Figures) -> str:
    """Markdown."""
    head = "| | " + " | ".join(f"{found['rows']:,} tasks" for found in sizes) + " |\n|---" + "|---" * len(sizes) + "|"
    lines = [f"| {name} | " + " | ".join(str(show(found)) for found in sizes) + " |" for name, show in LINES.items()]
    where = (
        f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    )
    note = f"Measured {where}. The same heartbeat in an idle loop: {spread(idle)} ms."
    return "\n".join([head, *lines, "", note])


def main() -> None:
    """Measures, prints, writes JSON and the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    options.add_argument(
        "--out", type=Path, default=Path("build/memory-scale"), help="JSON, and the folder while it runs"
    )
    options.add_argument("--limit-s", type=float, default=1_800.0, help="building an index is given up after this")
    options.add_argument("--document", type=Path, default=DOCUMENT)
    given = options.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    sizes: list[Figures] = []
    with tempfile.TemporaryDirectory(dir=given.out) as home:
        folder = Path(home) / "memory"
        idle = stage("stalls", folder, busy=False)
        for rows in given.rows:
            sizes.append(measured(folder, rows, given.limit_s))
            (given.out / "memory-scale.json").write_text(json.dumps({"idle": idle, "sizes": sizes}, indent=1))
    text = table(sizes, idle)
    print(text)
    if given.document.exists():
        before, _, rest = given.document.read_text().partition(BEGIN)
        after = rest.partition(END)[2]
        given.document.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


if __name__ == "__main__":
    main()
