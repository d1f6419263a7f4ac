"""The second seam: from estimates to a ranking. `argmax q - lambda_$ c - lambda_t t - lambda_E E` over the feasible.

Where answers can be checked, the reservation value of cascade routing stands in its place (`confidence/cascade.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from orchestrator_graph.policy import Policy
from orchestrator_graph.routing.guard import strictly
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Estimate, Exclusion

__all__ = ["Utility", "first", "rank", "too_weak", "worth"]

# Quality points that the dearest (slowest, hungriest) candidate loses against a free one at tradeoff 0.
COST_POINTS, TIME_POINTS, ENERGY_POINTS = 0.45, 0.05, 0.02
SLO_POINTS = 0.5
"""Points lost by a candidate whose slow calls take twice the latency objective."""
WEAK_MARGIN = 0.15


@dataclass(frozen=True, slots=True)
class Utility:
    """Quality minus what money, time and energy are worth: points per nano-dollar, second and joule.

    Attributes:
        unknown: Points that an unknown price costs: as many as the dearest candidate's.
        slo_s: Seconds that a slow call (one in twenty) should stay below.
    """

    per_nusd: float
    per_s: float
    per_joule: float
    unknown: float
    slo_s: float | None = None

    @classmethod
    def among(cls, estimates: Sequence[Estimate], policy: Policy, now: Situation) -> Self:
        """By the trade-off, relative to the greatest among the estimates; a pacer's prices stand in its place.

        At tradeoff 1 only quality counts (time breaks ties).
        """
        thrift = (1 - policy.tradeoff) ** 2
        dearest = max((e.cost_nusd or 0 for e in estimates), default=0)
        slowest = max((e.latency_s for e in estimates), default=0.0)
        hungriest = max((e.energy_j or 0.0 for e in estimates), default=0.0)
        per_nusd = COST_POINTS * thrift / dearest if dearest else 0.0
        per_joule = ENERGY_POINTS * thrift / hungriest if hungriest else 0.0
        per_nusd = per_nusd if now.per_nusd is None else now.per_nusd
        return cls(
            per_nusd=per_nusd,
            per_s=TIME_POINTS * max(thrift, 0.01) / slowest if slowest else 0.0,
            per_joule=per_joule if now.per_joule is None else now.per_joule,
            unknown=per_nusd * dearest,
            slo_s=policy.latency_slo_s,
        )

    def __call__(self, estimate: Estimate) -> float:
        """The utility of one estimate."""
        cost = self.unknown if estimate.cost_nusd is None else self.per_nusd * estimate.cost_nusd
        late = 0.0 if self.slo_s is None else max(0.0, (estimate.late_s or estimate.latency_s) / self.slo_s - 1)
        lost = cost + self.per_s * estimate.latency_s + self.per_joule * (estimate.energy_j or 0.0)
        return estimate.quality - lost - SLO_POINTS * min(1.0, late)


def too_weak(estimates: Sequence[Estimate], policy: Policy) -> dict[str, Exclusion]:
    """Under low fault tolerance: who is believed to be more than .15 worse than the best, by candidate id.

    Nobody under the strict guard: there beliefs keep neither the reference away nor let another one in.
    """
    if policy.fault_tolerance != "low" or policy.guard == "strict" or not estimates:
        return {}
    floor = max(e.quality for e in estimates) - WEAK_MARGIN
    detail = f"estimated quality below {floor:.2f} under low fault tolerance"
    weak = (e.candidate.id for e in estimates if e.quality < floor)
    return {name: Exclusion(name, "fault_tolerance", detail) for name in weak}


def rank(
    estimates: Sequence[Estimate], policy: Policy, now: Situation, task_type: str, utility: Utility | None = None
) -> tuple[list[Estimate], str]:
    """Single-model estimates best first, and the plain reason for the first place.

    `guard="strict"` puts the reference first unless a paired test speaks for one of higher utility.
    """
    if not estimates:
        return [], "nothing is feasible"
    utility = utility or Utility.among(estimates, policy, now)
    by_utility = sorted(estimates, key=utility, reverse=True)
    best = max(estimates, key=lambda e: e.quality)
    if policy.guard == "strict":
        chosen, why = strictly(by_utility, policy, now, task_type)
        return first(chosen, by_utility), why
    if policy.min_quality is not None:
        return _by_floor(by_utility, best, policy.min_quality)
    if now.ahead is None or policy.strategy != "auto" or policy.pin:
        return by_utility, _why(by_utility[0], best, policy)
    return _checking(by_utility, best, policy, now, utility)


def worth(estimates: Sequence[Estimate], now: Situation, utility: Utility) -> list[float]:
    """What it is worth to begin with each: its utility, or more where its answer can be checked and another asked."""
    alone = [utility(e) for e in estimates]
    if now.ahead is None:
        return alone
    lost = [max(0.0, e.quality - points) for e, points in zip(estimates, alone, strict=True)]
    return list(now.ahead([e.candidate.id for e in estimates], [e.quality for e in estimates], lost))


def _checking(
    by_utility: list[Estimate], best: Estimate, policy: Policy, now: Situation, utility: Utility
) -> tuple[list[Estimate], str]:
    """Cascade routing's first step: by what it is worth to begin with each."""
    begun = dict(zip((e.candidate.id for e in by_utility), worth(by_utility, now, utility), strict=True))
    ranked = sorted(by_utility, key=lambda e: begun[e.candidate.id], reverse=True)
    if ranked[0] is by_utility[0]:
        return ranked, _why(ranked[0], best, policy)
    return ranked, f"tried before {by_utility[0].candidate.id}, because its answer can be checked"


def first(estimate: Estimate, others: Sequence[Estimate]) -> list[Estimate]:
    """The estimate, then the others in their order."""
    return [estimate, *(other for other in others if other is not estimate)]


def _by_floor(by_utility: Sequence[Estimate], best: Estimate, floor: float) -> tuple[list[Estimate], str]:
    reaching = [e for e in by_utility if e.quality >= floor]
    if not reaching:
        return first(best, by_utility), f"no candidate is believed to reach quality {floor}: the best one instead"
    cheapest = min(reaching, key=lambda e: (e.cost_nusd is None, e.cost_nusd or 0, e.latency_s))
    return first(cheapest, by_utility), f"cheapest with estimated quality of at least {floor}"


def _why(chosen: Estimate, best: Estimate, policy: Policy) -> str:
    if chosen is best:
        return "best estimated quality" if policy.tradeoff == 1 else "best estimated quality, worth its price"
    if not chosen.cost_nusd and not best.cost_nusd:
        return f"nearly as good as {best.candidate.id} and quicker"
    if not best.cost_nusd or chosen.cost_nusd is None:
        return f"better balance of quality, cost and time than {best.candidate.id}"
    share = chosen.cost_nusd / best.cost_nusd
    return f"{(best.quality - chosen.quality) * 100:.0f} points below {best.candidate.id} at {share:.0%} of its cost"
