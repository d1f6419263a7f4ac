"""Which estimators are on unless told otherwise; the ablation in docs/routing.md decides."""

from orchestrator_graph.routing.credit import Personal
from orchestrator_graph.routing.estimator import Estimator
from orchestrator_graph.routing.linear import Linear
from orchestrator_graph.routing.neighbours import Neighbours
from orchestrator_graph.routing.priors import priors

__all__ = ["default_estimators"]


EARLY = 50.0
"""Labels of a candidate up to which its neighbours are heard."""


def default_estimators() -> tuple[Estimator, ...]:
    """Registry priors, remembered neighbours, and what was learnt of all; made anew, because each learns."""
    return (priors, Neighbours(until=EARLY), Personal(Linear))
