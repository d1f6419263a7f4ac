"""The estimator that learns most from few labels: ridge regression on what is remembered, with an offset per user.

Where several users share a memory, nobody owns it: a user counts once per neighbourhood, others' outcomes are only as
sure as the users agree (cluster-robust standard error), and a user's own outcomes shift the estimate for that user as
far as users differ by more than chance (empirical Bayes: Efron & Morris 1973; no shift where they do not differ).
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

__all__ = ["Linear", "placed"]

Array = NDArray[np.float64]

HALF = 10.0
"""Labels from which a user counts half as much as a user of whom all is known, in how far users agree."""
APART = 3.0
"""Standard errors from which a user is believed to be unlike the others, however alike those are."""
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
    offsets: dict[str, tuple[Array, Array, Array]]
    differ: Array
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
        vectors = placed(history.vectors, history.task_types, kinds)
        fitted = fit(vectors, history.scores, one_vote_each(history))
        offsets, differ, between = _by_user(history, history.scores - fitted.predict(vectors), fitted.spread**2)
        self._learnt[history.tenant, history.space] = _Learnt(
            fit=fitted,
            kinds=kinds,
            column={name: i for i, name in enumerate(history.candidates)},
            seen=(history.weights > 0).sum(axis=0),
            offsets=offsets,
            differ=differ,
            between=between,
        )

    def __call__(self, features: Features, candidates: Sequence[Candidate], now: Situation) -> dict[str, Belief]:
        """Beliefs about the candidates that were tried often enough."""
        learnt = self._learnt.get((now.tenant, now.space))
        if learnt is None or now.vector is None or len(now.vector) + len(learnt.kinds) != len(learnt.fit.centre):
            return {}
        vector = placed(now.vector[None], (features.task_type,), learnt.kinds)
        quality = learnt.fit.predict(vector)[0]
        shift, share, own = learnt.offsets.get(now.user_id, (0.0, 0.0, learnt.differ))
        quality = quality + shift
        variance = (learnt.fit.variance(vector)[0] + learnt.between) * (1 - share) + own
        return {
            candidate.id: Belief(
                float(np.clip(quality[i], 0.0, 1.0)), float(np.sqrt(variance[i])) + 1e-3, int(learnt.seen[i]),
                "linear", remembered=True,
            )
            for candidate in candidates
            if (i := learnt.column.get(candidate.id)) is not None and learnt.fit.counts[i] >= LEAST
        }  # fmt: skip


def placed(vectors: NDArray[np.float32], task_types: Sequence[str], kinds: tuple[str, ...]) -> NDArray[np.float32]:
    """The vectors with one more axis per task type; a type that was never seen is at the origin."""
    axes = np.array([[KIND * (name == kind) for kind in kinds] for name in task_types], np.float32)
    return np.concatenate([vectors, axes], axis=1)


def _by_user(
    history: History, residual: Array, noise: Array
) -> tuple[dict[str, tuple[Array, Array, Array]], Array, Array]:
    """Each user's shift, its share of the estimate and its variance; what users differ by; the variance of their mean.

    What users differ by is their squared mean residual beyond what chance explains (its mean and two standard
    deviations more), so that users who are alike are left alike.
    """
    names, users = sorted(set(history.users)), np.array(history.users)
    if len(names) < 2:
        return {}, np.zeros(len(noise)), np.zeros(len(noise))
    w = history.weights
    summed = w * np.where(w > 0, residual, 0.0)
    n = np.array([w[users == name].sum(axis=0) for name in names])
    means = np.array([summed[users == name].sum(axis=0) for name in names]) / np.maximum(n, 1e-9)
    tried = (n > 0).sum(axis=0)
    chance = noise * (tried + 2 * np.sqrt(2 * tried))
    differ = np.maximum((n * means**2).sum(axis=0) - chance, 0.0) / np.maximum(n.sum(axis=0), 1e-9)
    error = noise / np.maximum(n, 1e-9)
    prior = np.maximum(differ, means**2 - APART**2 * error)
    share = prior / (prior + error)
    offsets = {name: (s * m, s, s * e) for name, s, m, e in zip(names, share, means, error, strict=True)}
    return offsets, differ, _between(means, n / (n + HALF))


def _between(means: Array, shares: Array) -> Array:
    """Variance of the mean over users, shape (m,), each user counting by how much is known of it; one user: .25."""
    total = np.maximum(shares.sum(axis=0), 1e-9)
    centre = (shares * means).sum(axis=0) / total
    spread = (shares * (means - centre) ** 2).sum(axis=0) / total
    effective = total**2 / np.maximum((shares**2).sum(axis=0), 1e-9)
    variance: Array = np.where(effective > 1.5, spread / np.maximum(effective - 1, 0.5), 0.25)
    return variance
