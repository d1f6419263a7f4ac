"""The first seam: what is believed of each candidate. An estimator is any callable of this shape."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from orchestrator_graph.registry.spec import ModelSpec
from orchestrator_graph.types import Features, Neighbour

__all__ = ["IGNORANCE", "Belief", "Estimator", "combine"]


@dataclass(frozen=True, slots=True)
class Belief:
    """Quality of one model on one subtask: mean in [0, 1], standard error, observations behind it, source."""

    quality: float
    se: float
    n: int
    source: str


IGNORANCE = Belief(0.5, 0.29, 0, "nothing known")
"""An unseen model is believed to be middling, with the spread of a uniform distribution."""


class Estimator(Protocol):
    """`(features, models, evidence) -> beliefs`; a model that it knows nothing of is left out."""

    def __call__(
        self, features: Features, models: Sequence[ModelSpec], evidence: Sequence[Neighbour]
    ) -> dict[str, Belief]:
        """Model id -> belief."""


def combine(beliefs: Sequence[Belief]) -> Belief:
    """Precision-weighted mean of independent beliefs; nothing known gives ignorance with n = 0.

    >>> combine([Belief(0.9, 0.1, 10, "prior"), Belief(0.5, 0.1, 10, "neighbours")]).quality
    0.7
    """
    if not beliefs:
        return IGNORANCE
    weights = [1 / max(belief.se, 1e-3) ** 2 for belief in beliefs]
    total = sum(weights)
    mean = sum(weight * belief.quality for weight, belief in zip(weights, beliefs, strict=True)) / total
    return Belief(
        round(mean, 6), (1 / total) ** 0.5, sum(b.n for b in beliefs), "+".join(belief.source for belief in beliefs)
    )
