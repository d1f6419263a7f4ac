"""One vote per user and neighbourhood: many alike rows of one account weigh as much as one (docs/decisions/0006)."""

import numpy as np
from numpy.typing import NDArray

from orchestrator_graph.types.history import History

__all__ = ["one_vote_each"]

ALIKE = 0.5
"""Cosine from which two tasks begin to be the same neighbourhood."""
MOST = 2_000
"""Rows of one user that are compared with each other; where several users share a memory, older ones do not count."""


def one_vote_each(history: History) -> NDArray[np.float64]:
    """The history's weights, shape (n, m), divided by how many alike labels their user gave; one user's stay whole."""
    users = np.array(history.users)
    names = set(history.users)
    if len(names) < 2:
        return history.weights
    weights = history.weights.copy()
    for name in names:
        rows = np.flatnonzero(users == name)
        weights[rows[:-MOST]] = 0.0
        rows = rows[-MOST:]
        vectors = history.vectors[rows]
        alike = np.clip((vectors @ vectors.T - ALIKE) / (1 - ALIKE), 0.0, 1.0)
        crowd = alike.astype(np.float64) @ (weights[rows] > 0)
        weights[rows] /= np.maximum(crowd, 1.0)
    return weights
