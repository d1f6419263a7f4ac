"""Kinds of tasks by likeness: k-means over unit vectors, and an order in which every kind comes early."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["centres", "nearest", "spread"]

Matrix = NDArray[np.float32]
RUNS, ROUNDS = 5, 25


def centres(vectors: Matrix, k: int, seed: int = 0) -> Matrix:
    """At most k cluster centres, unit vectors, shape (k, d): the tightest of some runs of k-means.

    Deterministic. Fewer where there are fewer different vectors.
    """
    rng = np.random.default_rng(seed)
    runs = [_lloyd(vectors, _seeds(vectors, k, rng)) for _ in range(RUNS)]
    return max(runs, key=lambda found: float((vectors @ found.T).max(1).sum()))


def _seeds(vectors: Matrix, k: int, rng: np.random.Generator) -> Matrix:
    """Starting points far from each other: k-means++ (Arthur & Vassilvitskii 2007)."""
    chosen = [vectors[int(rng.integers(len(vectors)))]]
    while len(chosen) < k:
        far = (1 - vectors @ np.stack(chosen).T).min(1).clip(0)
        far[far < 1e-6] = 0
        if not far.sum():
            break
        chosen.append(vectors[int(rng.choice(len(vectors), p=far / far.sum()))])
    return np.stack(chosen)


def _lloyd(vectors: Matrix, found: Matrix) -> Matrix:
    for _ in range(ROUNDS):
        labels = nearest(vectors, found)
        means = np.stack([_mean(vectors[labels == number], found[number]) for number in range(len(found))])
        if np.allclose(means, found, atol=1e-6):
            break
        found = means
    return found


def nearest(vectors: Matrix, found: Matrix) -> NDArray[np.int64]:
    """The number of each vector's centre, shape (n,)."""
    labels: NDArray[np.int64] = (vectors @ found.T).argmax(1)
    return labels


def _mean(members: Matrix, before: Matrix) -> Matrix:
    total = members.sum(0) if len(members) else before
    length = float(np.linalg.norm(total))
    return total / length if length else before


def spread(labels: Sequence[int]) -> list[int]:
    """Places in an order that takes one of each label, then a second one of each: any beginning covers all.

    >>> spread([0, 0, 0, 1, 2, 2])
    [0, 3, 4, 1, 5, 2]
    """
    seen: dict[int, int] = {}
    turns = []
    for place, label in enumerate(labels):
        turns.append((seen.get(label, 0), label, place))
        seen[label] = seen.get(label, 0) + 1
    return [place for _, _, place in sorted(turns)]
