"""The pacers of shared budgets: what money and energy cost in points of quality, so that a budget lasts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator_graph.budgets import BudgetLimit
from orchestrator_graph.routing.pacing import Pacer

__all__ = ["Pace", "Paces", "paces"]

DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Pace:
    """One budget's prices; `None` where it is not paced. Per process: the hard limit is what processes share."""

    money: Pacer | None = None
    energy: Pacer | None = None

    def prices(self) -> tuple[float | None, float | None]:
        """Points of quality per nano-dollar and per joule."""
        money, energy = self.money, self.energy
        return None if money is None else money.price(), None if energy is None else energy.price()

    def settle(self, calls: Mapping[str, Mapping[str, Any]]) -> None:
        """Books a run's calls."""
        if self.money is not None:
            self.money.settle(0, sum(call["cost_nusd"] for call in calls.values()))
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
