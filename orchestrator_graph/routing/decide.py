"""From a subtask to a decision: constraints, estimates, selection, in that order. Calls nothing, costs microseconds."""

import random
from collections.abc import Sequence
from dataclasses import replace

from orchestrator_graph.policy import Policy
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.routing.candidates import arrange, offered
from orchestrator_graph.routing.constraints import feasible
from orchestrator_graph.routing.estimator import Belief, Estimator, combine
from orchestrator_graph.routing.expectation import resources
from orchestrator_graph.routing.neighbours import neighbours
from orchestrator_graph.routing.priors import priors
from orchestrator_graph.routing.selector import rank, too_weak
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Candidate, Decision, Estimate, Features, new_id

__all__ = ["decide", "default_estimators", "estimate"]


def default_estimators() -> tuple[Estimator, ...]:
    """What is on unless told otherwise, made anew: those that learn hold what they learnt (docs/routing.md)."""
    return (priors, neighbours)


def estimate(
    features: Features, candidates: Sequence[Candidate], now: Situation, estimators: Sequence[Estimator]
) -> list[Estimate]:
    """One estimate per candidate: beliefs of all estimators combined by precision, resources as expected."""
    beliefs = [estimator(features, candidates, now) for estimator in estimators]
    return [_estimate(c, features, now, [b[c.id] for b in beliefs if c.id in b]) for c in candidates]


def _estimate(candidate: Candidate, features: Features, now: Situation, beliefs: Sequence[Belief]) -> Estimate:
    belief = combine(beliefs)
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
    )


def decide(
    subtask_id: str,
    features: Features,
    portfolio: Portfolio,
    policy: Policy,
    now: Situation,
    estimators: Sequence[Estimator] = (priors, neighbours),
    rng: random.Random | None = None,
) -> Decision:
    """The decision for one subtask; an empty ranking when the constraints leave nothing.

    Exploration (`policy.explore`) picks uniformly among the feasible with that probability, never for private or
    pinned tasks; the propensities say with which probability each candidate was first.
    """
    now = replace(now, portfolio=portfolio)
    models, excluded = feasible(portfolio, features, policy, now)
    candidates = [candidate for spec in models for candidate in offered(spec)]
    believed = estimate(features, candidates, now, estimators)
    weak = too_weak(believed, policy)
    excluded += tuple(weak.values())
    ranked, why = rank([e for e in believed if e.candidate.id not in weak], policy)
    ranking = arrange(ranked, policy)
    epsilon = 0.0 if now.private or policy.pin or policy.strategy == "cascade" else policy.explore
    explored = bool(ranking) and epsilon > 0 and (rng or random).random() < epsilon
    propensities = _propensities(ranking, epsilon)
    if explored:
        chosen = (rng or random).choice(ranking)
        ranking = (chosen, *(e for e in ranking if e is not chosen))
        why = f"explored with probability {epsilon}"
    return Decision(
        id=new_id(),
        subtask_id=subtask_id,
        ranking=ranking,
        excluded=excluded,
        propensities=propensities,
        why=_sentence(ranking, why, policy, now),
        neighbours=now.neighbours,
        memory_state=now.memory_state,
        policy_fingerprint=policy.fingerprint(),
        registry_fingerprint=portfolio.fingerprint(),
    )


def _propensities(ranking: Sequence[Estimate], epsilon: float) -> dict[str, float]:
    if not ranking:
        return {}
    share = epsilon / len(ranking)
    shares = {e.candidate.id: share for e in ranking if share}
    return {**shares, ranking[0].candidate.id: 1 - epsilon + share}


def _sentence(ranking: Sequence[Estimate], why: str, policy: Policy, now: Situation) -> str:
    if not ranking:
        return "no candidate is feasible"
    first = ranking[0]
    if policy.pin:
        why = "pinned by the policy"
    elif policy.strategy == "cascade":
        why = "first level of a cascade"
    elif first.candidate.kind != "single":
        why = f"strategy {policy.strategy}, best member: {why}"
    sources = first.source.replace(" of its best member", "").split("+")
    known = "+".join(source.partition(":")[0] for source in sources)
    parts = [f"{why} (quality {first.quality:.2f}, n={first.n}, {known})"]
    near = next((n for n in now.neighbours if n.outcomes), None)
    if near is not None:
        worth = ", ".join(f"{candidate} {score:.2f}" for candidate, score, _ in near.outcomes[:2])
        quoted = f" {near.text!r}" if near.text else " (private)"
        parts.append(f"remembers task {near.task_id[:8]}{quoted} (similarity {near.similarity:.2f}): {worth}")
    return "; ".join(parts)
