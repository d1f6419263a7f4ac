"""Which recipes are on the table: single models, and the ensembles that a policy forces."""

from collections.abc import Sequence
from dataclasses import replace

from orchestrator_graph.policy import Policy
from orchestrator_graph.registry.spec import ModelSpec
from orchestrator_graph.routing.ensembles import billed, forced, paying, remembered
from orchestrator_graph.routing.selector import Utility, worth
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Candidate, Estimate, Member

__all__ = ["arrange", "offered"]


def offered(spec: ModelSpec) -> tuple[Candidate, ...]:
    """What one model can be chosen for: asked once, with each effort, and with each number of samples."""
    efforts = (Candidate.single(spec.id, effort) for effort in spec.efforts)
    samples = (Candidate("best_of_n", (Member(spec.id, count),)) for count in spec.samples if count > 1)
    return (Candidate.single(spec.id), *efforts, *samples)


def arrange(ranked: Sequence[Estimate], policy: Policy, now: Situation, utility: Utility) -> tuple[Estimate, ...]:
    """Estimates, best first, rearranged as the strategy wants; an ensemble comes first, the others stay behind.

    Left to itself (`strategy="auto"`, `ensemble="auto"`) only one whose remembered gain is worth its price.
    `ensemble="always"` forces the one of which most is remembered to be gained, else a consensus of two. Ensembles are
    made of models asked once each. The strict guard's choice stays first: it begins an ensemble, and never a cascade.
    """
    if policy.strategy == "cascade" and policy.guard != "strict" and ranked:
        return _cascade(ranked, policy)
    if policy.ensemble == "never":
        return tuple([e for e in ranked if e.candidate.kind == "single"] or ranked)
    kind = _forced(policy)
    plain = [e for e in ranked if e.candidate == Candidate.single(e.candidate.members[0].model)]
    if not plain or (policy.guard == "strict" and plain[0] is not ranked[0]):
        return tuple(ranked)
    free = policy.guard != "strict" and not policy.pin and now.sticky is None
    if kind == "best" and free and (known := remembered(plain, now.gains)):
        return (known[0], *(e for e in ranked if e.candidate != known[0].candidate))
    if not kind:
        paid = free and policy.strategy == "auto" and policy.min_quality is None
        return (*(paying(ranked, now.gains, utility, _worth(ranked, now, utility)) if paid else ()), *ranked)
    candidate, members = forced("consensus" if kind == "best" else kind, plain, now.portfolio)
    if not members or (candidate.kind == "consensus" and len(members) < 2):
        return tuple(ranked)
    best = max(members, key=lambda e: e.quality)
    made = replace(
        billed(candidate, [(e, m.samples) for e, m in zip(members, candidate.members, strict=True)]),
        quality=best.quality,
        se=best.se,
        n=min(e.n for e in members),
        source=f"{best.source} of its best member",
    )
    return (made, *(e for e in ranked if e.candidate != made.candidate))


def _forced(policy: Policy) -> str:
    """The kind of ensemble that the policy forces; "best" for any, "" for none."""
    if policy.strategy in ("best_of_n", "consensus", "fusion"):
        return policy.strategy
    return "best" if policy.ensemble == "always" else ""


def _worth(ranked: Sequence[Estimate], now: Situation, utility: Utility) -> float:
    """What an ensemble has to beat."""
    return max(worth([e for e in ranked if e.candidate.kind == "single"], now, utility))


def _cascade(ranked: Sequence[Estimate], policy: Policy) -> tuple[Estimate, ...]:
    """Small to large: the policy's own list, else cheapest, middle and best (three levels)."""
    by_id = {estimate.candidate.id: estimate for estimate in ranked}
    if policy.cascade:
        levels = [by_id[name] for name in dict.fromkeys(policy.cascade) if name in by_id]
    else:
        by_cost = sorted(ranked, key=lambda e: (e.cost_nusd is None, e.cost_nusd or 0, e.latency_s))
        best = max(ranked, key=lambda e: e.quality)
        affordable = by_cost[: by_cost.index(best)] if best in by_cost else []
        # A level that is dearer and believed worse than one before it is no step up.
        climbing: list[Estimate] = []
        for estimate in affordable:
            if not climbing or estimate.quality > climbing[-1].quality:
                climbing.append(estimate)
        levels = [*_ends(climbing), best]
    rest = [estimate for estimate in ranked if estimate not in levels]
    return (*levels, *rest)


def _ends(climbing: list[Estimate]) -> list[Estimate]:
    if len(climbing) < 2:
        return climbing
    return [climbing[0], climbing[-1] if len(climbing) == 2 else climbing[len(climbing) // 2]]
