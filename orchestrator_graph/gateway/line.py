"""Where calls to one model wait: the task's bound, the model's slots, its rate. Never past the deadline."""

from collections.abc import Callable
from dataclasses import dataclass, field

from orchestrator_graph.drive import Effects
from orchestrator_graph.gateway.budget import Lease
from orchestrator_graph.gateway.slots import Rate, Slots
from orchestrator_graph.policy import LIMITS
from orchestrator_graph.registry.spec import ModelSpec
from orchestrator_graph.types import Failure

__all__ = ["Line", "Place"]

IN_FLIGHT = {"ollama": 1, "pocket": 4}
CLOUD_IN_FLIGHT = 16


@dataclass(slots=True)
class Place:
    """What a call holds once it is its turn; given back exactly once, from any thread."""

    held: list[Slots] = field(default_factory=list)

    def give_back(self) -> None:
        """Lets the next one in."""
        while self.held:
            self.held.pop().give()


class Line:
    """The line before one model."""

    def __init__(self, spec: ModelSpec) -> None:
        provider = str(spec.model).partition(":")[0] if isinstance(spec.model, str) else ""
        self._slots = Slots(spec.max_in_flight or IN_FLIGHT.get(provider, CLOUD_IN_FLIGHT))
        self._rate = Rate(spec.requests_per_minute) if spec.requests_per_minute else None
        self._name = spec.id

    async def stand(
        self, fx: Effects, lease: Lease, place: Place, ends: float, clock: Callable[[], float]
    ) -> Failure | None:
        """Waits for the turn and fills `place`; a failure when it does not come before `ends`."""
        if not lease.take_call():
            return Failure("budget", f"the task has made {LIMITS.model_calls} model calls, as many as any task may")
        for slots in (lease.parallel, self._slots):
            if not await slots.take(fx, ends - clock()):
                return Failure("timeout", f"no free slot for {self._name} before the deadline")
            place.held.append(slots)
        if self._rate is None:
            return None
        now = clock()
        start = self._rate.book(now, ends)
        if start is None:
            return Failure("rate_limited", f"our own rate limit for {self._name} is used up until the deadline")
        await fx.sleep(start - now)
        return None
