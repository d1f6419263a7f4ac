"""From a subtask to a decision: constraints, estimates, selection, in that order. Calls nothing, costs microseconds."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from orchestrator_graph.policy import Policy
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.routing.candidates import arrange, offered
from orchestrator_graph.routing.chance import Chance, chance
from orchestrator_graph.routing.constraints import feasible
from orchestrator_graph.routing.estimator import Belief, Estimator, combine
from orchestrator_graph.routing.expectation import resources
from orchestrator_graph.routing.front import front, upgrade
from orchestrator_graph.routing.priors import priors
from orchestrator_graph.routing.robust import doubted, stay
from orchestrator_graph.routing.rules import Rules
from orchestrator_graph.routing.selector import Utility, first, rank, too_weak
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Candidate, Decision, Estimate, Features, new_id

__all__ = ["decide", "estimate"]

TAIL = 2.0
"""A slow call (one in twenty) takes so many times the usual, until it was measured."""


def estimate(
    features: Features, candidates: Sequence[Candidate], now: Situation, estimators: Sequence[Estimator]
) -> list[Estimate]:
    """One estimate per candidate: beliefs of all estimators combined by precision, resources as expected."""
    return _estimates(features, candidates, now, [estimator(features, candidates, now) for estimator in estimators])


def _estimates(
    features: Features, candidates: Sequence[Candidate], now: Situation, beliefs: Sequence[Mapping[str, Belief]]
) -> list[Estimate]:
    return [_estimate(c, features, now, [b[c.id] for b in beliefs if c.id in b]) for c in candidates]


def _estimate(candidate: Candidate, features: Features, now: Situation, beliefs: Sequence[Belief]) -> Estimate:
    belief, remembered = combine(beliefs), [belief for belief in beliefs if belief.remembered]
    expected = resources(candidate, features, now)
    return Estimate(
        candidate=candidate,
        quality=belief.quality,
        se=belief.se,
        n=belief.n,
        source=belief.source,
        cost_nusd=expected.cost_nusd,
        billed=any(now.portfolio[member.model].billed for member in candidate.members),
        latency_s=expected.latency_s,
        energy_j=expected.energy_j,
        measured=("latency",) if expected.latency_measured else (),
        late_s=expected.latency_s * max(now.tails.get(member.model, TAIL) for member in candidate.members),
        learnt=combine(remembered).quality if remembered else None,
    )


@dataclass(frozen=True, slots=True)
class _Table:
    """What is on the table: estimates, the beliefs behind them, and what they are worth."""

    features: Features
    estimates: Sequence[Estimate]
    beliefs: Sequence[Mapping[str, Belief]]
    now: Situation

    def arranged(self, policy: Policy) -> tuple[tuple[Estimate, ...], str, Utility]:
        """The ranking under a policy, without chance; why; and the utility that it goes by."""
        utility = Utility.among(self.estimates, policy, self.now)
        ranked, why = rank(self.estimates, policy, self.now, self.features.task_type, utility)
        if not ranked:
            return (), why, utility
        ranked, doubt = doubted(ranked, self.beliefs, policy, self.now, utility)
        ranked, held = stay(ranked, policy, self.now)
        return arrange(ranked, policy, self.now, utility), held or doubt or why, utility


def decide(
    subtask_id: str,
    features: Features,
    portfolio: Portfolio,
    policy: Policy,
    now: Situation,
    estimators: Sequence[Estimator] = (priors,),
    rng: random.Random | None = None,
) -> Decision:
    """The decision for one subtask; an empty ranking when the constraints leave nothing.

    Chance (exploration, canary, a policy on trial) is never had with private or pinned tasks nor inside a tool loop;
    the propensities say with which probability each candidate was first.
    """
    now = replace(now, portfolio=portfolio)
    policy, said = _ruled(features, policy, now, estimators)
    models, excluded = feasible(portfolio, features, policy, now)
    candidates = [candidate for spec in models for candidate in offered(spec)]
    beliefs = [estimator(features, candidates, now) for estimator in estimators]
    believed = _estimates(features, candidates, now, beliefs)
    weak = too_weak(believed, policy)
    table = _Table(features, [e for e in believed if e.candidate.id not in weak], beliefs, now)
    ranking, why, utility = table.arranged(policy)
    draw = _drawn(table, ranking, utility, policy, rng) if ranking else None
    decision = Decision(
        id=new_id(),
        subtask_id=subtask_id,
        ranking=ranking if draw is None else tuple(first(draw.chosen, ranking)),
        excluded=excluded + tuple(weak.values()),
        propensities={} if draw is None else draw.propensities,
        why="; ".join([*said, _sentence(why, draw, policy, now)]),
        neighbours=now.neighbours,
        memory_state=now.memory_state,
        policy_fingerprint=policy.fingerprint(),
        registry_fingerprint=portfolio.fingerprint(),
        front=tuple(e.candidate.id for e in front(table.estimates)),
        more=None if draw is None else upgrade(draw.chosen, table.estimates),
        usual=ranking[0].candidate.id if ranking else "",
    )
    return decision if now.promised is None else now.promised.marked(decision, policy)


def _drawn(
    table: _Table, ranking: Sequence[Estimate], utility: Utility, policy: Policy, rng: random.Random | None
) -> Chance:
    tried = policy.tried()
    trial = "" if tried is None else table.arranged(tried)[0][0].candidate.id
    return chance(ranking, trial, utility, policy, table.now, rng)


def _ruled(
    features: Features, policy: Policy, now: Situation, estimators: Sequence[Estimator]
) -> tuple[Policy, tuple[str, ...]]:
    """The policy under the user's rules, and what they did."""
    said: tuple[str, ...] = ()
    for estimator in estimators:
        if isinstance(estimator, Rules):
            policy, more = estimator.apply(features, policy, now)
            said += more
    return policy, said


def _sentence(why: str, draw: Chance | None, policy: Policy, now: Situation) -> str:
    if draw is None:
        return "no candidate is feasible"
    chosen = draw.chosen
    if policy.pin:
        why = "pinned by the policy"
    elif policy.strategy == "cascade" and policy.guard != "strict":
        why = "first level of a cascade"
    elif chosen.candidate.kind != "single" and policy.strategy != "auto":
        why = f"strategy {policy.strategy}, best member: {why}"
    why = draw.why or why
    sources = chosen.source.replace(" of its best member", "").split("+")
    known = "+".join(s if s.startswith("rules:") else s.partition(":")[0] for s in sources)
    parts = [f"{why} (quality {chosen.quality:.2f}, n={chosen.n}, {known})"]
    judged = (n for n in now.neighbours if any(weight > 0 for _, _, weight in n.outcomes))
    near = next(judged, next((n for n in now.neighbours if n.outcomes), None))
    if near is not None:
        heard = [f"{candidate} {score:.2f}" for candidate, score, weight in near.outcomes if weight > 0]
        worth = ", ".join(heard[:2]) or "not judged"
        quoted = f" {near.text!r}" if near.text else " (private)"
        parts.append(f"remembers task {near.task_id[:8]}{quoted} (similarity {near.similarity:.2f}): {worth}")
    return "; ".join(parts)
