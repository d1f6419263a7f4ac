"""What holds of every decision, whatever the portfolio, the policy and the moment."""

import json
import math
import random

from hypothesis import given
from hypothesis import strategies as st

from orchestrator_graph.policy import Policy
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.registry.spec import ModelSpec
from orchestrator_graph.routing.decide import decide
from orchestrator_graph.routing.expectation import expect
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Decision, Features, to_json
from tests.property.worlds import policies, portfolios, situations, tasks

SEEDS = st.integers(0, 99)


def made(portfolio: Portfolio, task: Features, policy: Policy, now: Situation, seed: int) -> Decision:
    return decide("1", task, portfolio, policy, now, rng=random.Random(seed))


def forbidden(spec: ModelSpec, task: Features, policy: Policy, now: Situation) -> list[str]:
    """Why this model may never be asked, told independently of the code under test (health aside)."""
    expected = expect(spec, task, now)
    limits = [now.left_nusd, now.found_left_nusd if spec.discovered else None]
    left = min((limit for limit in limits if limit is not None), default=None)
    poor = left is not None and spec.billed and (expected.cost_nusd is None or expected.cost_nusd > left)
    late = now.left_s is not None and expected.latency_measured and expected.latency_s > now.left_s
    reasons = {
        "private": now.private and not spec.is_local,
        "pin": policy.pin is not None and policy.pin != spec.id,
        "deny": spec.id in policy.deny or f"{spec.provider}:*" in policy.deny,
        "allow": bool(policy.allow) and spec.id not in policy.allow and f"{spec.provider}:*" not in policy.allow,
        "tier": policy.tier is not None and policy.tier not in spec.tiers,
        "capability": not set(task.needs) <= (spec.capabilities or set()),
        "context": spec.context is not None and expected.prompt_tokens >= spec.context,
        "budget": poor,
        "deadline": late,
    }
    return [name for name, holds in reasons.items() if holds]


@given(portfolios, tasks(), policies, situations, SEEDS)
def test_an_infeasible_model_is_never_ranked(portfolio, task, policy, now, seed):
    decision = made(portfolio, task, policy, now, seed)
    asked = {member.model for estimate in decision.ranking for member in estimate.candidate.members}
    for name in asked:
        assert forbidden(portfolio[name], task, policy, now) == []
    if now.private:
        assert all(portfolio[name].is_local for name in asked)


@given(portfolios, tasks(), policies, situations, SEEDS)
def test_every_model_is_ranked_or_excluded_with_a_reason(portfolio, task, policy, now, seed):
    decision = made(portfolio, task, policy, now, seed)
    asked = {member.model for estimate in decision.ranking for member in estimate.candidate.members}
    excluded = [item.candidate for item in decision.excluded]
    assert asked | set(excluded) == set(portfolio)
    assert not asked & set(excluded)
    assert len(set(excluded)) == len(excluded)
    assert all(item.constraint and item.detail for item in decision.excluded)


@given(portfolios, tasks(), policies, situations, SEEDS)
def test_no_candidate_is_ranked_twice(portfolio, task, policy, now, seed):
    ids = [estimate.candidate.id for estimate in made(portfolio, task, policy, now, seed).ranking]
    assert len(set(ids)) == len(ids)


@given(portfolios, tasks(), policies, situations, SEEDS)
def test_propensities_are_a_distribution_over_the_ranking(portfolio, task, policy, now, seed):
    decision = made(portfolio, task, policy, now, seed)
    ids = {estimate.candidate.id for estimate in decision.ranking}
    assert set(decision.propensities) <= ids
    assert all(0 < share <= 1 for share in decision.propensities.values())
    if ids:
        assert abs(sum(decision.propensities.values()) - 1) < 1e-9
        assert decision.ranking[0].candidate.id in decision.propensities


@given(portfolios, tasks(), policies, situations, SEEDS)
def test_a_decision_is_json_and_comes_back_as_it_was(portfolio, task, policy, now, seed):
    decision = made(portfolio, task, policy, now, seed)
    assert Decision.from_json(json.loads(json.dumps(to_json(decision)))) == decision
    assert decision.why


@given(portfolios, tasks(), policies, situations, SEEDS)
def test_the_front_climbs_and_holds_whatever_nothing_beats(portfolio, task, policy, now, seed):
    decision = made(portfolio, task, policy, now, seed)
    by_id = {e.candidate.id: e for e in decision.ranking if e.candidate.kind == "single"}
    front = [by_id[name] for name in decision.front]
    costs = [math.inf if e.cost_nusd is None else e.cost_nusd for e in front]
    assert costs == sorted(costs)
    assert bool(front) == bool(by_id)
    if by_id:
        assert max(e.quality for e in front) == max(e.quality for e in by_id.values())


@given(portfolios, tasks(), policies, situations, SEEDS)
def test_in_a_tool_loop_it_never_goes_down_and_chance_has_no_part_in_private(portfolio, task, policy, now, seed):
    decision = made(portfolio, task, policy, now, seed)
    held = next((e for e in decision.ranking if e.candidate.id == now.sticky), None)
    if held is not None and policy.strategy in {"auto", "route"}:
        assert decision.ranking[0].quality >= held.quality
    if decision.ranking and (now.private or policy.pin or now.sticky is not None):
        assert list(decision.propensities.values()) == [1.0]
