"""Times `decide` by itself, with each estimator alone and with the default ones, on what the look-ups brought."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks.latency_decisions import POLICY, Times, asked, clock, learners, look, opened, situation, spread
from benchmarks.latency_rows import filled, portfolios, twenty_rules
from orchestrator_graph.nodes.features import read_features
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.routing.bandit import Bandit
from orchestrator_graph.routing.classifier import Classifier
from orchestrator_graph.routing.credit import Personal
from orchestrator_graph.routing.decide import decide
from orchestrator_graph.routing.defaults import default_estimators
from orchestrator_graph.routing.estimator import Estimator
from orchestrator_graph.routing.linear import Linear
from orchestrator_graph.routing.linucb import LinUCB
from orchestrator_graph.routing.neighbours import Neighbours
from orchestrator_graph.routing.priors import priors
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Features
from orchestrator_graph.types.history import History

__all__ = ["alone"]

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


def alone(home: Path, sizes: Sequence[int], count: int) -> Iterator[str]:
    """`decide` alone, with one estimator or the default ones; ms p50 / p99, wall (and CPU of the thread)."""
    tables = portfolios()
    yield f"| estimators | {' | '.join(f'{name}, {rows:,} rows' for name in tables for rows in sizes)} |"
    yield "|---" * (1 + len(tables) * len(sizes)) + "|"
    known = [_known(filled(home, rows), asked(rows, count)) for rows in sizes]
    for name, make in ALONE.items():
        cells: dict[str, list[str]] = {table: [] for table in tables}
        for history, seen in known:
            estimators = make()
            for learn in learners(estimators) if history else ():
                learn(history[-1])
            for table, portfolio in tables.items():
                found = _decided(seen, portfolio, estimators)
                cells[table].append(f"{spread(found[:, 0])} ({spread(found[:, 1])})")
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
    marks = []
    for features, now in seen:
        began = clock()
        decide("1", features, portfolio, POLICY, now, estimators)
        marks.append(np.subtract(clock(), began))
    return np.array(marks)
