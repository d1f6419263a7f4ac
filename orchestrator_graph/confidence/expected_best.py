"""What the best of several answers is expected to be worth, before they are asked for. Arrays in, arrays out.

A candidate's quality on a task is believed to be q. After it has answered, the probability that this answer is right is
another one, V: about it only its mean is known beforehand (q) and its variance (a share r of q (1 - q), the resolution
of the confidence). A Beta distribution with these moments stands for it, as masses on a grid that is denser towards 0
and 1. At r = 0 all of it lies at q, at r = 1 at 0 and 1.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "expected_best", "reservations"]

Array: TypeAlias = NDArray[np.float64]

CELLS = 64
EDGE = 1e-3
"""Means and resolutions are kept so far away from 0 and 1."""
POINT = 2e-3
"""Below this resolution a distribution is its mean."""
_ANGLES = (np.arange(CELLS) + 0.5) * (np.pi / 2 / CELLS)
_GRID: Array = np.sin(_ANGLES) ** 2


def reservations(quality: Array, resolution: Array, costs: Array) -> Array:
    """Weitzman's reservation values z (Econometrica 1979): E[max(V - z, 0)] = cost; shape (k,).

    With independent candidates it is optimal to ask in the order of z and to stop as soon as what is in hand is worth
    the greatest z that is left. At resolution 0, z = q - cost: plain routing is the special case.

    Args:
        quality: Shape (k,), in [0, 1].
        resolution: Shape (k,), in [0, 1].
        costs: Shape (k,), in points of quality, at least 0.

    >>> reservations(np.array([0.6, 0.6]), np.array([0.0, 0.5]), np.array([0.1, 0.1])).round(2).tolist()
    [0.5, 0.7]
    """
    masses = _masses(quality, resolution)
    # Of the highest values, from 1 downwards: their probability, and what they add to the mean.
    above = np.maximum(np.cumsum(masses[:, ::-1], axis=1), 1e-12)
    gained = np.cumsum((masses * _GRID)[:, ::-1], axis=1)
    # E[max(V - z, 0)] is the greatest of (gained - z above), so that z is the greatest of their roots.
    solved = ((gained - costs[:, None]) / above).max(axis=1)
    found: Array = np.where(resolution < POINT, quality - costs, solved)
    return found


def expected_best(quality: Array, resolution: Array, floor: float = 0.0) -> Array:
    """E[max(floor, V_i for i in the set)] for every set of k candidates, V independent; shape (2^k,).

    The set at place b holds candidate i where bit i of b is set; the one at place 0 is empty.

    >>> expected_best(np.array([0.5, 0.5]), np.array([0.99, 0.99])).round(2).tolist()
    [0.0, 0.5, 0.5, 0.75]
    """
    below = np.cumsum(_masses(quality, resolution), axis=1)[:, :-1]
    heads = np.ones((1, CELLS - 1))
    for row in below:
        heads = np.concatenate([heads, heads * row])
    # The distribution function of the maximum is constant between two values of the grid.
    widths = np.diff(np.maximum(_GRID, floor))
    best: Array = max(floor, _GRID[0]) + (1.0 - heads) @ widths
    best[0] = floor
    found: Array = np.maximum(best, floor)
    return found


def _masses(quality: Array, resolution: Array) -> Array:
    """Beta(q, r) on the grid, shape (k, CELLS): sums to 1 and has exactly the mean q (inside the grid)."""
    q = np.clip(quality, EDGE, 1 - EDGE)
    total = 1 / np.clip(resolution, POINT, 1 - EDGE) - 1
    a, b = q * total, (1 - q) * total
    logs = (a[:, None] - 0.5) * np.log(_GRID) + (b[:, None] - 0.5) * np.log1p(-_GRID)
    # In the end cells the density may be infinite: there its power is integrated.
    logs[:, 0] += (2 * a - 1) * np.log(2) - np.log(2 * a)
    logs[:, -1] += (2 * b - 1) * np.log(2) - np.log(2 * b)
    masses = np.exp(logs - logs.max(axis=1, keepdims=True))
    masses /= masses.sum(axis=1, keepdims=True)
    # The rest of the error goes to the ends.
    mean = masses @ _GRID
    low, high = np.maximum(0.0, 1 - q / mean), np.maximum(0.0, (q - mean) / (1 - mean))
    masses *= (1 - low - high)[:, None]
    masses[:, 0] += low
    masses[:, -1] += high
    found: Array = masses
    return found
