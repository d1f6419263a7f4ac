"""What the regression would have believed of tasks that it had not seen: out-of-fold beliefs about remembered tasks.

A confidence that is calibrated on a router's estimate must see it as it is for a new task, not for one whose outcome
the estimate was fitted to.
"""

import zlib
from collections import Counter

import numpy as np
from numpy.typing import NDArray

from orchestrator_graph.routing.credit import MOST, OWN
from orchestrator_graph.routing.linear import placed
from orchestrator_graph.routing.ridge import fit
from orchestrator_graph.routing.votes import one_vote_each
from orchestrator_graph.types.history import History

__all__ = ["out_of_fold"]

MOSTLY = 0.6
FOLDS, MANY, FEW_FOLDS = 5, 2_000, 2
"""Half of many labels teaches enough; five fits of eight thousand would take seconds of a background thread."""


def out_of_fold(history: History) -> NDArray[np.float64]:
    """Believed quality, shape (n, m), in [0, 1], of each remembered task, learnt from the others.

    The same text asked twice is in the same fold. A busy user's own tasks are believed of by themselves, as in routing
    (`credit.Personal`).
    """
    believed, counts = _folds(history), Counter(history.users)
    for user, count in counts.most_common(MOST) if len(counts) > 1 else ():
        if count >= OWN:
            own = np.flatnonzero(np.array(history.users) == user)
            believed[own] = _folds(history.rows(own))
    return believed


def _folds(history: History) -> NDArray[np.float64]:
    believed = np.full(history.scores.shape, np.nan)
    if not len(history):
        return believed
    folds = FOLDS if len(history) < MANY else FEW_FOLDS
    fold = np.array([zlib.crc32(row.tobytes()) % folds for row in history.vectors])
    if np.bincount(fold).max() > MOSTLY * len(fold):  # an embedder that tells hardly any of these tasks apart
        fold = np.arange(len(fold)) % folds
    kinds = tuple(sorted(set(history.task_types)))
    vectors, weights = placed(history.vectors, history.task_types, kinds), one_vote_each(history)
    for part in range(folds):
        out = fold == part
        if out.any() and weights[~out].any():
            fitted = fit(vectors[~out], history.scores[~out], weights[~out])
            believed[out] = np.clip(fitted.predict(vectors[out]), 0.0, 1.0)
    return believed
