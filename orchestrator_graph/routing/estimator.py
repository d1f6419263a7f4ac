"""The first seam: what is believed of each candidate. An estimator is any callable of this shape."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Candidate, Features

if TYPE_CHECKING:
    from orchestrator_graph.types.history import History

__all__ = ["IGNORANCE", "Belief", "Estimator", "Learner", "combine"]


@dataclass(frozen=True, slots=True)
class Belief:
    """Quality of one candidate on one subtask: mean in [0, 1], standard error, observations behind it, source.

    Attributes:
        remembered: It rests on this tenant's own outcomes: two such beliefs are not independent.
    """

    quality: float
    se: float
    n: int
    source: str
    remembered: bool = False


ENOUGH = 8
"""Observations from which on ignorance is overruled."""
IGNORANCE = Belief(0.5, 0.29, 0, "nothing known")
"""An unseen model is believed to be middling, with the spread of a uniform distribution."""


class Estimator(Protocol):
    """`(features, candidates, now) -> beliefs`; a candidate it knows nothing of is left out. A function will do."""

    def __call__(self, features: Features, candidates: Sequence[Candidate], now: Situation) -> Mapping[str, Belief]:
        """Candidate id -> belief."""


@runtime_checkable
class Learner(Protocol):
    """An estimator that is fitted to what is remembered; called off the request path, each time anew."""

    def learn(self, history: "History") -> None:
        """Replaces what was learnt of this tenant and vector space."""


def combine(beliefs: Sequence[Belief]) -> Belief:
    """Precision-weighted mean of beliefs; nothing known gives ignorance with n = 0.

    Beliefs that rest on the same remembered outcomes are first made one: their precisions average instead of adding up.
    Ignorance has no say once there are eight observations: it would pull uncertain candidates more than others.

    >>> combine([Belief(0.9, 0.1, 10, "prior"), Belief(0.5, 0.1, 10, "neighbours")]).quality
    0.7
    """
    if not beliefs:
        return IGNORANCE
    if sum(belief.n for belief in beliefs) >= ENOUGH:
        beliefs = [belief for belief in beliefs if belief != IGNORANCE]
    shared = max(1, sum(belief.remembered for belief in beliefs))
    weights = [(1 / shared if belief.remembered else 1) / max(belief.se, 1e-3) ** 2 for belief in beliefs]
    total = sum(weights)
    mean = sum(weight * belief.quality for weight, belief in zip(weights, beliefs, strict=True)) / total
    n = sum(b.n for b in beliefs if not b.remembered) + max((b.n for b in beliefs if b.remembered), default=0)
    return Belief(round(mean, 6), (1 / total) ** 0.5, n, "+".join(belief.source for belief in beliefs))
