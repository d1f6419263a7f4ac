"""Weak priors from the registry: what was measured or guessed elsewhere, never with more weight than a few tries."""

from collections.abc import Sequence

from orchestrator_graph.routing.estimator import IGNORANCE, Belief
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Candidate, Features

__all__ = ["priors"]

MAX_PRIOR_N = 30
"""A prior comes from other people's tasks: it counts for at most this many of one's own."""


def priors(features: Features, candidates: Sequence[Candidate], now: Situation) -> dict[str, Belief]:
    """The registry prior of each candidate's best member, with the standard error of `min(n, 30)` observations."""
    return {
        candidate.id: max((_of(m.model, features, now) for m in candidate.members), key=lambda b: b.quality)
        for candidate in candidates
    }


def _of(model: str, features: Features, now: Situation) -> Belief:
    spec = now.portfolio.get(model)
    prior = None if spec is None else spec.prior(features.task_type)
    if prior is None:
        return IGNORANCE
    spread = max(prior.quality * (1 - prior.quality), 0.04)
    weight = min(prior.n, MAX_PRIOR_N) + 1
    return Belief(prior.quality, (spread / weight) ** 0.5, prior.n, f"prior: {prior.source}")
