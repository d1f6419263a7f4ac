"""How well confidences match what came out: calibration error, Brier score, and how well they rank.

Arrays of shape (n,): confidence in [0, 1] and outcome in [0, 1] (1 = right). Says nothing about why.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestrator_graph.errors import CalibrationError

__all__ = ["Reliability", "bins", "reliability"]

Array = NDArray[np.float64]

BINS = 15
BOTH = 0.5
"""Outcomes above it count as right where something is ranked."""


@dataclass(frozen=True, slots=True)
class Reliability:
    """What `n` confidences were worth.

    Attributes:
        n: How many confidences.
        ece: Expected calibration error over 15 bins of equal mass; 0 = perfect. Biased upwards when n is small.
        debiased: `ece` less what sampling noise alone adds to it, by normal errors within bins (Kumar et al. 2019,
            "Verified uncertainty calibration", for absolute differences); 0 where noise explains all.
        brier: Mean squared difference.
        auroc: Probability that a right answer has the higher confidence, ties counting half; NaN with one class only.
        aurc: Mean share of wrong answers among the more confident ones, over all coverages (Geifman & El-Yaniv 2017).
    """

    n: int
    ece: float
    debiased: float
    brier: float
    auroc: float
    aurc: float


def reliability(confidence: Array, right: Array) -> Reliability:
    """All measures at once.

    Raises:
        CalibrationError: No or unreal numbers, or lengths that differ.

    >>> found = reliability(np.array([0.9, 0.9, 0.1, 0.1]), np.array([1.0, 1.0, 0.0, 0.0]))
    >>> found.auroc, round(found.brier, 3), round(found.ece, 3)
    (1.0, 0.01, 0.1)
    """
    p, y = _checked(confidence, right)
    return Reliability(len(p), _ece(p, y), _debiased(p, y), float(np.mean((p - y) ** 2)), _auroc(p, y), _aurc(p, y))


def bins(confidence: Array, right: Array, count: int = BINS) -> Array:
    """Rows (mean confidence, mean outcome, n) of up to `count` bins of equal mass, shape (bins, 3).

    Equal confidences are never parted, since that would make a bin depend on the order of the rows.

    >>> bins(np.array([0.2, 0.2, 0.8]), np.array([0.0, 1.0, 1.0]), 2).round(2).tolist()
    [[0.2, 0.5, 2.0], [0.8, 1.0, 1.0]]
    """
    p, y = _checked(confidence, right)
    _, where, sizes = np.unique(p, return_inverse=True, return_counts=True)
    middle = np.cumsum(sizes) - sizes / 2
    label = np.minimum((middle * count / len(p)).astype(int), count - 1)[where]
    n = np.bincount(label, minlength=count)
    sums = [np.bincount(label, weights=values, minlength=count) for values in (p, y)]
    kept = n > 0
    rows: Array = np.stack([sums[0][kept] / n[kept], sums[1][kept] / n[kept], n[kept].astype(float)], axis=1)
    return rows


def _checked(confidence: Array, right: Array) -> tuple[Array, Array]:
    p, y = np.asarray(confidence, float), np.asarray(right, float)
    if p.shape != y.shape or p.ndim != 1:
        raise CalibrationError(f"confidences of shape {p.shape} and outcomes of shape {y.shape}: one each is needed")
    if not len(p):
        raise CalibrationError("no confidences: nothing can be measured")
    if not (np.isfinite(p).all() and np.isfinite(y).all()):
        raise CalibrationError("confidences or outcomes hold NaN or infinity: leave those rows out")
    return p, y


def _ece(p: Array, y: Array) -> float:
    said, came, n = bins(p, y).T
    return float((n * np.abs(said - came)).sum() / n.sum())


def _debiased(p: Array, y: Array) -> float:
    """Twice the plug-in estimate less the mean one that would be seen if bins were off by what they seem to be."""
    said, came, n = bins(p, y).T
    gap, noise = np.abs(said - came), np.sqrt(came * (1 - came) / n)
    normal = np.maximum(noise, 1e-12)
    # The mean of |N(gap, noise^2)|.
    inside = np.array([math.erf(value) for value in gap / (normal * math.sqrt(2))])
    seen = normal * math.sqrt(2 / math.pi) * np.exp(-(gap**2) / (2 * normal**2)) + gap * inside
    return max(0.0, float((n * (2 * gap - seen)).sum() / n.sum()))


def _auroc(p: Array, y: Array) -> float:
    """From mid-ranks (Mann & Whitney 1947)."""
    positive = y > BOTH
    n1, n0 = int(positive.sum()), int((~positive).sum())
    if not n1 or not n0:
        return float("nan")
    _, where, sizes = np.unique(p, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(sizes) - (sizes - 1) / 2)[where]
    return float((ranks[positive].sum() - n1 * (n1 + 1) / 2) / (n1 * n0))


def _aurc(p: Array, y: Array) -> float:
    """Within a tie every order is as likely: each of its answers counts as the tie's mean error."""
    order = np.argsort(-p, kind="stable")
    _, where, sizes = np.unique(-p[order], return_inverse=True, return_counts=True)
    error = (np.bincount(where, weights=1 - y[order]) / sizes)[where]
    return float(np.mean(np.cumsum(error) / np.arange(1, len(p) + 1)))
