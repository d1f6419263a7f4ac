"""Has a candidate become better, worse or dearer than it was? Then what came before counts little.

A cut of the stream is a change when the means on both sides differ by more than chance allows at the stated level,
over all cuts: the empirical Bernstein bound of ADWIN (Bifet & Gavalda 2007), looked at in whole instead of bucketed.
Prompts that become harder look the same as a candidate that becomes worse; nothing here tells them apart. Each user's
outcomes are looked at and forgotten apart: what one account says, or that new ones join, takes nothing from the others.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orchestrator_graph.types.history import History

__all__ = ["changed", "changes", "forgotten"]

LEVEL = 0.5
"""Nominal chance of a false alarm in one look. The bound is loose: 1 of 800 constant streams of 2,000 outcomes alarmed
in 40 looks, and a candidate whose quality halves is noticed after 25-55 outcomes (docs/online.md)."""
SIDE = 5
"""Outcomes on either side of a cut that may be called a change."""
KEPT = 0.05
"""What outcomes from before a change still count for: the standard error widens about fourfold to start with."""


def changed(values: Sequence[float] | NDArray[Any], level: float = LEVEL) -> int | None:
    """Index of the first value after the latest clear change of the mean; `None` where there is none.

    Args:
        values: Shape (n,), in [0, 1], oldest first.
        level: Bound on the chance of a false alarm in a stream that does not change.
    """
    x = np.asarray(values, dtype=np.float64)
    start = 0
    while (cut := _cut(x[start:], level)) is not None:
        start += cut
    return start or None


def _cut(x: NDArray[np.float64], level: float) -> int | None:
    n = len(x)
    if n < 2 * SIDE:
        return None
    left = np.arange(SIDE, n - SIDE + 1)
    total = np.cumsum(x)
    gap = np.abs(total[left - 1] / left - (total[-1] - total[left - 1]) / (n - left))
    size = 1 / (1 / left + 1 / (n - left))
    log = math.log(2 * len(left) / level)
    excess = gap - np.sqrt(2 / size * x.var() * log) - 2 / (3 * size) * log
    best = int(np.argmax(excess))
    return int(left[best]) if excess[best] > 0 else None


def changes(history: History, level: float = LEVEL) -> dict[tuple[str, str, str], float]:
    """(user, candidate, task type) -> since when (seconds since the epoch) its scores are others than before."""
    found: dict[tuple[str, str, str], float] = {}
    for (user, kind), cell in _cells(history).items():
        for column, candidate in enumerate(history.candidates):
            rows = cell[history.weights[cell, column] > 0]
            cut = changed(history.scores[rows, column], level)
            if cut is not None:
                found[user, candidate, kind] = float(history.times[rows[cut]])
    return found


def _cells(history: History) -> dict[tuple[str, str], NDArray[np.intp]]:
    """(user, task type) -> rows, oldest first."""
    cells: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for row, cell in enumerate(zip(history.users, history.task_types, strict=True)):
        cells[cell].append(row)
    return {cell: np.array(rows) for cell, rows in cells.items()}


def forgotten(history: History, level: float = LEVEL) -> History:
    """The history with what came before a change counting for little; the same object where nothing changed.

    Every learner that minds weights then believes the new, with the wider error of fewer outcomes.
    """
    found = changes(history, level)
    if not found:
        return history
    factor = np.ones(history.weights.shape)
    cells = _cells(history)
    for (user, candidate, kind), since in found.items():
        rows = cells[user, kind]
        factor[rows[history.times[rows] < since], history.candidates.index(candidate)] *= KEPT
    return history.reweighed(factor)
