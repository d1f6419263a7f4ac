"""Whether labels are enough for a calibration, and what is wrong with them where they are not."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from orchestrator_graph.errors import CalibrationError
from orchestrator_graph.types.history import History

__all__ = ["LEAST_LABELS", "checked_labels", "lack", "plain_belief"]

Array = NDArray[np.float64]

LEAST_LABELS = 100
"""Trusted labels of a candidate below which nothing is called calibrated: from about here on the median error over
models and task types is below .05 (docs/calibration.md)."""
RIGHT = 0.5


def lack(right: Array) -> str:
    """What labels of shape (n,) lack for a calibration; empty where nothing does.

    >>> lack(np.ones(160)), lack(np.ones(3))
    ('all 160 labels say right: both are needed', '3 trusted labels, 100 are needed')
    """
    if len(right) < LEAST_LABELS:
        return f"{len(right)} trusted labels, {LEAST_LABELS} are needed"
    good = int((right > RIGHT).sum())
    if good in (0, len(right)):
        return f"all {len(right)} labels say {'right' if good else 'wrong'}: both are needed"
    return ""


def checked_labels(
    candidate: str,
    signals: Mapping[str, Sequence[float] | Array],
    right: Sequence[float] | Array,
    believed: Sequence[float] | Array | None,
    task_types: Sequence[str],
) -> tuple[dict[str, Array], Array, Array, NDArray[np.str_]]:
    """What a user gives, as arrays of shape (n,): signals, outcomes, beliefs (.5 where none) and task types.

    Raises:
        CalibrationError: Too few labels, one class only, constant signals, NaN, not in [0, 1], or lengths that differ;
            it names the candidate and the array.
    """
    arrays = {name: np.asarray(values, float) for name, values in signals.items()}
    y = np.asarray(right, float)
    known = np.full(len(y), 0.5) if believed is None else np.asarray(believed, float)
    if not len(y):
        raise CalibrationError(f"{candidate}: no labels; give the outcomes of at least {LEAST_LABELS} answers")
    for name, values in {**arrays, "right": y, "believed": known}.items():
        _check(f"{candidate}: {name}", values, len(y))
    if arrays and all(np.ptp(values) == 0 for values in arrays.values()):
        raise CalibrationError(f"{candidate}: {', '.join(arrays)} is the same for every answer: it tells nothing")
    kinds = np.array(task_types if len(task_types) else [""] * len(y))
    if len(kinds) != len(y):
        raise CalibrationError(f"{candidate}: {len(kinds)} task types for {len(y)} labels")
    if missing := lack(y):
        raise CalibrationError(f"{candidate}: {missing}")
    return arrays, y, known, kinds


def _check(name: str, values: Array, n: int) -> None:
    if values.shape != (n,):
        raise CalibrationError(f"{name} has shape {values.shape}, there are {n} labels")
    if not np.isfinite(values).all():
        raise CalibrationError(f"{name} holds NaN or infinity; leave those rows out")
    if values.min() < 0 or values.max() > 1:
        raise CalibrationError(f"{name} lies in [{values.min():g}, {values.max():g}], not in [0, 1]")


def plain_belief(history: History) -> Array:
    """Mean score of the other tasks of the type, two of them at the candidate's mean over all."""
    y, w = np.nan_to_num(history.scores), (history.weights > 0).astype(float)
    base = (w * y).sum(axis=0) / np.maximum(w.sum(axis=0), 1e-9)
    believed, types = np.empty_like(y), np.array(history.task_types)
    for kind in set(history.task_types):
        rows = types == kind
        total, n = (w * y)[rows].sum(axis=0) - (w * y)[rows], w[rows].sum(axis=0) - w[rows]
        believed[rows] = (total + 2 * base) / (n + 2)
    return believed
