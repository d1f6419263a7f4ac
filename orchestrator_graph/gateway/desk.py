"""What all calls of one gateway share."""

from collections.abc import Callable
from dataclasses import dataclass, field

from orchestrator_graph.gateway.answer import Answer
from orchestrator_graph.gateway.breaker import Breakers
from orchestrator_graph.gateway.clients import Clients
from orchestrator_graph.gateway.egress import endpoint_of, is_loopback_url
from orchestrator_graph.gateway.energy import Powercap
from orchestrator_graph.gateway.preload import Preloads
from orchestrator_graph.gateway.residence import Residence
from orchestrator_graph.gateway.retry import Retry
from orchestrator_graph.gateway.speed import Speeds
from orchestrator_graph.registry.spec import ModelSpec

__all__ = ["Desk", "Reading"]


@dataclass(frozen=True, slots=True)
class Reading:
    """The energy counters when a call began, and who else was at work."""

    counters: dict[str, int]
    census: tuple[int, int]


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
    residence: Residence
    preloads: Preloads
    powercap: Powercap
    secrets: set[str] = field(default_factory=set)
    plain: set[str] = field(default_factory=set)

    def learn(self, spec: ModelSpec, answer: Answer, seconds: float, first_token_s: float | None) -> None:
        """Takes note of how fast a model answered, and that it is loaded now.

        Of an answer that was given up the server told nothing, not even whether its model had to be loaded first.
        """
        self.residence.answered(spec)
        if answer.finish == "early_exit":
            return
        first = answer.first_token_s if first_token_s is None else first_token_s
        tokens, ready = answer.usage.output_tokens, answer.ready_s
        self.speeds.learn(spec.id, seconds=seconds, tokens=tokens, first_token_s=first, ready_s=ready)
        self.preloads.used(spec, ready)

    def seconds_per_token(self, spec: ModelSpec) -> float | None:
        """As measured; `None` before the first call."""
        pace = self.speeds.of(spec.id)
        return None if pace is None else pace[1]

    def reading(self, spec: ModelSpec) -> Reading | None:
        """The counters before a call; `None` where they would not count it: it runs elsewhere, or not alone."""
        endpoint = endpoint_of(spec)
        here = spec.is_local and (endpoint is None or is_loopback_url(endpoint))
        census = self.clients.census()
        return Reading(self.powercap.read(), census) if here and census[0] == 0 else None

    def joules(self, began: Reading | None) -> float | None:
        """Joules since then; `None` where they were not measured, or another call began meanwhile."""
        if began is None or not began.counters or self.clients.census()[1] != began.census[1] + 1:
            return None
        return self.powercap.joules(began.counters, self.powercap.read())
