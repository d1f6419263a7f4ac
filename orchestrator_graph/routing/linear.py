"""The estimator that learns most from few labels: ridge regression on what is remembered, with an offset per user.

Where several users share a memory, nobody owns it: a user counts once per neighbourhood, others' outcomes are only as
sure as the users agree (cluster-robust standard error), and a user's own outcomes shift the estimate for that user.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestrator_graph.routing.estimator import Belief
from orchestrator_graph.routing.ridge import Fit, fit
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.routing.votes import one_vote_each
from orchestrator_graph.types import Candidate, Features
from orchestrator_graph.types.history import History

__all__ = ["Linear"]

Array = NDArray[np.float64]

OWN_WEIGHT = 10.0
"""Labels of one's own that count as much as everybody else's estimate."""
KIND = 0.25
"""Length of the task type's own axis beside a vector of length 1: found on the recorded and the pocket outcomes."""
LEAST = 8.0
"""Summed weight below which a candidate's labels are left to the neighbours and priors."""


@dataclass(frozen=True, slots=True)
class _Learnt:
    fit: Fit
    kinds: tuple[str, ...]
    column: dict[str, int]
    seen: Array
    offsets: dict[tuple[str, str], tuple[Array, Array]]
    between: Array


class Linear:
    """Quality as a linear function of the task's vector; learns from a `History`, answers in microseconds."""

    def __init__(self) -> None:
        self._learnt: dict[tuple[str, str], _Learnt] = {}

    def learn(self, history: History) -> None:
        """Fits anew for this tenant and vector space."""
        if not len(history):
            self._learnt.pop((history.tenant, history.space), None)
            return
        kinds = tuple(sorted(set(history.task_types)))
        vectors = _placed(history.vectors, history.task_types, kinds)
        fitted = fit(vectors, history.scores, one_vote_each(history))
        offsets, between = _by_user(history, history.scores - fitted.predict(vectors))
        self._learnt[history.tenant, history.space] = _Learnt(
            fit=fitted,
            kinds=kinds,
            column={name: i for i, name in enumerate(history.candidates)},
            seen=(history.weights > 0).sum(axis=0),
            offsets=offsets,
            between=between,
        )

    def __call__(self, features: Features, candidates: Sequence[Candidate], now: Situation) -> dict[str, Belief]:
        """Beliefs about the candidates that were tried often enough."""
        learnt = self._learnt.get((now.tenant, now.space))
        if learnt is None or now.vector is None or len(now.vector) + len(learnt.kinds) != len(learnt.fit.centre):
            return {}
        vector = _placed(now.vector[None], (features.task_type,), learnt.kinds)
        quality = learnt.fit.predict(vector)[0]
        variance = learnt.fit.variance(vector)[0] + learnt.between
        for key in ((now.user_id, ""), (now.user_id, features.task_type)):
            shift, share = learnt.offsets.get(key, (None, None))
            if shift is not None and share is not None:
                quality, variance = quality + shift, variance * (1 - share)
        return {
            candidate.id: Belief(
                float(np.clip(quality[i], 0.0, 1.0)), float(np.sqrt(variance[i])) + 1e-3, int(learnt.seen[i]),
                "linear", remembered=True,
            )
            for candidate in candidates
            if (i := learnt.column.get(candidate.id)) is not None and learnt.fit.counts[i] >= LEAST
        }  # fmt: skip


def _placed(vectors: NDArray[np.float32], task_types: Sequence[str], kinds: tuple[str, ...]) -> NDArray[np.float32]:
    """The vectors with one more axis per task type; a type that was never seen is at the origin."""
    axes = np.array([[KIND * (name == kind) for kind in kinds] for name in task_types], np.float32)
    return np.concatenate([vectors, axes], axis=1)


def _by_user(history: History, residual: Array) -> tuple[dict[tuple[str, str], tuple[Array, Array]], Array]:
    """Offsets by (user, task type or ""), with the share that is the user's own; and the variance between users."""
    users, types = np.array(history.users), np.array(history.task_types)
    names = sorted(set(history.users))
    m = len(history.candidates)
    if len(names) < 2:
        return {}, np.zeros(m)
    w = history.weights
    residual = np.where(w > 0, residual, 0.0)
    shares = np.zeros((len(names), m))
    offsets: dict[tuple[str, str], tuple[Array, Array]] = {}
    means = np.full((len(names), m), np.nan)
    for number, name in enumerate(names):
        mine = users == name
        offsets[name, ""], means[number] = _shrunk(residual[mine], w[mine])
        shares[number] = offsets[name, ""][1]
        for kind in set(types[mine].tolist()):
            rows = mine & (types == kind)
            offsets[name, kind], _ = _shrunk(residual[rows] - offsets[name, ""][0], w[rows])
    return offsets, _between(np.nan_to_num(means), shares)


def _between(means: Array, shares: Array) -> Array:
    """Variance of the mean over users, shape (m,), each user counting by how much is known of it; one user: .25."""
    total = np.maximum(shares.sum(axis=0), 1e-9)
    centre = (shares * means).sum(axis=0) / total
    spread = (shares * (means - centre) ** 2).sum(axis=0) / total
    effective = total**2 / np.maximum((shares**2).sum(axis=0), 1e-9)
    variance: Array = np.where(effective > 1.5, spread / np.maximum(effective - 1, 0.5), 0.25)
    return variance


def _shrunk(residual: Array, w: Array) -> tuple[tuple[Array, Array], Array]:
    """(shrunk mean, share of the user's own), and the plain mean (NaN where there is nothing)."""
    total = w.sum(axis=0)
    summed = (w * np.where(w > 0, residual, 0.0)).sum(axis=0)
    plain = np.where(total > 0, summed / np.maximum(total, 1e-9), np.nan)
    return (summed / (total + OWN_WEIGHT), total / (total + OWN_WEIGHT)), plain
