"""What all calls of one gateway share."""

from collections.abc import Callable
from dataclasses import dataclass, field

from orchestrator_graph.gateway.breaker import Breakers
from orchestrator_graph.gateway.clients import Clients
from orchestrator_graph.gateway.retry import Retry
from orchestrator_graph.gateway.speed import Speeds

__all__ = ["Desk"]


@dataclass(frozen=True, slots=True)
class Desk:
    """Collaborators of a call.

    Attributes:
        secrets: Key values that must not show up in a message.
        plain: Models that refused optional parameters.
    """

    clients: Clients
    breakers: Breakers
    speeds: Speeds
    retry: Retry
    clock: Callable[[], float]
    secrets: tuple[str, ...] = ()
    plain: set[str] = field(default_factory=set)
