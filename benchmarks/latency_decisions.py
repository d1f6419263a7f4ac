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
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.latency_rows import TENANT, filled, indexed, portfolios, recorded, twenty_rules
from benchmarks.memory_tasks import texts
from orchestrator_graph.drive import SYNC, drive
from orchestrator_graph.memory import Lookup, Memory, TaskRecord
from orchestrator_graph.nodes.features import read_features
from orchestrator_graph.policy import Policy
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.routing.bandit import Bandit
from orchestrator_graph.routing.classifier import Classifier
from orchestrator_graph.routing.credit import Personal
from orchestrator_graph.routing.decide import decide
from orchestrator_graph.routing.defaults import default_estimators
from orchestrator_graph.routing.estimator import Estimator, Learner
from orchestrator_graph.routing.linear import Linear
from orchestrator_graph.routing.linucb import LinUCB
from orchestrator_graph.routing.neighbours import Neighbours
from orchestrator_graph.routing.priors import priors
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Features, new_id
from orchestrator_graph.types.history import History

__all__ = ["POLICY", "alone", "decisions", "spread"]

Times = NDArray[np.float64]
"""Seconds, shape (decisions, 2 clocks, parts): wall, and CPU of the deciding thread."""

POLICY = Policy.parse({"tradeoff": "balanced"})
Named = tuple[str, Callable[[], tuple[Estimator, ...]]]
PARTS = ("signals", "look-up", "decide", "record")
SEED = 10_000_019
ALONE: dict[str, Callable[[], tuple[Estimator, ...]]] = {
    "rules (20)": lambda: (twenty_rules(),),
    "priors": lambda: (priors,),
    "neighbours": lambda: (Neighbours(),),
    "linear": lambda: (Linear(),),
    "linear, a fit per user": lambda: (Personal(Linear),),
    "bandit": lambda: (Bandit(),),
    "LinUCB": lambda: (LinUCB(),),
    "classifier": lambda: (Classifier(),),
    "default: priors, neighbours, linear per user": default_estimators,
}


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


def timed(
    memory: Memory, asked: Sequence[str], portfolio: Portfolio, estimators: Sequence[Estimator], tenant: str
) -> tuple[Times, str]:
    """What each part of each decision took, and how the last look-up was made; runs are recorded for the tenant."""
    rows, state = [], ""
    for text in asked:
        marks = [clock()]
        features = read_features(text)
        marks.append(clock())
        lookup = look(memory, features.text)
        marks.append(clock())
        decision = decide("1", features, portfolio, POLICY, situation(lookup), estimators)
        marks.append(clock())
        task = TaskRecord(new_id(), new_id(), "1", tenant, "u0", features.text, features.task_type, False, time.time())
        drive(memory.remember(SYNC, recorded(task, decision, 1.0)))
        marks.append(clock())
        rows.append(np.diff(marks, axis=0).T)
        state = lookup.state.partition(" (")[0]
    return np.array(rows), state


def decisions(home: Path, sizes: Sequence[int], limit_s: float) -> Iterator[str]:
    """One decision, by size, way of looking up, portfolio and estimators; ms p50 / p99."""
    yield f"| rows | look-up | portfolio | estimators | {' | '.join(PARTS)} | all, wall | all, CPU | load |"
    yield "|---" * (len(PARTS) + 7) + "|"
    five, sixteen = portfolios()
    rules: Named = ("rules (20)", lambda: (twenty_rules(),))
    default: Named = ("default", default_estimators)
    for rows in sizes:
        cells: list[tuple[str | None, str, Named, bool]] = [("none", five, rules, False), ("none", five, default, False), ("none", sixteen, rules, False),
                 ("none", sixteen, default, False), ("none", five, default, True)]  # fmt: skip
        if rows and indexed(filled(home, rows), limit_s):
            cells += [(None, five, rules, False), (None, five, default, False), (None, five, default, True)]
        for cell in cells:
            yield _line(filled(home, rows), rows, *cell)


def _line(
    folder: Path,
    rows: int,
    index: str | None,
    portfolio: str,
    named: Named,
    growing: bool,
) -> str:
    estimators = named[1]()
    with opened(folder, asked(rows), index, learners(estimators)) as (memory, words):
        found, state = timed(memory, words, portfolios()[portfolio], estimators, TENANT if growing else "beside")
    total = found.sum(axis=2)
    cells = [*(spread(found[:, 0, part]) for part in range(len(PARTS))), spread(total[:, 0]), spread(total[:, 1])]
    size = f"{rows:,}, growing" if growing else f"{rows:,}"
    return f"| {size} | {state} | {portfolio} | {named[0]} | {' | '.join(cells)} | {os.getloadavg()[0]:.1f} |"


def asked(rows: int) -> int:
    """Decisions measured."""
    return 2_000 if rows < 100_000 else 200


def spread(seconds: Times) -> str:
    """Milliseconds at p50 / p99."""
    p50, p99 = np.percentile(seconds, [50, 99]) * 1000
    return f"{p50:.2f} / {p99:.2f}"


def alone(home: Path, sizes: Sequence[int]) -> Iterator[str]:
    """`decide` by itself with one estimator or the default ones, on what the look-ups brought; ms p50 / p99, wall."""
    tables = portfolios()
    yield f"| estimators | {' | '.join(f'{name}, {rows:,} rows' for name in tables for rows in sizes)} |"
    yield "|---" * (1 + len(tables) * len(sizes)) + "|"
    known = [_known(filled(home, rows), asked(rows)) for rows in sizes]
    for name, make in ALONE.items():
        cells: dict[str, list[str]] = {table: [] for table in tables}
        for history, seen in known:
            estimators = make()
            for learn in learners(estimators) if history else ():
                learn(history[-1])
            for table, portfolio in tables.items():
                cells[table].append(spread(_decided(seen, portfolio, estimators)))
        yield f"| {name} | {' | '.join(cell for row in cells.values() for cell in row)} |"


def _known(folder: Path, count: int) -> tuple[list[History], list[tuple[Features, Situation]]]:
    """What may be learnt, and what is known of each text."""
    history: list[History] = []
    with opened(folder, count, "none", [history.append]) as (memory, words):
        features = [read_features(text) for text in words]
        return history, [(each, situation(look(memory, each.text))) for each in features]


def _decided(
    seen: Sequence[tuple[Features, Situation]], portfolio: Portfolio, estimators: Sequence[Estimator]
) -> Times:
    seconds = []
    for features, now in seen:
        began = time.perf_counter()
        decide("1", features, portfolio, POLICY, now, estimators)
        seconds.append(time.perf_counter() - began)
    return np.array(seconds)
