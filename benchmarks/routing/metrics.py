"""AIQ, APGR and CPT as numbers.md defines them, vectorised over bootstrap weights."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

__all__ = ["LAMBDAS", "aiq", "apgr", "curve", "hull_area", "pgr", "share_for"]

LAMBDAS = np.concatenate([[0.0], np.geomspace(1e-3, 1e3, 60), [np.inf]])
"""Quality points for the whole range of mean costs: 0 = only quality counts, infinity = only cost."""


def curve(believed: Array, expected: Array) -> NDArray[np.int64]:
    """The choice of each prompt at each trade-off, shape (lambdas, n): argmax of quality minus lambda times cost."""
    span = float(expected.max() - expected.min()) or 1.0
    price = (expected - expected.min()) / span
    rows = [np.argmax(believed - weight * price, axis=1) for weight in LAMBDAS[:-1]]
    return np.array([*rows, np.full(len(believed), int(np.argmin(expected)))])


def hull_area(cost: Array, quality: Array, low: float, high: float) -> float:
    """Area under the non-decreasing concave hull of the points between two costs, by their distance."""
    order = np.lexsort((-quality, cost))
    kept: list[tuple[float, float]] = []
    for c, q in zip(cost[order].tolist(), quality[order].tolist(), strict=True):
        if kept and q <= kept[-1][1]:
            continue
        while len(kept) > 1 and _below(kept[-2], kept[-1], (c, q)):
            kept.pop()
        if kept and kept[-1][0] == c:
            kept[-1] = (c, q)
        else:
            kept.append((c, q))
    xs, ys = np.array(kept).T
    inside = xs[(xs > low) & (xs < high)]
    grid = np.concatenate([[low], inside, [high]])
    return float(np.trapezoid(np.interp(grid, xs, ys), grid)) / (high - low)


def _below(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> bool:
    return (b[1] - a[1]) * (c[0] - a[0]) <= (c[1] - a[1]) * (b[0] - a[0])


def aiq(choices: NDArray[np.int64], scores: Array, costs: Array, weights: Array) -> Array:
    """AIQ under each row of prompt weights, shape (draws,); the cost range is that of the single models."""
    rows = np.arange(len(scores))
    total = weights.sum(axis=1, keepdims=True)
    quality = weights @ scores[rows, choices].T / total
    cost = weights @ costs[rows, choices].T / total
    singles = weights @ costs / total
    return np.array([
        hull_area(c, q, float(s.min()), float(s.max())) for c, q, s in zip(cost, quality, singles, strict=True)
    ])  # fmt: skip


def pgr(gain: Array, scores: Array, weights: Array) -> Array:
    """PGR at 101 shares of strong calls, shape (draws, 101); prompts go to the strong model in the order of `gain`."""
    order = np.argsort(-gain, kind="stable")
    weak, strong = scores[order, 0], scores[order, 1]
    w = weights[:, order]
    total = w.sum(axis=1, keepdims=True)
    share = np.concatenate([np.zeros((len(w), 1)), np.cumsum(w, axis=1) / total], axis=1)
    gained = np.concatenate([np.zeros((len(w), 1)), np.cumsum(w * (strong - weak), axis=1) / total], axis=1)
    grid = np.linspace(0, 1, 101)
    return np.array([np.interp(grid, s, g / g[-1]) for s, g in zip(share, gained, strict=True)])


def apgr(curves: Array) -> Array:
    """Mean PGR over the shares."""
    return np.trapezoid(curves, dx=0.01, axis=1)


def share_for(curve: Array, level: float) -> float:
    """CPT: the smallest share of strong calls, in %, from which on PGR is at least `level`."""
    reached = np.flatnonzero(curve >= level)
    return float(reached[0]) if len(reached) else 100.0
