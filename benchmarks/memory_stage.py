"""One stage of `memory_scale`, in a process of its own: its argument is JSON, its last line the figures as JSON."""

import asyncio
import json
import os
import resource
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.memory_tasks import record, texts
from orchestrator_graph.drive import ASYNC, SYNC, drive
from orchestrator_graph.memory import Lookup, Memory

Figures = dict[str, Any]
BATCH, LOOKUPS, BEAT_S, LOAD_S = 20, 200, 0.005, 15.0


def ms(seconds: list[float]) -> Figures:
    """Milliseconds at p50 and p99, and the worst."""
    p50, p99 = np.percentile(seconds, [50, 99]) * 1000
    return {"p50_ms": round(float(p50), 2), "p99_ms": round(float(p99), 2), "max_ms": round(max(seconds) * 1000, 1)}


def timed(work: Callable[[], object]) -> float:
    """Its seconds."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def rss_mb() -> Figures:
    """Resident now, and at most so far, in MB (10^6 bytes)."""
    now = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return {
        "rss_mb": round(now / 1e6), "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6),
    }  # fmt: skip


def look(memory: Memory, text: str) -> Lookup:
    """One lookup of eight neighbours."""
    return drive(memory.lookup(SYNC, [text], tenant="t", min_similarity=-1.0))[0]


def lookups(memory: Memory, wanted: str) -> Figures:
    """`LOOKUPS` lookups of one new text each, all in the wanted state."""
    seconds = []
    for text in texts(9, LOOKUPS):
        began = time.perf_counter()
        found = look(memory, text)
        seconds.append(time.perf_counter() - began)
        assert found.state.startswith(wanted), found.state
    return ms(seconds)


def recall(memory: Memory, folder: Path) -> float:
    """Share of the eight exactly nearest, by cosine, that 100 lookups find; NumPy over the ledger's own vectors."""
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as ledger:
        rows = ledger.execute("SELECT vector FROM embeddings").fetchall()
    matrix = np.frombuffer(b"".join(row[0] for row in rows), "<f4").reshape(len(rows), -1)
    hits = 0
    for text in texts(10, 100):
        found = look(memory, text)
        floor = np.partition(matrix @ found.vector, -8)[-8] - 1e-5
        hits += sum(near.similarity >= floor for near in found.neighbours)
    return hits / 800


def write(folder: Path, given: Figures) -> Figures:
    """Remembers up to `rows` tasks, while the index is being written unless somebody else holds it."""
    memory = Memory(folder)
    have = memory.stats()["tasks"]
    fresh = texts(have + 1, given["rows"] - have)
    began, seconds = time.perf_counter(), []
    for at in range(0, len(fresh), BATCH):
        run = record(fresh[at : at + BATCH])
        seconds.append(timed(lambda run=run: drive(memory.remember(SYNC, run))))
    total = time.perf_counter() - began
    waiting = memory.stats()["waiting"]
    memory.close()
    return {
        "rows_per_s": round(len(fresh) / total),
        "waiting_after": waiting,
        "seconds": round(total, 1),
        **ms(seconds),
    }


def scan(folder: Path, _: Figures) -> Figures:
    """Somebody else holds the index: the first lookup reads every vector, the others scan them."""
    memory = Memory(folder)
    memory_s = timed(memory.stats)
    first_s = timed(lambda: look(memory, "first"))
    found = {
        "open_s": round(memory_s, 3),
        "first_lookup_s": round(first_s, 3),
        **lookups(memory, "exact scan"),
        **rss_mb(),
    }
    memory.close()
    return found


def index(folder: Path, given: Figures) -> Figures:
    """From the ledger to a complete index, and what it is like then (an absent index is built, a whole one opened)."""
    memory = Memory(folder)
    first_s = timed(lambda: look(memory, "first"))
    seconds = timed(lambda: memory.flush(given["limit_s"]))
    stats = memory.stats()
    done: Figures = {
        "first_lookup_s": round(first_s, 3), "ready_s": round(first_s + seconds, 2), "indexed": stats["indexed"],
        "waiting": stats["waiting"], "load": os.getloadavg()[0],
    }  # fmt: skip
    if not stats["waiting"]:
        done |= lookups(memory, "ok") | rss_mb() | {"recall": recall(memory, folder)}
    memory.close()
    return done


def history(folder: Path, _: Figures) -> Figures:
    """Reading what may be learnt from: the newest labelled tasks, with their vectors."""
    memory, seen = Memory(folder), list[int]()
    memory.taught(lambda known: seen.append(len(known)))
    look(memory, "first")  # it reads the history, too: warm from here on
    learning = memory._open().learning
    seconds = min(timed(learning.flush) for _ in range(3))
    memory.close()
    return {"tasks": seen[-1], "read_s": round(seconds, 3)}


async def _load(folder: Path, busy: bool) -> list[float]:
    late = list[float]()
    memory, pool = Memory(folder), iter(texts(int(time.time()), 20_000))
    if busy:  # opening is another figure; here the index is open and whole, and then written to
        await memory.lookup(ASYNC, ["first"], tenant="t")
        await asyncio.to_thread(memory.flush, 120)
    stop = time.monotonic() + LOAD_S

    async def writer() -> None:
        while time.monotonic() < stop:
            await memory.remember(ASYNC, record([next(pool) for _ in range(BATCH)]))
            await asyncio.sleep(0.1)

    async def reader() -> None:
        while time.monotonic() < stop:
            await memory.lookup(ASYNC, [next(pool)], tenant="t")
            await asyncio.sleep(0.05)

    async def heart() -> None:
        while time.monotonic() < stop:
            due = time.perf_counter() + BEAT_S
            await asyncio.sleep(BEAT_S)
            late.append(time.perf_counter() - due)

    jobs = [writer(), writer(), reader(), reader()] if busy else []
    await asyncio.gather(heart(), *jobs)
    await memory.aclose()
    return late


def stalls(folder: Path, given: Figures) -> Figures:
    """How late a 5 ms heartbeat of the event loop is, with two writers and two readers beside it, or nothing."""
    return ms(asyncio.run(_load(folder, given["busy"])))


STAGES = {"write": write, "scan": scan, "index": index, "history": history, "stalls": stalls}

if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    result = STAGES[asked["stage"]](Path(asked["folder"]), asked)
    print(json.dumps({**result, "load": round(os.getloadavg()[0], 2)}))
