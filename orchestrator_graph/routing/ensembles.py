"""Ensembles as estimates: which ones can be formed of single models, and what is believed of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from orchestrator_graph.registry.spec import ModelSpec
from orchestrator_graph.types import Candidate, Estimate, Member

__all__ = ["BEST_OF", "billed", "forced", "paying", "remembered"]

BEST_OF = 3
PANEL = 3
CAUTION = 1.0
"""Standard errors that are taken off a remembered gain: of many ensembles the luckiest looks best."""


def remembered(singles: Sequence[Estimate], gains: Mapping[Candidate, tuple[float, float, int]]) -> list[Estimate]:
    """One estimate per ensemble that outcomes tell of and whose models may all be asked.

    Its quality is that of its best member on this very task and the gain that is remembered, less one standard error;
    its bill is that of all members.

    Args:
        singles: Estimates of models asked once each.
        gains: Ensemble -> (points over its best member, standard error, n).
    """
    by_model = {e.candidate.members[0].model: e for e in singles if e.candidate.kind == "single"}
    found = []
    for candidate, (gain, se, n) in gains.items():
        members = [(by_model[m.model], m.samples) for m in candidate.members if m.model in by_model]
        if len(members) == len(candidate.members):
            best = max((e for e, _ in members), key=lambda e: e.quality)
            quality = min(1.0, max(0.0, best.quality + gain - CAUTION * se))
            source = f"{best.source}+gain {gain:+.3f} over it"
            found.append(replace(billed(candidate, members), quality=quality, se=best.se + se, n=n, source=source))
    return sorted(found, key=lambda e: (-e.quality, e.candidate.id))


def billed(candidate: Candidate, members: Sequence[tuple[Estimate, int]]) -> Estimate:
    """The full bill: money and energy add up, of the seconds the longest counts; a fusion waits for its panel first."""
    costs = [None if e.cost_nusd is None else e.cost_nusd * n for e, n in members]
    joules = [None if e.energy_j is None else e.energy_j * n for e, n in members]
    asked = [e for e, _ in members]
    panel, last = (asked[:-1], asked[-1:]) if candidate.kind == "fusion" else (asked, [])
    return replace(
        asked[0],
        candidate=candidate,
        cost_nusd=None if None in costs else sum(cost or 0 for cost in costs),
        billed=any(e.billed for e in asked),
        latency_s=max(e.latency_s for e in panel) + sum(e.latency_s for e in last),
        energy_j=None if None in joules else sum(j or 0.0 for j in joules),
        measured=tuple(name for name in asked[0].measured if all(name in e.measured for e in asked)),
        late_s=max((e.late_s or e.latency_s for e in panel), default=0.0) + sum(e.late_s or e.latency_s for e in last),
    )


def paying(
    ranked: Sequence[Estimate],
    gains: Mapping[Candidate, tuple[float, float, int]],
    utility: Callable[[Estimate], float],
    to_beat: float,
) -> list[Estimate]:
    """The remembered ensembles whose gain is worth their price, the most useful first.

    Args:
        ranked: What may be chosen.
        gains: As in `remembered`.
        utility: Quality less what money, time and energy are worth.
        to_beat: What the best single model is worth.
    """
    offered = {e.candidate for e in ranked}
    singles = [e for e in ranked if e.candidate == Candidate.single(e.candidate.members[0].model)]
    found = [e for e in remembered(singles, gains) if e.candidate not in offered and utility(e) > to_beat]
    return sorted(found, key=utility, reverse=True)


def forced(kind: str, plain: Sequence[Estimate], models: Mapping[str, ModelSpec]) -> tuple[Candidate, list[Estimate]]:
    """The ensemble of a kind over models asked once each, best first, and its members; none: no candidate of members.

    A consensus is of the best two of different families where there is a choice; a fusion has a panel of up to three
    and is written by the best model that is not narrow: pocket models never write one.
    """
    if kind == "best_of_n":
        return Candidate("best_of_n", (Member(plain[0].candidate.members[0].model, BEST_OF),)), list(plain[:1])
    if kind == "consensus":
        pair = _apart(plain, 2)
        return Candidate("consensus", tuple(e.candidate.members[0] for e in pair)), pair
    writer = next((e for e in plain if not _narrow(e, models)), None)
    panel = _apart([e for e in plain if e is not writer], PANEL)
    if writer is None or len(plain) < 2:
        return Candidate("fusion", ()), []
    members = [*panel, writer]
    return Candidate("fusion", tuple(e.candidate.members[0] for e in members)), members


def _narrow(estimate: Estimate, models: Mapping[str, ModelSpec]) -> bool:
    spec = models.get(estimate.candidate.members[0].model)
    return spec is None or spec.has("narrow")


def _apart(plain: Sequence[Estimate], count: int) -> list[Estimate]:
    """The best ones, one of each provider's family first: they fail less alike."""
    chosen: list[Estimate] = []
    for estimate in plain:
        if _family(estimate) not in {_family(e) for e in chosen}:
            chosen.append(estimate)
    rest = [e for e in plain if e not in chosen]
    return [*chosen, *rest][:count]


def _family(estimate: Estimate) -> str:
    provider, _, name = estimate.candidate.members[0].model.partition(":")
    return provider + ":" + name.split("-")[0].split(":")[0]
