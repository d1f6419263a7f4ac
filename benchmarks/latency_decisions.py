"""Times decisions on a copy of a filled memory: signals, look-up (neighbours and their outcomes), decision, record.

The texts' vectors are in the memory's cache: no embedding. Runs are committed for another tenant of the same ledger, so
that the rows looked up stay so many; where it says growing, for the same one: newer rows to be scanned and the
learners' fits in the background then come on top.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.latency_rows import TENANT, filled, indexed, portfolios, recorded, twenty_rules
from benchmarks.memory_tasks import texts
from orchestrator_graph.drive import SYNC, drive
from orchestrator_graph.memory import Lookup, Memory, TaskRecord
from orchestrator_graph.nodes.features import read_features
from orchestrator_graph.policy import Policy
from orchestrator_graph.routing.decide import decide
from orchestrator_graph.routing.defaults import default_estimators
from orchestrator_graph.routing.estimator import Estimator, Learner
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Features, new_id
from orchestrator_graph.types.history import History

__all__ = ["POLICY", "Times", "asked", "clock", "decisions", "learners", "look", "opened", "situation", "spread"]

Times = NDArray[np.float64]
"""Seconds, shape (decisions, 2 clocks, parts): wall, and CPU of the deciding thread."""

POLICY = Policy.parse({"tradeoff": "balanced"})
Named = tuple[str, Callable[[], tuple[Estimator, ...]]]
PARTS = ("signals", "look-up", "decide", "record")
SEED = 10_000_019
PACED = 200
"""Decisions measured at ten a second."""


@contextmanager
def opened(
    folder: Path, count: int, index: str | None, learn: Sequence[Callable[[History], None]]
) -> Iterator[tuple[Memory, list[str]]]:
    """A copy of the memory that has learnt, and so many texts that it has embedded."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as home:
        memory = Memory(shutil.copytree(folder, Path(home) / "copy"), index=index)
        for each in learn:
            memory.taught(each)
        asked = texts(SEED, count)
        words = [read_features(text).text for text in asked]
        for at in range(0, count, 100):
            drive(memory.lookup(SYNC, words[at : at + 100], tenant=TENANT))
        if index is None:
            memory.flush(120)
        yield memory, asked
        memory.close()


def learners(estimators: Sequence[Estimator]) -> list[Callable[[History], None]]:
    """Their lessons."""
    return [estimator.learn for estimator in estimators if isinstance(estimator, Learner)]


def clock() -> tuple[float, float]:
    """Wall and this thread's CPU seconds."""
    return time.perf_counter(), time.thread_time()


def look(memory: Memory, text: str) -> Lookup:
    """Its neighbours."""
    return drive(memory.lookup(SYNC, [text], tenant=TENANT))[0]


def situation(lookup: Lookup) -> Situation:
    """As the router makes it of a look-up."""
    return Situation(
        neighbours=lookup.neighbours,
        memory_state=lookup.state,
        vector=lookup.vector,
        space=lookup.embed_model,
        tenant=TENANT,
        user_id="u0",
        appetites=lookup.appetites,
    )


@dataclass(frozen=True)
class Cell:
    """What is measured; `growing`: runs are recorded for the tenant whose rows are looked up."""

    rows: int
    count: int
    index: str | None
    portfolio: str
    named: Named
    growing: bool = False
    pause_s: float = 0.0

    def line(self, home: Path) -> str:
        """A row of the table."""
        estimators = self.named[1]()
        count = min(PACED, self.count) if self.pause_s else self.count
        with opened(filled(home, self.rows), count, self.index, learners(estimators)) as (memory, words):
            found, state = self._timed(memory, words, estimators)
        total = found.sum(axis=2)
        cells = [*(spread(found[:, 0, part]) for part in range(len(PARTS))), spread(total[:, 0]), spread(total[:, 1])]
        size = f"{self.rows:,}" + (", growing" if self.growing else "") + (", ten a second" if self.pause_s else "")
        head = f"| {size} | {state} | {self.portfolio} | {self.named[0]}"
        return f"{head} | {' | '.join(cells)} | {os.getloadavg()[0]:.1f} |"

    def _timed(self, memory: Memory, words: Sequence[str], estimators: Sequence[Estimator]) -> tuple[Times, str]:
        """What each part of each decision took, and how the last look-up was made."""
        portfolio, rows, state = portfolios()[self.portfolio], [], ""
        for text in words:
            marks = [clock()]
            features = read_features(text)
            marks.append(clock())
            lookup = look(memory, features.text)
            marks.append(clock())
            decision = decide("1", features, portfolio, POLICY, situation(lookup), estimators)
            marks.append(clock())
            drive(memory.remember(SYNC, recorded(self._task(features), decision, 1.0)))
            marks.append(clock())
            rows.append(np.diff(marks, axis=0).T)
            state = lookup.state.partition(" (")[0]
            time.sleep(self.pause_s)
        return np.array(rows), {"ok": "Chroma"}.get(state, state)

    def _task(self, features: Features) -> TaskRecord:
        tenant = TENANT if self.growing else "beside"
        return TaskRecord(new_id(), new_id(), "1", tenant, "u0", features.text, features.task_type, False, time.time())


def decisions(home: Path, sizes: Sequence[int], limit_s: float, count: int) -> Iterator[str]:
    """One decision, by size, way of looking up, portfolio and estimators; ms p50 / p99."""
    yield f"| rows | look-up | portfolio | estimators | {' | '.join(PARTS)} | all, wall | all, CPU | load |"
    yield "|---" * (len(PARTS) + 7) + "|"
    for rows in sizes:
        for cell in _cells(rows, asked(rows, count), chroma=rows > 0 and indexed(filled(home, rows), limit_s)):
            yield cell.line(home)


def _cells(rows: int, count: int, *, chroma: bool) -> Iterator[Cell]:
    rules: Named = ("rules (20)", lambda: (twenty_rules(),))
    default: Named = ("default", default_estimators)
    five, sixteen = portfolios()
    for portfolio in (five, sixteen):
        for named in (rules, default):
            yield Cell(rows, count, "none", portfolio, named)
    if rows:
        yield Cell(rows, count, "none", five, default, growing=True)
    if chroma:
        for named in (rules, default):
            yield Cell(rows, count, None, five, named)
        yield Cell(rows, count, None, five, default, growing=True)
        yield Cell(rows, count, None, five, default, growing=True, pause_s=0.1)


def asked(rows: int, count: int) -> int:
    """Decisions measured: a tenth of the count at 100,000 rows."""
    return count if rows < 100_000 else max(1, count // 10)


def spread(seconds: Times) -> str:
    """Milliseconds at p50 / p99."""
    p50, p99 = np.percentile(seconds, [50, 99]) * 1000
    return f"{p50:.2f} / {p99:.2f}"
