"""Circuit breakers: a model that keeps failing is left alone for a while, then probed by one call.

When all models are open, the one that is due first may be probed at once: one call, not a stampede.
"""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from orchestrator_graph.types import Failure, FailureKind

__all__ = ["BreakerRule", "Breakers", "Entry", "health_of"]

Entry = Literal["closed", "probe", "refused"]

# What says that the endpoint (and not the request) is at fault. `timeout` includes calls that started and came late.
UNHEALTHY: frozenset[FailureKind] = frozenset(
    {"rate_limited", "overloaded", "timeout", "connection", "truncated_stream", "bad_response", "auth", "not_found"}
)


def health_of(failure: Failure | None) -> bool | None:
    """What the end of a call says about its endpoint; `None` = nothing."""
    return failure is None or (None if failure.kind == "cancelled" else failure.kind not in UNHEALTHY)


@dataclass(frozen=True, slots=True)
class BreakerRule:
    """Opens after so many failures in a row, for `open_s`, doubled by each failed probe up to `longest_s`."""

    failures: int = 5
    open_s: float = 5.0
    longest_s: float = 60.0


@dataclass(slots=True)
class Circuit:
    """State of one model."""

    failures: int = 0
    due: float | None = None
    open_for: float = 0.0
    probing: bool = False


class Breakers:
    """One circuit per model."""

    def __init__(self, rule: BreakerRule, clock: Callable[[], float] = time.monotonic) -> None:
        self._rule = rule
        self._clock = clock
        self._circuits: dict[str, Circuit] = {}
        self._lock = threading.Lock()

    def watch(self, models: Iterable[str]) -> None:
        """Makes the models known: "all are open" means all of these."""
        with self._lock:
            for model in models:
                self._circuits.setdefault(model, Circuit())

    def forget(self, models: Iterable[str]) -> None:
        """Drops models that are gone, or that go by another endpoint from now on."""
        with self._lock:
            for model in models:
                self._circuits.pop(model, None)

    def healthy(self, model: str) -> bool:
        """Whether a call would be let through now."""
        with self._lock:
            return self._gate(model) != "refused"

    def wait_s(self, model: str) -> float:
        """Seconds until the next probe is due."""
        with self._lock:
            due = self._circuits.get(model, Circuit()).due
            return 0.0 if due is None else max(0.0, due - self._clock())

    def enter(self, model: str) -> Entry:
        """Lets a call through, as the probe of an open circuit or not at all. `leave` must follow unless refused."""
        with self._lock:
            entry = self._gate(model)
            if entry == "probe":
                self._circuits[model].probing = True
            return entry

    def leave(self, model: str, entry: Entry, *, ok: bool | None) -> None:
        """Books how the call ended; `None` = it says nothing about health."""
        with self._lock:
            circuit = self._circuits.get(model)
            if circuit is None:
                return  # forgotten meanwhile
            if entry == "probe":
                circuit.probing = False
            if ok:
                self._circuits[model] = Circuit(probing=circuit.probing)
            elif ok is False and (entry == "probe" or circuit.due is None):
                circuit.failures += 1
                self._maybe_open(circuit)

    def _maybe_open(self, circuit: Circuit) -> None:
        if circuit.failures < self._rule.failures:
            return
        doubled = min(circuit.open_for * 2, self._rule.longest_s)
        circuit.open_for = max(self._rule.open_s, doubled)
        circuit.due = self._clock() + circuit.open_for

    def _gate(self, model: str) -> Entry:
        circuit = self._circuits.setdefault(model, Circuit())
        if circuit.due is None:
            return "closed"
        if circuit.probing:
            return "refused"
        due = circuit.due <= self._clock()
        return "probe" if due or self._last_resort(circuit) else "refused"

    def _last_resort(self, circuit: Circuit) -> bool:
        others = self._circuits.values()
        if any(other.due is None or other.probing for other in others):
            return False
        return circuit is min(others, key=lambda other: other.due or 0.0)
