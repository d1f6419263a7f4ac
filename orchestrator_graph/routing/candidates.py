"""Which recipes are on the table: single models, and the ensembles that a strategy asks for."""

from collections.abc import Callable, Sequence
from dataclasses import replace

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


def arrange(
    ranked: Sequence[Estimate], policy: Policy, priced: Callable[[Candidate], Estimate]
) -> tuple[Estimate, ...]:
    """Estimates, best first, rearranged as the strategy wants; ensembles come first, the others stay behind.

    Ensembles are formed only where the policy names them: their gain per dollar is not measured here yet. They are made
    of models asked once each. The strict guard's choice stays first: it begins an ensemble, and never a cascade.
    """
    if policy.strategy == "cascade" and policy.guard != "strict" and ranked:
        return _cascade(ranked, policy)
    plain = [e for e in ranked if e.candidate == Candidate.single(e.candidate.members[0].model)]
    if not plain or (policy.guard == "strict" and plain[0] is not ranked[0]):
        return tuple(ranked)
    best = plain[0].candidate.members[0].model
    if policy.strategy == "best_of_n":
        made = _ensemble(Candidate("best_of_n", (Member(best, BEST_OF),)), plain[:1], priced)
    elif policy.strategy == "consensus" and len(plain) > 1:
        pair = _pair(plain)
        made = _ensemble(Candidate("consensus", tuple(e.candidate.members[0] for e in pair)), pair, priced)
    else:
        return tuple(ranked)
    return (made, *(e for e in ranked if e.candidate != made.candidate))


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


def _pair(plain: Sequence[Estimate]) -> tuple[Estimate, Estimate]:
    """The best two models, of different providers' families where there is a choice: they fail less alike."""
    family = _family(plain[0])
    return plain[0], next((e for e in plain[1:] if _family(e) != family), plain[1])


def _ensemble(candidate: Candidate, members: Sequence[Estimate], priced: Callable[[Candidate], Estimate]) -> Estimate:
    best = max(members, key=lambda e: e.quality)
    return replace(
        priced(candidate),
        quality=best.quality,
        se=best.se,
        n=min(e.n for e in members),
        source=f"{best.source} of its best member",
    )


def _family(estimate: Estimate) -> str:
    provider, _, name = estimate.candidate.members[0].model.partition(":")
    return provider + ":" + name.split("-")[0].split(":")[0]
