"""What money can buy here: the Pareto front over quality, cost and time, price steps, and the next rung. Pure."""

import math
from collections.abc import Sequence

from orchestrator_graph.types import Estimate, Upgrade

__all__ = ["DEAR", "front", "steps", "upgrade"]

STEP = 3.0
"""A price step is a factor of three."""
DEAR = 2
"""So many steps above the cheapest feasible candidate is dear."""


def steps(estimate: Estimate, among: Sequence[Estimate]) -> int:
    """Price steps between the cheapest of `among` and the estimate; an unknown price counts as dear.

    The first step up from a free candidate is the cheapest that costs anything.
    """
    costs = [e.cost_nusd for e in among if e.cost_nusd is not None]
    if estimate.cost_nusd is None:
        return DEAR if costs else 0
    least = min((cost for cost in costs if cost > 0), default=0)
    if estimate.cost_nusd <= 0 or not least:
        return 0
    return int(math.log(max(1.0, estimate.cost_nusd / least), STEP) + 1e-9) + (0 in costs)


def front(estimates: Sequence[Estimate]) -> tuple[Estimate, ...]:
    """Those that no other one beats in quality, cost and time at once, cheapest first; of equals the first."""
    kept: list[tuple[Estimate, float, float]] = []
    # Whatever beats a candidate is not dearer, so it comes before.
    for estimate in sorted(estimates, key=_price):
        lack, seconds = -estimate.quality, estimate.latency_s
        if not any(other <= lack and time <= seconds for _, other, time in kept):
            kept.append((estimate, lack, seconds))
    return tuple(estimate for estimate, _, _ in kept)


def upgrade(chosen: Estimate, estimates: Sequence[Estimate]) -> Upgrade | None:
    """The better and dearer candidate that buys the most quality per dollar; `None` where money buys nothing more."""
    if chosen.cost_nusd is None:
        return None
    rungs = [
        Upgrade(e.candidate.id, e.cost_nusd - chosen.cost_nusd, e.quality - chosen.quality)
        for e in estimates
        if e.cost_nusd is not None and e.cost_nusd > chosen.cost_nusd and e.quality > chosen.quality
    ]
    return max(rungs, key=lambda rung: (rung.gain / rung.extra_nusd, rung.candidate), default=None)


def _price(estimate: Estimate) -> tuple[float, float, float]:
    cost = math.inf if estimate.cost_nusd is None else float(estimate.cost_nusd)
    return cost, -estimate.quality, estimate.latency_s
