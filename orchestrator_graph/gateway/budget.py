"""Money: reserve before a call, settle after it. Integer nano-dollars; safe from threads and tasks alike.

What is reserved counts as spent until it is settled, so parallel calls can never pass the cap together.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from orchestrator_graph.gateway.slots import Slots
from orchestrator_graph.policy import LIMITS
from orchestrator_graph.registry.spec import ModelSpec

__all__ = ["Budget", "Hold", "Lease", "SharedBudget", "hold"]


class SharedBudget(Protocol):
    """A budget that several tasks draw on."""

    @property
    def held_nusd(self) -> int:
        """Set aside for calls of this process that are under way."""

    def reserve(self, nusd: int) -> bool:
        """Sets the amount aside; False when it does not fit."""

    def settle(self, reserved: int, spent: int) -> None:
        """Gives the reserved amount back and books what was spent."""

    def book(self, nusd: int) -> None:
        """Books what was not set aside before, also above the limit."""


class Budget:
    """A cap, what is spent and what is set aside.

    >>> budget = Budget(100)
    >>> budget.reserve(80), budget.reserve(30)
    (True, False)
    >>> budget.settle(80, 20); budget.left_nusd
    80
    """

    def __init__(self, cap_nusd: int | None, spent_nusd: int = 0) -> None:
        self.cap_nusd = cap_nusd
        self._spent = spent_nusd
        self._held = 0
        self._lock = threading.Lock()

    @property
    def spent_nusd(self) -> int:
        """Booked so far."""
        return self._spent

    @property
    def held_nusd(self) -> int:
        """Set aside for calls under way."""
        return self._held

    @property
    def left_nusd(self) -> int | None:
        """What may still be reserved; `None` without a cap."""
        with self._lock:
            return None if self.cap_nusd is None else max(0, self.cap_nusd - self._spent - self._held)

    @property
    def unspent_nusd(self) -> int | None:
        """What is left once the calls under way turn out to cost nothing; `None` without a cap."""
        return None if self.cap_nusd is None else max(0, self.cap_nusd - self._spent)

    def reserve(self, nusd: int) -> bool:
        """Sets the amount aside; False when it does not fit under the cap."""
        with self._lock:
            if self.cap_nusd is not None and self._spent + self._held + nusd > self.cap_nusd:
                return False
            self._held += nusd
            return True

    def settle(self, reserved: int, spent: int) -> None:
        """Gives the reserved amount back and books what was spent."""
        with self._lock:
            self._held -= reserved
            self._spent += spent

    def book(self, nusd: int) -> None:
        """Books what was not set aside before, also above the cap."""
        self.settle(0, nusd)


@dataclass(slots=True)
class Hold:
    """An amount set aside in several budgets at once; settled exactly once."""

    budgets: Sequence[SharedBudget]
    nusd: int
    _open: bool = True

    def settle(self, spent: int) -> None:
        """Books what was spent everywhere; a second call does nothing."""
        if self._open:
            self._open = False
            for budget in self.budgets:
                budget.settle(self.nusd, spent)


def hold(budgets: Sequence[SharedBudget], nusd: int) -> Hold | None:
    """The amount set aside in all budgets, or in none (`None`)."""
    done: list[SharedBudget] = []
    for budget in budgets:
        if not budget.reserve(nusd):
            Hold(done, nusd).settle(0)
            return None
        done.append(budget)
    return Hold(done, nusd)


@dataclass(slots=True)
class Lease:
    """What one task may still take: money, time, calls.

    Attributes:
        money: The task's own budget; its cap is `None` without a limit.
        found: Budget for models that were discovered rather than named, where the task has no cap of its own.
        deadline: On `clock`; `None` = no deadline.
        span: The run's open OpenTelemetry span, where the app traces.
        traced: Whether the run had a span before.
        cancelled: Attempts that were under way, and are paid for, when their caller went away.
    """

    task_id: str
    money: Budget
    found: Budget
    shared: SharedBudget | None = None
    deadline: float | None = None
    clock: Callable[[], float] = time.monotonic
    parallel: Slots = field(default_factory=lambda: Slots(LIMITS.parallel_calls))
    span: Any = None
    traced: bool = False
    cancelled: list[Any] = field(default_factory=list)
    _calls: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def spent_nusd(self) -> int:
        """Charged to the task so far."""
        return self.money.spent_nusd

    @property
    def left_nusd(self) -> int | None:
        """Money left; `None` = no limit."""
        return self.money.left_nusd

    @property
    def found_left_nusd(self) -> int | None:
        """Money left for discovered models; `None` = no limit of their own."""
        return None if self.money.cap_nusd is not None else self.found.left_nusd

    @property
    def left_s(self) -> float | None:
        """Seconds left, 0 when the deadline has passed; `None` = no deadline."""
        return None if self.deadline is None else max(0.0, self.deadline - self.clock())

    def restart(self, seconds: float) -> None:
        """The deadline counts anew: somebody outside was waited for."""
        self.deadline = self.clock() + seconds

    def budgets(self, spec: ModelSpec) -> list[SharedBudget]:
        """Every budget that a call to this model draws on."""
        drawn: list[SharedBudget] = [self.money]
        if spec.discovered and spec.billed and self.money.cap_nusd is None:
            drawn.append(self.found)
        if self.shared is not None:
            drawn.append(self.shared)
        return drawn

    def capped(self, spec: ModelSpec) -> bool:
        """Whether any limit on money holds for this model."""
        return self.money.cap_nusd is not None or len(self.budgets(spec)) > 1

    def catch_up(self, spent_nusd: int, calls: int = 0) -> None:
        """Books what the task took before this lease was opened, in a process that died; less than is known: nothing.

        >>> lease = Lease("t", Budget(100), Budget(None)); lease.catch_up(60, 3); lease.catch_up(60, 3); lease.left_nusd
        40
        """
        with self._lock:
            missing = max(0, spent_nusd - self.money.spent_nusd)
            self._calls = max(self._calls, calls)
            self.money.book(missing)  # the ledger knows what was drawn from a shared budget
            self.found.book(missing)

    def take_call(self) -> bool:
        """Counts one request to a model; False when the task's bound is reached."""
        with self._lock:
            if self._calls >= LIMITS.model_calls:
                return False
            self._calls += 1
            return True
