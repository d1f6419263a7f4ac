"""Who may still be asked after a failure. Knows nothing of how they are asked."""

from collections.abc import Sequence

from orchestrator_graph.gateway.retry import next_action
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.types import Candidate, Failure

__all__ = ["remaining"]


def remaining(queue: Sequence[Candidate], failed: Candidate, failure: Failure, portfolio: Portfolio) -> list[Candidate]:
    """Of those in the queue: nobody, only larger contexts, or everybody."""
    action = next_action(failure.kind)
    if action == "stop":
        return []
    if action == "larger_context":
        limit = max((portfolio[m.model].context or 0 for m in failed.members), default=0)
        return [c for c in queue if all((portfolio[m.model].context or limit + 1) > limit for m in c.members)]
    return list(queue)
