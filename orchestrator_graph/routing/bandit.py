"""What each candidate was worth lately by task type (Beta posteriors that forget), and Thompson's choice among them.

Forgetting is counted in later labelled tasks of the tenant, not in days: a quiet month teaches nothing about a model.
(Age has its own half-life, in the weights of labels.) A candidate that is no longer tried drifts back to ignorance and
is tried again: Raj & Kalyani 2017, discounted Thompson sampling.
"""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from orchestrator_graph.routing.estimator import Belief
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.routing.votes import one_vote_each
from orchestrator_graph.types import Candidate, Estimate, Features

if TYPE_CHECKING:
    from orchestrator_graph.types.history import History

__all__ = ["Bandit", "Posteriors", "thompson"]

Array = NDArray[np.float64]

HALF_LIFE = 5000.0
"""Labelled tasks after which an outcome counts half."""
TYPE_N, CANDIDATE_N = 100.0, 8.0
"""What is known of a candidate on all types counts for at most so many outcomes of one type; what is known of all
candidates, for so many of one candidate (chosen in docs/online.md)."""
SPREAD = 0.5
"""Share of the standard error that Thompson sampling draws with: all of it explores for longer than pays here."""
ALL = "*"
NODES = np.array([NormalDist().inv_cdf((k + 0.5) / 32) for k in range(32)])
"""Midpoints of 32 equally probable slices of the standard normal distribution."""


@dataclass(slots=True)
class _Cell:
    """Discounted weight of good and bad outcomes at task number `at`, and the tries behind them."""

    good: float = 0.0
    bad: float = 0.0
    n: int = 0
    at: int = 0


@dataclass(slots=True)
class Posteriors:
    """Discounted outcome counts by (task type, candidate); `*` stands for all."""

    half_life: float = HALF_LIFE
    tasks: int = 0
    _cells: dict[tuple[str, str], _Cell] = field(default_factory=dict)

    def passed(self) -> None:
        """One more labelled task: what came before counts a little less."""
        self.tasks += 1

    def update(self, task_type: str, candidate: str, score: float, weight: float = 1.0) -> None:
        """Takes in one outcome; O(1)."""
        for key in ((task_type, candidate), (ALL, candidate), (task_type, ALL), (ALL, ALL)):
            cell = self._cells.setdefault(key, _Cell(at=self.tasks))
            kept = self._kept(cell)
            cell.good, cell.bad = cell.good * kept + weight * score, cell.bad * kept + weight * (1 - score)
            cell.n, cell.at = cell.n + 1, self.tasks

    def replay(self, history: "History") -> None:
        """Takes in all remembered outcomes, oldest first."""
        lines = zip(history.task_types, history.scores.tolist(), history.weights.tolist(), strict=True)
        for task_type, scores, weights in lines:
            self.passed()
            for candidate, score, weight in zip(history.candidates, scores, weights, strict=True):
                if weight > 0:
                    self.update(task_type, candidate, score, weight)

    def posterior(self, task_type: str, candidate: str) -> Belief | None:
        """Beta posterior; `None` for a candidate that was never tried.

        The prior is what all candidates reach on all types, then this candidate's mean, then shifted by how much
        easier or harder this type is for everybody: else a hard type would look worth exploring again and again.
        """
        if (ALL, candidate) not in self._cells:
            return None
        overall, _ = self._mean(ALL, ALL, 0.5, 2.0)
        level, known = self._mean(ALL, candidate, overall, CANDIDATE_N)
        ease = self._mean(task_type, ALL, overall, TYPE_N)[0] - overall
        prior = min(0.98, max(0.02, level + ease))
        mean, n = self._mean(task_type, candidate, prior, min(TYPE_N, known))
        own = self._cells.get((task_type, candidate)) or self._cells[ALL, candidate]
        return Belief(mean, math.sqrt(mean * (1 - mean) / (n + 1)), own.n, "bandit", remembered=True)

    def _mean(self, task_type: str, candidate: str, prior: float, prior_n: float) -> tuple[float, float]:
        """Posterior mean, and the weight behind it."""
        cell = self._cells.get((task_type, candidate), _Cell())
        kept = self._kept(cell)
        n = kept * (cell.good + cell.bad) + prior_n
        return (kept * cell.good + prior_n * prior) / n, n

    def _kept(self, cell: _Cell) -> float:
        return float(0.5 ** ((self.tasks - cell.at) / self.half_life))


class Bandit:
    """Estimator and Learner: the posterior of a candidate on this type of task, by tenant and vector space.

    Args:
        half_life: Labelled tasks after which an outcome counts half.
    """

    def __init__(self, half_life: float = HALF_LIFE) -> None:
        self.half_life = half_life
        self._learnt: dict[tuple[str, str], Posteriors] = {}

    def learn(self, history: "History") -> None:
        """Replays the remembered outcomes, oldest first; a user's alike labels count as one vote."""
        if not len(history):
            self._learnt.pop((history.tenant, history.space), None)
            return
        known = Posteriors(self.half_life)
        known.replay(replace(history, weights=one_vote_each(history)))
        self._learnt[history.tenant, history.space] = known  # published whole: questions are answered meanwhile

    def posteriors(self, tenant: str, space: str) -> Posteriors:
        """What was learnt there; made anew where nothing was."""
        return self._learnt.setdefault((tenant, space), Posteriors(self.half_life))

    def __call__(self, features: Features, candidates: Sequence[Candidate], now: Situation) -> dict[str, Belief]:
        """The posterior of each candidate that was ever tried."""
        known = self._learnt.get((now.tenant, now.space))
        if known is None:
            return {}
        found = ((c.id, known.posterior(features.task_type, c.id)) for c in candidates)
        return {name: belief for name, belief in found if belief is not None}


def thompson(
    estimates: Sequence[Estimate],
    rng: random.Random,
    penalties: Mapping[str, float] | None = None,
    spread: float = SPREAD,
) -> tuple[str, dict[str, float]]:
    """The chosen candidate, and with which probability each one was: exactly those that it was drawn with.

    Thompson sampling chooses each with the probability that it is the best. These probabilities are worked out
    (normal beliefs, 32 slices of each) and drawn from, so what is logged as propensity is what was done.

    Args:
        estimates: At least one.
        rng: The only source of chance.
        penalties: Candidate id -> quality points that money, time or energy take off.
        spread: Share of the standard errors that is drawn with.
    """
    taken = penalties or {}
    names = [e.candidate.id for e in estimates]
    means = np.array([e.quality - taken.get(name, 0.0) for e, name in zip(estimates, names, strict=True)])
    shares = _best_of(means, np.array([max(spread * e.se, 1e-6) for e in estimates])).tolist()
    return rng.choices(names, shares)[0], dict(zip(names, shares, strict=True))


def _best_of(means: Array, sds: Array) -> Array:
    """Probability of each to be the greatest; sums to 1. Shape (m,)."""
    at = means[:, None] + sds[:, None] * NODES
    below = _normal((at[:, :, None] - means) / sds)
    below[range(len(means)), :, range(len(means))] = 1.0
    wins = below.prod(axis=2).sum(axis=1)
    return np.asarray(wins / wins.sum())


def _normal(x: Array) -> Array:
    """The normal distribution function to 2e-4 (Page 1977); NumPy has none."""
    return np.asarray(1 / (1 + np.exp(np.clip(-x * (1.5976 + 0.07056 * x * x), -500, 500))))
