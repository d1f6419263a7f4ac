"""Who is chosen by chance, and with which probability: exploration, a canary for a new model, a policy on trial.

Never for private, pinned or tool-loop requests, nor under the strict guard. A user (else a run) always draws the same
lot, so that nobody is sent to and fro and a share that grows keeps whom it has; exploration draws anew each time.
"""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from orchestrator_graph.policy import Policy
from orchestrator_graph.routing.selector import Utility
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Estimate

__all__ = ["Chance", "chance"]


@dataclass(frozen=True, slots=True)
class Chance:
    """What was drawn, the whole distribution, and why (empty for the usual choice)."""

    chosen: Estimate
    propensities: dict[str, float]
    why: str = ""


@dataclass(frozen=True, slots=True)
class _Lot:
    candidate: str
    share: float
    why: str = ""
    explored: bool = True


def chance(
    ranking: Sequence[Estimate],
    trial: str,
    utility: Utility,
    policy: Policy,
    now: Situation,
    rng: random.Random | None = None,
) -> Chance:
    """Draws the first choice.

    Args:
        ranking: Not empty; its first is the usual choice.
        trial: What the policy on trial would choose; empty where none is.
        utility: Exploration stays within `policy.max_regret` of the usual choice's utility.
        policy: The shares.
        now: Whose turn it is, and what forbids chance.
        rng: Draws for exploration, and where neither user nor run is named.
    """
    usual = ranking[0]
    bound = policy.pin or policy.strategy == "cascade" or policy.guard == "strict"
    if bound or now.private or now.sticky is not None:
        return Chance(usual, {usual.candidate.id: 1.0})
    source = rng or random
    lots = _lots(ranking, trial, policy)
    lot = _drawn(lots, _place(policy, now) if now.user_id or now.run_id else source.random())
    floor = utility(usual) - policy.max_regret
    within = [e for e in ranking if e is usual or utility(e) >= floor] if policy.explore else []
    propensities = _propensities(lots, within, policy.explore)
    if within and lot.explored and source.random() < policy.explore:
        return Chance(source.choice(within), propensities, f"explored with probability {policy.explore:g}")
    chosen = next(e for e in ranking if e.candidate.id == lot.candidate)
    return Chance(chosen, propensities, lot.why)


def _lots(ranking: Sequence[Estimate], trial: str, policy: Policy) -> list[_Lot]:
    """Canaries, the trial, the usual choice; a pattern that fits nothing feasible leaves its share to the latter."""
    lots = []
    for pattern, share in policy.canary.items():
        fitting = (e.candidate for e in ranking if fnmatchcase(e.candidate.id, pattern))
        found = next(fitting, None)
        if found is not None and share:
            lots.append(_Lot(found.id, share, f"canary: {share:.0%} of the traffic tries this model", explored=False))
    left = 1 - sum(lot.share for lot in lots)
    part = policy.trial.get("share", 0.0)
    if part and any(e.candidate.id == trial for e in ranking):
        lots.append(_Lot(trial, left * part, f"policy on trial for {part:.0%} of the traffic"))
        left *= 1 - part
    return [*lots, _Lot(ranking[0].candidate.id, left)]


def _drawn(lots: Sequence[_Lot], place: float) -> _Lot:
    for lot in lots[:-1]:
        if place < lot.share:
            return lot
        place -= lot.share
    return lots[-1]


def _place(policy: Policy, now: Situation) -> float:
    """A number in [0, 1) that is this user's (else run's) as long as the same models are on trial."""
    key = "/".join((now.tenant, now.user_id or now.run_id, *policy.canary))
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:6], "big") / 2**48


def _propensities(lots: Sequence[_Lot], within: Sequence[Estimate], epsilon: float) -> dict[str, float]:
    shares = dict.fromkeys([lot.candidate for lot in lots] + [e.candidate.id for e in within], 0.0)
    for lot in lots:
        shares[lot.candidate] += lot.share * (1 - epsilon if lot.explored else 1)
        for estimate in within if lot.explored else ():
            shares[estimate.candidate.id] += lot.share * epsilon / len(within)
    return {name: share for name, share in shares.items() if share > 0}
