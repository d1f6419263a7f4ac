"""Cost-accuracy curves: points, their hull, the area under it, and intervals by a paired bootstrap over tasks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

__all__ = ["Curve", "area", "draws", "hull", "interval"]

STEPS = 400


@dataclass
class Curve:
    """What a way got and paid on each task at each price of quality, summed over the resplits; shapes (prices, n).

    Attributes:
        times: How often each task was in a test part, shape (n,).
    """

    right: Array
    paid: Array
    times: Array

    @classmethod
    def empty(cls, prices: int, n: int) -> "Curve":
        """Nothing yet."""
        return cls(np.zeros((prices, n)), np.zeros((prices, n)), np.zeros(n))

    def points(self, weights: Array) -> tuple[Array, Array]:
        """Mean cost and accuracy at each price, by weights of tasks of shape (draws, n); shapes (draws, prices)."""
        total = (weights @ self.times)[:, None]
        return weights @ self.paid.T / total, weights @ self.right.T / total


def draws(n: int, count: int) -> Array:
    """The whole sample first, then bootstrap samples of it, as weights of shape (count + 1, n)."""
    found = np.random.default_rng(1).multinomial(n, np.full(n, 1 / n), size=count)
    return np.concatenate([np.ones((1, n)), found.astype(float)])


def hull(costs: Sequence[float] | Array, accuracies: Sequence[float] | Array) -> tuple[Array, Array]:
    """The points of the non-decreasing upper convex hull: what random mixing of points can reach.

    >>> hull([1, 2, 3], [0.5, 0.5, 0.9])[0].tolist()
    [1.0, 3.0]
    """
    found: list[tuple[float, float]] = []
    for x, y in sorted(zip(costs, accuracies, strict=True), key=lambda point: (point[0], -point[1])):
        if found and y <= found[-1][1]:
            continue
        while len(found) > 1 and _below(found[-2], found[-1], (x, y)):
            found.pop()
        found.append((float(x), float(y)))
    return np.array([x for x, _ in found]), np.array([y for _, y in found])


def _below(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> bool:
    return (b[1] - a[1]) * (c[0] - a[0]) <= (c[1] - a[1]) * (b[0] - a[0])


def area(costs: Array, accuracies: Array, low: float, high: float) -> float:
    """Mean height of the hull between two costs; flat beyond its last point, and before its first as low as that.

    A way that cannot be had as cheaply as `low` gets, below its cheapest point, what its line to nothing would give.
    """
    x, y = hull(np.concatenate([[0.0], costs]), np.concatenate([[0.0], accuracies]))
    return float(np.interp(np.linspace(low, high, STEPS), x, y).mean())


def interval(values: Array, digits: int) -> str:
    """The whole sample's value and what 95 % of the bootstrap samples lie between."""
    low, high = np.percentile(values[1:], [2.5, 97.5])
    return f"{values[0]:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"
