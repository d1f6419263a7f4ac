"""Exact nearest neighbours by one matrix product: what answers while the index is away. Knows only ids and vectors."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Hit", "Rows", "Snapshot", "nearest"]

Hit = tuple[str, float]
"""(task id, cosine)."""

LONE = 2_000
"""Up to so many rows each query is multiplied by itself: BLAS wakes its threads for more, and they spin for 20 ms."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Rows as they were; stays valid while more are appended. Row i of `matrix` is `ids[start + i]`."""

    ids: list[str]
    start: int
    matrix: NDArray[np.float32]


class Rows:
    """Unit vectors by id in a buffer that grows at its end and shrinks at its front. Guarded by its owner's lock."""

    def __init__(self, dimension: int) -> None:
        self._ids: list[str] = []
        self._buffer = np.empty((0, dimension), np.float32)
        self._start = 0

    def __len__(self) -> int:
        return len(self._ids) - self._start

    def extend(self, ids: Sequence[str], matrix: NDArray[np.float32]) -> None:
        """Appends rows."""
        stop = len(self._ids)
        needed = stop + len(ids)
        if needed > len(self._buffer):
            grown = np.empty((max(needed, 2 * len(self._buffer), 64), self._buffer.shape[1]), np.float32)
            grown[:stop] = self._buffer[:stop]
            self._buffer = grown
        self._buffer[stop:needed] = matrix
        self._ids.extend(ids)

    def drop(self, count: int) -> None:
        """Forgets the first rows."""
        self._start += count
        if not len(self):  # new objects: snapshots keep the old ones
            self._ids, self._start = [], 0
            self._buffer = np.empty((0, self._buffer.shape[1]), np.float32)

    def snapshot(self, limit: int | None = None) -> Snapshot:
        """The rows, or the first `limit` of them."""
        stop = len(self._ids) if limit is None else min(self._start + limit, len(self._ids))
        return Snapshot(self._ids, self._start, self._buffer[self._start : stop])


def nearest(queries: NDArray[np.float32], rows: Snapshot, k: int) -> list[list[Hit]]:
    """The k rows of highest cosine for each query, best first; ties in any order.

    >>> rows = Snapshot(["a", "b"], 0, np.eye(2, dtype=np.float32))
    >>> nearest(np.array([[0.6, 0.8]], np.float32), rows, 1)[0][0][0]
    'b'
    """
    if not len(rows.matrix):
        return [[] for _ in queries]
    if len(rows.matrix) <= LONE:
        scores = np.stack([rows.matrix @ query for query in queries])
    else:
        scores = queries @ rows.matrix.T
    k = min(k, scores.shape[1])
    top = np.argpartition(-scores, k - 1, axis=1)[:, :k]
    found = []
    for line, columns in zip(scores, top, strict=True):
        best = columns[np.argsort(-line[columns], kind="stable")]
        found.append([(rows.ids[rows.start + i], float(line[i])) for i in best.tolist()])
    return found
