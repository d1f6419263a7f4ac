"""Transformed Platt scaling: a logistic regression on probabilities whose crowded ends were spread out first.

Language models' probabilities crowd near 1, where Platt's line has no grip; after the transform it has (Zellinger &
Thomson 2024, "Efficiently deploying LLMs with controlled risk"; Platt 1999). Fitted by maximum a posteriori with a
Gaussian prior, so that it exists for few labels and for separable ones. Knows no signals by name.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from orchestrator_graph.errors import CalibrationError

__all__ = ["Platt", "fit", "spread"]

Array = NDArray[np.float64]

INTERCEPT, SLOPE = 0.05, 0.2
"""Precision of the prior around 0, in standardised columns: a weak one."""
KIN = 3.0
"""Precision around the parent: about twelve labels of a task type move half the way (.25 of information each)."""
STEPS, LONGEST, CLOSE = 50, 3.0, 1e-7
UTMOST = 30.0
FAR = 3.0
"""Standard deviations beyond which a value counts as being there: a line says nothing where it has seen nothing."""


def spread(probability: Array, least: float) -> Array:
    """Log-odds, cut off where a probability is nearer than `least` to 0 or 1; NaN stays NaN.

    >>> spread(np.array([0.5, 1.0]), 1e-4).round(2).tolist()
    [0.0, 9.21]
    """
    clipped = np.clip(probability, least, 1 - least)
    odds: Array = np.log(clipped / (1 - clipped))
    return odds


@dataclass(frozen=True, slots=True)
class Platt:
    """A fitted logistic regression on d columns.

    Attributes:
        weights: Length d + 1, the intercept first, for standardised columns.
        centre: Length d, the columns' means.
        scale: Length d, their standard deviations.
    """

    weights: tuple[float, ...]
    centre: tuple[float, ...]
    scale: tuple[float, ...]

    def __call__(self, columns: Array) -> Array:
        """Probabilities, shape (n,), of rows of shape (n, d); an unknown (NaN) value counts as the mean one."""
        return _sigmoid(_design(columns, self.centre, self.scale) @ np.array(self.weights))

    def one(self, row: tuple[float, ...]) -> float:
        """The same for one row, without arrays."""
        odds = self.weights[0]
        for value, weight, centre, scale in zip(row, self.weights[1:], self.centre, self.scale, strict=True):
            if not math.isnan(value):
                odds += weight * min(FAR, max(-FAR, (value - centre) / scale))
        return 1 / (1 + math.exp(-min(UTMOST, max(-UTMOST, odds))))

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `types.to_json`.

        Raises:
            CalibrationError: Not such a regression: numbers lack, are not finite or do not match.
        """
        try:
            fields = {name: tuple(float(value) for value in data[name]) for name in ("weights", "centre", "scale")}
        except (KeyError, TypeError, ValueError) as error:
            raise CalibrationError(f"a curve of the calibration is damaged ({type(error).__name__}: {error})") from None
        found = cls(**fields)
        if not len(found.weights) == len(found.centre) + 1 == len(found.scale) + 1:
            raise CalibrationError(f"a curve has {len(found.weights)} weights for {len(found.centre)} columns")
        if not all(map(math.isfinite, (*found.weights, *found.centre, *found.scale))) or min(found.scale) <= 0:
            raise CalibrationError("a curve holds numbers that are not finite, or a scale that is not positive")
        return found


def fit(columns: Array, right: Array, parent: Platt | None = None) -> Platt:
    """The most probable regression, by Newton's method; shrunk towards `parent`, where there is one.

    Args:
        columns: Shape (n, d); NaN = unknown.
        right: Shape (n,), in [0, 1].
        parent: Fitted on what these rows are a part of; its standardisation is kept.

    >>> x = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    >>> curve = fit(x, np.array([0.0, 0.0, 1.0, 1.0]))
    >>> curve.one((-2.0,)) < 0.2, curve.one((2.0,)) > 0.8
    (True, True)
    """
    if parent is None:
        known = ~np.isnan(columns)
        n = np.maximum(known.sum(axis=0), 1)
        means = np.where(known, columns, 0.0).sum(axis=0) / n
        spreads = np.sqrt(np.where(known, (columns - means) ** 2, 0.0).sum(axis=0) / n)
        centre, scale = tuple(means.tolist()), tuple(np.where(spreads > 1e-6, spreads, 1.0).tolist())
        mean = np.zeros(columns.shape[1] + 1)
        precision = np.r_[INTERCEPT, np.full(columns.shape[1], SLOPE)]
    else:
        centre, scale, mean = parent.centre, parent.scale, np.array(parent.weights)
        precision = np.full(len(mean), KIN)
    weights = _newton(_design(columns, centre, scale), right, mean, precision)
    return Platt(tuple(weights.tolist()), centre, scale)


def _design(columns: Array, centre: tuple[float, ...], scale: tuple[float, ...]) -> Array:
    standard = np.clip(np.nan_to_num((columns - np.array(centre)) / np.array(scale), nan=0.0), -FAR, FAR)
    return np.concatenate([np.ones((len(columns), 1)), standard], axis=1)


def _newton(x: Array, y: Array, mean: Array, precision: Array) -> Array:
    """A step is shortened until it lowers the loss, which is convex: so it ends at the minimum."""
    weights = mean.copy()
    loss = _loss(x, y, weights, mean, precision)
    for _ in range(STEPS):
        p = _sigmoid(x @ weights)
        slope = x.T @ (p - y) + precision * (weights - mean)
        curvature = (x * (p * (1 - p))[:, None]).T @ x + np.diag(precision)
        step = np.linalg.solve(curvature, slope)
        length = min(1.0, LONGEST / max(float(np.abs(step).max()), 1e-12))
        while (after := _loss(x, y, weights - length * step, mean, precision)) > loss and length > CLOSE:
            length /= 2
        weights, loss = weights - length * step, after
        if float(np.abs(length * step).max()) < CLOSE:
            break
    return weights


def _loss(x: Array, y: Array, weights: Array, mean: Array, precision: Array) -> float:
    odds = x @ weights
    return float((np.logaddexp(0.0, odds) - y * odds).sum() + 0.5 * (precision * (weights - mean) ** 2).sum())


def _sigmoid(odds: Array) -> Array:
    probability: Array = 1 / (1 + np.exp(-np.clip(odds, -UTMOST, UTMOST)))
    return probability
