"""LinUCB that forgets and starts warm: one discounted ridge regression per candidate over projected task vectors.

Li et al. 2010 (LinUCB, disjoint), Russac et al. 2019 (discounting). An update costs O(d^2): the rank-one formula of
Sherman and Morrison. Forgetting would wear the penalty away too; it is fed back one coordinate at a time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from orchestrator_graph.routing.estimator import Belief
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.routing.votes import one_vote_each
from orchestrator_graph.types import Candidate, Estimate, Features

if TYPE_CHECKING:
    from orchestrator_graph.types.history import History

__all__ = ["LinUCB", "Regressions", "optimistic"]

Array = NDArray[np.float64]

ALPHA = 0.75
"""Standard errors of optimism."""
DIMENSIONS = 32
HALF_LIFE = 1000.0
"""Labelled tasks after which an outcome counts half."""
PENALTY = 100.0
"""Prior weight of a slope, in outcomes of unit length; the level of a candidate has `PRIOR_N` at least."""
PRIOR_N = 2.0
MAX_PRIOR_N = 30.0
PRIOR_VARIANCE, PRIOR_VARIANCE_N = 0.15, 10.0


@dataclass(slots=True)
class _Ridge:
    """One candidate's discounted regression of (score - prior) on (1, projected vector), k columns.

    Attributes:
        floor: Shape (k,), the penalty.
        inverse: Shape (k, k), inverse of discounted Gram matrix plus penalty.
        moment: Shape (k,), discounted sum of features times scores.
        at: Number of the task of the last update.
    """

    prior: float
    floor: Array
    inverse: Array
    moment: Array
    noise: float = PRIOR_VARIANCE * PRIOR_VARIANCE_N
    noise_n: float = PRIOR_VARIANCE_N
    n: int = 0
    at: int = 0

    def update(self, x: Array, score: float, weight: float, kept: float) -> None:
        """One outcome, after what was known has been discounted to the share `kept`."""
        error = score - self.prior - float(x @ self.inverse @ self.moment)
        self.noise = self.noise * kept + weight * error**2 + (1 - kept) * PRIOR_VARIANCE * PRIOR_VARIANCE_N
        self.noise_n = self.noise_n * kept + weight + (1 - kept) * PRIOR_VARIANCE_N
        self.inverse /= kept
        self.moment *= kept
        k = self.n % len(x)
        unit = np.zeros(len(x))
        unit[k] = (len(x) * (1 - kept) * self.floor[k]) ** 0.5
        for row in (unit, x * weight**0.5):
            along = self.inverse @ row
            self.inverse -= np.outer(along, along) / (1 + row @ along)
        self.moment += weight * (score - self.prior) * x
        self.n += 1

    def belief(self, x: Array, kept: float) -> tuple[float, float]:
        """Mean and standard error; no surer than the penalty alone however much was forgotten since."""
        along = self.inverse @ x
        variance = min(float(x @ along) / kept, float((x * x / self.floor).sum()))
        return self.prior + float(along @ self.moment), (variance * self.noise / self.noise_n) ** 0.5


@dataclass(slots=True)
class Regressions:
    """The regressions of all candidates of one tenant in one vector space.

    Attributes:
        centre: Shape (d,), subtracted from a vector.
        basis: Shape (d, k), principal directions of the remembered vectors.
        priors: Candidate id -> (quality believed beforehand, outcomes that this is worth).
    """

    centre: Array
    basis: Array
    priors: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    half_life: float = HALF_LIFE
    tasks: int = 0
    _scores: tuple[float, float] = (1.0, 2.0)
    _ridges: dict[str, _Ridge] = field(default_factory=dict)

    def passed(self) -> None:
        """One more labelled task: what came before counts a little less."""
        self.tasks += 1

    def update(self, vector: NDArray[np.float32], candidate: str, score: float, weight: float = 1.0) -> None:
        """Takes in one outcome; O(k^2)."""
        self._update(self._features(vector), candidate, score, weight)

    def _update(self, x: Array, candidate: str, score: float, weight: float) -> None:
        ridge = self._ridges.get(candidate)
        if ridge is None:
            ridge = self._ridges[candidate] = self._fresh(candidate, len(x))
        total, n = self._scores
        self._scores = total + weight * score, n + weight
        ridge.update(x, score, weight, self._kept(ridge))
        ridge.at = self.tasks

    def beliefs(self, vector: NDArray[np.float32], candidates: Sequence[str]) -> dict[str, Belief]:
        """What is believed of each candidate that has outcomes or a prior."""
        x = self._features(vector)
        found = {}
        for name in candidates:
            ridge = self._ridges.get(name) or (self._fresh(name, len(x)) if name in self.priors else None)
            if ridge is not None:
                mean, se = ridge.belief(x, self._kept(ridge))
                found[name] = Belief(min(1.0, max(0.0, mean)), max(se, 1e-6), ridge.n, "linucb", remembered=True)
        return found

    def _features(self, vector: NDArray[np.float32]) -> Array:
        return np.concatenate(([1.0], (vector.astype(np.float64) - self.centre) @ self.basis))

    def _kept(self, ridge: _Ridge) -> float:
        return float(0.5 ** ((self.tasks - ridge.at) / self.half_life))

    def _fresh(self, candidate: str, k: int) -> _Ridge:
        quality, n = self.priors.get(candidate, (self._scores[0] / self._scores[1], PRIOR_N))
        floor = np.full(k, PENALTY)
        floor[0] = min(max(n, PRIOR_N), MAX_PRIOR_N)
        return _Ridge(quality, floor, np.diag(1 / floor), np.zeros(k), at=self.tasks)


class LinUCB:
    """Estimator and Learner; `optimistic` chooses by its upper bounds, any other selector by its means.

    Args:
        priors: Candidate id -> (quality believed beforehand, outcomes that this is worth): the warm start.
        dimensions: Principal directions of the vectors that are kept.
    """

    def __init__(
        self,
        priors: Mapping[str, tuple[float, float]] | None = None,
        half_life: float = HALF_LIFE,
        dimensions: int = DIMENSIONS,
    ) -> None:
        self.priors, self.half_life, self.dimensions = priors or {}, half_life, dimensions
        self._learnt: dict[tuple[str, str], Regressions] = {}

    def learn(self, history: "History") -> None:
        """Principal directions of the vectors, then the outcomes, oldest first; a user's alike labels are one vote."""
        self._learnt.pop((history.tenant, history.space), None) if not len(history) else self._replay(history)

    def _replay(self, history: "History") -> None:
        weights = one_vote_each(history)
        centred = history.vectors - (centre := history.vectors.mean(axis=0, dtype=np.float64))
        _, directions = np.linalg.eigh(centred.T @ centred)
        known = Regressions(centre, directions[:, : -self.dimensions - 1 : -1], self.priors, self.half_life)
        for row in range(len(history)):
            known.passed()
            x = known._features(history.vectors[row])
            for i in np.flatnonzero(weights[row] > 0):
                known._update(x, history.candidates[i], float(history.scores[row, i]), float(weights[row, i]))
        self._learnt[history.tenant, history.space] = known

    def regressions(self, tenant: str, space: str) -> Regressions | None:
        """What was learnt there, for updates between two histories."""
        return self._learnt.get((tenant, space))

    def __call__(self, features: Features, candidates: Sequence[Candidate], now: Situation) -> dict[str, Belief]:  # noqa: ARG002
        """The regression's mean and standard error for this task's vector."""
        known = self._learnt.get((now.tenant, now.space))
        if known is None or now.vector is None or len(now.vector) != len(known.centre):
            return {}
        return known.beliefs(now.vector, [candidate.id for candidate in candidates])


def optimistic(
    estimates: Sequence[Estimate], penalties: Mapping[str, float] | None = None, alpha: float = ALPHA
) -> tuple[str, dict[str, float]]:
    """The candidate with the greatest upper bound `quality + alpha se - penalty`, chosen with probability 1.

    Of what nothing is known (n = 0) the upper bound is 1.
    """
    taken = penalties or {}

    def bound(estimate: Estimate) -> float:
        upper = estimate.quality + alpha * estimate.se if estimate.n else 1.0
        return upper - taken.get(estimate.candidate.id, 0.0)

    first = max(estimates, key=bound).candidate.id
    return first, {first: 1.0}
