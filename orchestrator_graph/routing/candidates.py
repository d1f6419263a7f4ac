"""Which recipes are on the table: single models, and the ensembles that a strategy asks for."""

from collections.abc import Sequence

from orchestrator_graph.policy import Policy
from orchestrator_graph.registry.spec import ModelSpec
from orchestrator_graph.types import Candidate, Estimate, Member

__all__ = ["arrange", "offered"]

BEST_OF = 3


def offered(spec: ModelSpec) -> tuple[Candidate, ...]:
    """What one model can be chosen for: asked once, with each effort, and with each number of samples."""
    efforts = (Candidate.single(spec.id, effort) for effort in spec.efforts)
    samples = (Candidate("best_of_n", (Member(spec.id, count),)) for count in spec.samples if count > 1)
    return (Candidate.single(spec.id), *efforts, *samples)


def arrange(ranked: Sequence[Estimate], policy: Policy) -> tuple[Estimate, ...]:
    """Single-model estimates, best first, rearranged as the strategy wants; ensembles come first, singles stay behind.

    Ensembles are formed only where the policy names them: their gain per dollar is not measured here yet.
    """
    if policy.strategy == "cascade" and ranked:
        return _cascade(ranked, policy)
    if policy.strategy == "best_of_n" and ranked:
        return (_best_of(ranked[0]), *ranked)
    if policy.strategy == "consensus" and len(ranked) > 1:
        return (_consensus(ranked), *ranked)
    return tuple(ranked)


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


def _best_of(first: Estimate) -> Estimate:
    member = first.candidate.members[0]
    candidate = Candidate("best_of_n", (Member(member.model, BEST_OF, member.effort),))
    return _scaled(first, candidate, BEST_OF, first.latency_s)


def _consensus(ranked: Sequence[Estimate]) -> Estimate:
    """The best two, of different providers' families where there is a choice: they fail less alike."""
    first = ranked[0]
    family = _family(first)
    second = next((e for e in ranked[1:] if _family(e) != family), ranked[1])
    candidate = Candidate("consensus", (*first.candidate.members, *second.candidate.members))
    costs = [first.cost_nusd, second.cost_nusd]
    total = None if None in costs else sum(cost or 0 for cost in costs)
    estimate = _scaled(first, candidate, 1, max(first.latency_s, second.latency_s))
    return Estimate(
        candidate=candidate,
        quality=max(first.quality, second.quality),
        se=estimate.se,
        n=min(first.n, second.n),
        source=estimate.source,
        cost_nusd=total,
        billed=first.billed or second.billed,
        latency_s=estimate.latency_s,
        energy_j=_plus(first.energy_j, second.energy_j),
    )


def _family(estimate: Estimate) -> str:
    provider, _, name = estimate.candidate.members[0].model.partition(":")
    return provider + ":" + name.split("-")[0].split(":")[0]


def _plus(one: float | None, two: float | None) -> float | None:
    return None if one is None or two is None else one + two


def _scaled(base: Estimate, candidate: Candidate, times: int, latency_s: float) -> Estimate:
    return Estimate(
        candidate=candidate,
        quality=base.quality,
        se=base.se,
        n=base.n,
        source=f"{base.source} of its best member",
        cost_nusd=None if base.cost_nusd is None else base.cost_nusd * times,
        billed=base.billed,
        latency_s=latency_s,
        energy_j=None if base.energy_j is None else base.energy_j * times,
    )
