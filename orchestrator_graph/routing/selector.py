"""The second seam: from estimates to a ranking. `argmax q - lambda_$ c - lambda_t t - lambda_E E` over the feasible."""

from collections.abc import Sequence

from orchestrator_graph.policy import Policy
from orchestrator_graph.types import Estimate, Exclusion

__all__ = ["rank", "too_weak", "utility"]

# Quality points that the dearest (slowest, hungriest) candidate loses against a free one at tradeoff 0.
COST_POINTS, TIME_POINTS, ENERGY_POINTS = 0.45, 0.05, 0.02
WEAK_MARGIN = 0.15


def utility(estimate: Estimate, ranked: Sequence[Estimate], tradeoff: float) -> float:
    """Quality minus what money, time and energy are worth, each relative to the greatest among the candidates.

    An unknown price counts as the greatest. At tradeoff 1 only quality counts (time breaks ties).
    """
    thrift = (1 - tradeoff) ** 2
    cost = _share(estimate.cost_nusd, [e.cost_nusd for e in ranked])
    time = _share(estimate.latency_s, [e.latency_s for e in ranked])
    energy = _share(estimate.energy_j, [e.energy_j for e in ranked])
    return (
        estimate.quality
        - COST_POINTS * thrift * cost
        - TIME_POINTS * max(thrift, 0.01) * time
        - ENERGY_POINTS * thrift * energy
    )


def _share(value: float | None, values: Sequence[float | None]) -> float:
    greatest = max((item for item in values if item is not None), default=0)
    return 0.0 if not greatest else 1.0 if value is None else value / greatest


def too_weak(estimates: Sequence[Estimate], policy: Policy) -> dict[str, Exclusion]:
    """Under low fault tolerance: who is believed to be more than .15 worse than the best, by candidate id."""
    if policy.fault_tolerance != "low" or not estimates:
        return {}
    floor = max(e.quality for e in estimates) - WEAK_MARGIN
    detail = f"estimated quality below {floor:.2f} under low fault tolerance"
    weak = (e.candidate.id for e in estimates if e.quality < floor)
    return {name: Exclusion(name, "fault_tolerance", detail) for name in weak}


def rank(estimates: Sequence[Estimate], policy: Policy) -> tuple[list[Estimate], str]:
    """Single-model estimates best first, and the plain reason for the first place.

    `guard="strict"` puts the reference (highest believed quality) first, because no paired test speaks for another.
    """
    if not estimates:
        return [], "nothing is feasible"
    by_utility = sorted(estimates, key=lambda e: utility(e, estimates, policy.tradeoff), reverse=True)
    best = max(estimates, key=lambda e: e.quality)
    if policy.guard == "strict":
        return _first(best, by_utility), "strict guard: no paired test allows leaving the reference model"
    if policy.min_quality is not None:
        return _by_floor(by_utility, best, policy.min_quality)
    return by_utility, _why(by_utility[0], best, policy)


def _first(estimate: Estimate, others: Sequence[Estimate]) -> list[Estimate]:
    return [estimate, *(other for other in others if other is not estimate)]


def _by_floor(by_utility: Sequence[Estimate], best: Estimate, floor: float) -> tuple[list[Estimate], str]:
    reaching = [e for e in by_utility if e.quality >= floor]
    if not reaching:
        return _first(best, by_utility), f"no candidate is believed to reach quality {floor}: the best one instead"
    cheapest = min(reaching, key=lambda e: (e.cost_nusd is None, e.cost_nusd or 0, e.latency_s))
    return _first(cheapest, by_utility), f"cheapest with estimated quality of at least {floor}"


def _why(first: Estimate, best: Estimate, policy: Policy) -> str:
    if first is best:
        return "best estimated quality" if policy.tradeoff == 1 else "best estimated quality, worth its price"
    if not first.cost_nusd and not best.cost_nusd:
        return f"nearly as good as {best.candidate.id} and quicker"
    if not best.cost_nusd or first.cost_nusd is None:
        return f"better balance of quality, cost and time than {best.candidate.id}"
    share = first.cost_nusd / best.cost_nusd
    return f"{(best.quality - first.quality) * 100:.0f} points below {best.candidate.id} at {share:.0%} of its cost"
