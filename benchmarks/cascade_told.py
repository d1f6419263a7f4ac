"""Every stored answer as the benchmark of cascades reads it, and what the ledger would hold of some of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from benchmarks.pocket_signals import PocketSignals
from orchestrator_graph.confidence.normalise import fingerprint
from orchestrator_graph.confidence.signals import signals_of
from orchestrator_graph.gateway.pocket import pocket_specs
from orchestrator_graph.registry.spec import ModelSpec
from orchestrator_graph.types import Features
from orchestrator_graph.types.history import History

Array = NDArray[np.float64]
Rows = NDArray[np.int64]
SPACE = "bench"

__all__ = ["SPACE", "Told", "history_of", "told"]


@dataclass(frozen=True)
class Told:
    """Every stored answer: n tasks by m models by s samples (0 = greedy).

    Attributes:
        signals: By `[task][model][sample]`.
        said: Shape (n, m, s), fingerprints.
        right: Shape (n, m, s).
        costs: Shape (n, m, s), nano-dollars.
        vectors: Shape (n, d).
    """

    specs: tuple[ModelSpec, ...]
    features: Sequence[Features]
    signals: list[list[list[dict[str, float]]]]
    said: NDArray[np.str_]
    right: Array
    costs: Array
    vectors: NDArray[np.float32]

    @cached_property
    def models(self) -> tuple[str, ...]:
        """Registry ids."""
        return tuple(spec.id for spec in self.specs)

    @cached_property
    def dearest(self) -> float:
        """Mean nano-dollars of the dearest model's answer."""
        return float(self.costs[:, :, 0].mean(axis=0).max())

    @cached_property
    def types(self) -> tuple[str, ...]:
        """Task types as the product reads them off the words."""
        return tuple(features.task_type for features in self.features)


def told(greedy: PocketSignals, drawn: PocketSignals, n: int) -> Told:
    """The first n tasks of both runs."""
    models = range(len(greedy.models))
    parts = [(greedy, s) for s in range(len(greedy.samples))] + [(drawn, s) for s in range(len(drawn.samples))]
    forms = [features.expects for features in greedy.features[:n]]
    signals = [[[signals_of(run.attempt(i, j, s)) for run, s in parts] for j in models] for i in range(n)]
    said = [[[fingerprint(run.texts[i][j][s], forms[i]) for run, s in parts] for j in models] for i in range(n)]
    return Told(
        specs=tuple(pocket_specs().values()),
        features=greedy.features[:n],
        signals=signals,
        said=np.array(said),
        right=np.concatenate([greedy.right[:n], drawn.right[:n]], axis=2),
        costs=np.concatenate([greedy.costs[:n], drawn.costs[:n]], axis=2),
        vectors=greedy.hashed[:n],
    )


def history_of(said: Told, rows: Rows, shuffle: np.random.Generator | None = None) -> History:
    """What the ledger would hold of these tasks, all models tried once on each; outcomes permuted for the control."""
    from_rows = rows if shuffle is None else shuffle.permutation(rows)
    names = sorted({name for row in rows for cell in said.signals[row] for name in cell[0]})
    cells = [[said.signals[row][j][0] for j in range(len(said.models))] for row in rows]
    return History(
        vectors=said.vectors[rows],
        scores=said.right[from_rows, :, 0],
        weights=np.ones((len(rows), len(said.models))),
        candidates=said.models,
        task_types=tuple(said.types[row] for row in rows),
        users=("",) * len(rows),
        times=1.7e9 + np.arange(len(rows), dtype=np.float64),
        space=SPACE,
        signals={name: np.array([[cell.get(name, np.nan) for cell in row] for row in cells]) for name in names},
        said=said.said[rows, :, 0],
    )
