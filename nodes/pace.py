"""The pacers of shared budgets: what money and energy cost in points of quality, so that a budget lasts."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from orchestrator_graph.budgets import BudgetLimit
from orchestrator_graph.drive import Effects
from orchestrator_graph.gateway.budget import SharedBudget
from orchestrator_graph.routing.pacing import Pacer

if TYPE_CHECKING:
    from orchestrator_graph.memory.reservations import LedgerBudget

__all__ = ["Pace", "Paces", "paces"]

DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class _Watched:
    """A shared budget whose pacer hears of each call as it is settled: a cancelled run's count as well."""

    budget: SharedBudget
    pacer: Pacer

    @property
    def held_nusd(self) -> int:
        return self.budget.held_nusd

    def reserve(self, nusd: int) -> bool:
        return self.budget.reserve(nusd)

    def settle(self, reserved: int, spent: int) -> None:
        self.budget.settle(reserved, spent)
        if reserved:  # a call that may cost nothing was not set aside, and is not booked
            self.pacer.book(spent)

    def book(self, nusd: int) -> None:
        self.budget.book(nusd)
        self.pacer.book(nusd)


@dataclass(slots=True)
class Pace:
    """One budget's prices; `None` where it is not paced. Per process: the hard limit is what processes share."""

    money: Pacer | None = None
    energy: Pacer | None = None
    _begun: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock, compare=False)

    async def over(self, fx: Effects, budget: "LedgerBudget") -> SharedBudget:
        """The budget, watched; the first time the pacers go on from what the ledger says was taken.

        Raises:
            MemoryStoreError: The ledger cannot be read.
        """
        if not self._begun and (self.money or self.energy):
            await fx.offload(partial(self._begin, budget))
        return budget if self.money is None else _Watched(budget, self.money)

    def _begin(self, budget: "LedgerBudget") -> None:
        with self._lock:
            if self._begun:
                return
            spent, runs = budget.so_far()
            if self.money is not None:
                self.money.resume([(at, nusd) for at, nusd, _ in runs], spent)
            if self.energy is not None:
                self.energy.resume([(at, joules) for at, _, joules in runs])
            self._begun = True

    def prices(self) -> tuple[float | None, float | None]:
        """Points of quality per nano-dollar and per joule."""
        money, energy = self.money, self.energy
        return None if money is None else money.price(), None if energy is None else energy.price()

    def settle(self, calls: Mapping[str, Mapping[str, Any]]) -> None:
        """A run has ended: its calls' money is booked already, their energy is now."""
        if self.money is not None:
            cost = sum(call["cost_nusd"] for call in calls.values())
            self.money.settle(0, cost, booked=cost)
        if self.energy is not None:
            self.energy.settle(0, sum(call["energy_j"] or 0.0 for call in calls.values()))


@dataclass(frozen=True, slots=True)
class Paces:
    """By name of the budget."""

    by_name: Mapping[str, Pace] = field(default_factory=dict)

    def of(self, name: str | None) -> Pace:
        """The pace of a budget; one that costs nothing where there is none."""
        return self.by_name.get(name or "", Pace())


def paces(budgets: Mapping[str, BudgetLimit]) -> Paces:
    """A pacer for each budget that says how many tasks are expected."""
    made = {}
    for name, limit in budgets.items():
        if limit.requests is None:
            continue
        slot = DAY_S if limit.per == "day" else None
        money = Pacer(limit.max_usd * 1e9, limit.requests, slot_s=slot) if limit.max_usd > 0 else None
        energy = None if limit.max_j is None else Pacer(limit.max_j, limit.requests, slot_s=slot)
        made[name] = Pace(money, energy)
    return Paces(made)
