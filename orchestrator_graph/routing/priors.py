"""Weak priors from the registry: what was measured or guessed elsewhere, never with more weight than a few tries."""

from collections.abc import Sequence

from orchestrator_graph.registry.spec import ModelSpec
from orchestrator_graph.routing.estimator import IGNORANCE, Belief
from orchestrator_graph.types import Features, Neighbour

__all__ = ["priors"]

MAX_PRIOR_N = 30
"""A prior comes from other people's tasks: it counts for at most this many of one's own."""


def priors(features: Features, models: Sequence[ModelSpec], evidence: Sequence[Neighbour]) -> dict[str, Belief]:  # noqa: ARG001
    """Each model's registry prior for the task type, with the standard error of `min(n, 30)` observations."""
    found: dict[str, Belief] = {}
    for spec in models:
        prior = spec.prior(features.task_type)
        if prior is None:
            found[spec.id] = IGNORANCE
        else:
            weight = min(prior.n, MAX_PRIOR_N) + 1
            spread = max(prior.quality * (1 - prior.quality), 0.04)
            found[spec.id] = Belief(prior.quality, (spread / weight) ** 0.5, prior.n, f"prior: {prior.source}")
    return found
