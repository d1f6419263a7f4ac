"""Constraints name themselves; the selector trades quality against cost as the policy says."""

import random
from dataclasses import replace

import pytest

from orchestrator_graph.nodes.features import read_features
from orchestrator_graph.policy import Policy
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.registry.spec import ModelSpec, Price, Prior
from orchestrator_graph.routing.decide import decide
from orchestrator_graph.routing.estimator import IGNORANCE, Belief, combine
from orchestrator_graph.routing.front import steps
from orchestrator_graph.routing.neighbours import Neighbours
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Candidate, Estimate, Neighbour, to_json
from orchestrator_graph.types import Decision as DecisionType


def spec(name: str, quality: float, price: float | None, **fields: object) -> ModelSpec:
    cost = None if price is None else Price(price, price)
    return ModelSpec(name, price=cost, priors={"*": Prior(quality, 50, "test")}, **fields)  # type: ignore[arg-type]


SMALL, LARGE, LOCAL = spec("openai:small", 0.7, 0.1), spec("openai:large", 0.95, 10.0), spec("ollama:home", 0.6, None)
POOL = Portfolio([SMALL, LARGE, LOCAL])
TASK = read_features("Who wrote Faust?")


def chosen(policy: Policy, now: Situation | None = None, pool: Portfolio = POOL) -> str:
    decision = decide("1", TASK, pool, policy, now or Situation())
    return decision.ranking[0].candidate.id if decision.ranking else ""


def test_tradeoff_moves_the_choice() -> None:
    assert chosen(Policy(tradeoff="best")) == "openai:large"
    assert chosen(Policy(tradeoff="cheap")) in {"openai:small", "ollama:home"}


def test_min_quality_takes_the_cheapest_that_reaches_it() -> None:
    assert chosen(Policy(min_quality=0.65)) == "openai:small"
    decision = decide("1", TASK, POOL, Policy(min_quality=0.99), Situation())
    assert decision.ranking[0].candidate.id == "openai:large"
    assert "no candidate is believed to reach" in decision.why


def test_strict_guard_stays_with_the_reference() -> None:
    assert chosen(Policy(tradeoff="cheap", guard="strict")) == "openai:large"


def test_low_fault_tolerance_leaves_weak_candidates_out() -> None:
    assert chosen(Policy(tradeoff="cheap", fault_tolerance="low")) == "openai:large"


@pytest.mark.parametrize(
    ("policy", "now", "constraint", "gone"),
    [
        (Policy(), Situation(private=True), "private", {"openai:small", "openai:large"}),
        (Policy(deny=["openai:*"]), Situation(), "deny", {"openai:small", "openai:large"}),
        (Policy(allow=["ollama:*"]), Situation(), "allow", {"openai:small", "openai:large"}),
        (Policy(pin="openai:small"), Situation(), "pin", {"openai:large", "ollama:home"}),
        (Policy(tier="paid"), Situation(), "tier", {"openai:small", "openai:large", "ollama:home"}),
        (Policy(), Situation(left_nusd=100_000), "budget", {"openai:large"}),
        (Policy(), Situation(healthy={"openai:large": False}), "health", {"openai:large"}),
        (Policy(), Situation(left_s=1, speeds={"ollama:home": (2.0, 0.1, 5)}), "deadline", {"ollama:home"}),
    ],
)
def test_each_constraint_names_itself(policy: Policy, now: Situation, constraint: str, gone: set[str]) -> None:
    decision = decide("1", TASK, POOL, policy, now)
    assert {item.candidate for item in decision.excluded} == gone
    assert {item.constraint for item in decision.excluded} == {constraint}
    assert gone.isdisjoint(e.candidate.id for e in decision.ranking)


def test_all_breakers_open_leaves_one_probe() -> None:
    decision = decide("1", TASK, POOL, Policy(), Situation(healthy=dict.fromkeys(POOL, False)))
    assert len(decision.ranking) == 1


def test_cloud_alias_is_not_local() -> None:
    alias = ModelSpec("ollama:big-cloud", remote_host="https://ollama.com")
    decision = decide("1", TASK, Portfolio([alias, LOCAL]), Policy(), Situation(private=True))
    assert [e.candidate.id for e in decision.ranking] == ["ollama:home"]
    assert "ollama.com" in decision.excluded[0].detail


def test_unknown_price_is_allowed_without_a_limit_only() -> None:
    mystery = spec("openai:mystery", 0.9, None)
    assert chosen(Policy(), pool=Portfolio([mystery])) == "openai:mystery"
    decision = decide("1", TASK, Portfolio([mystery]), Policy(), Situation(left_nusd=10**9))
    assert decision.excluded[0].constraint == "budget"


def test_the_front_runs_from_cheapest_to_best_and_more_money_is_priced() -> None:
    dull = spec("openai:dull", 0.65, 0.2)
    decision = decide("1", TASK, Portfolio([LARGE, dull, SMALL, LOCAL]), Policy(tradeoff="cheap"), Situation())
    assert decision.front == ("ollama:home", "openai:small", "openai:large")
    assert decision.usual == decision.ranking[0].candidate.id == "openai:small"
    assert decision.more is not None
    cost = {e.candidate.id: e.cost_nusd or 0 for e in decision.ranking}
    assert decision.more.candidate == "openai:large"
    assert decision.more.extra_nusd == cost["openai:large"] - cost["openai:small"]
    assert decision.more.gain == pytest.approx(0.25, abs=1e-6)
    assert decide("1", TASK, POOL, Policy(tradeoff="best"), Situation()).more is None


STEPS = [
    (10, (0, 1, 10), 3),
    (1, (0, 1, 10), 1),
    (0, (0, 1), 0),
    (8.9, (1, 8.9), 1),
    (9, (1, 9), 2),
    (None, (1, 9), 2),
    (None, (None,), 0),
]


@pytest.mark.parametrize(("price", "among", "step"), STEPS)
def test_a_price_step_is_a_factor_of_three(price: float | None, among: tuple[float | None, ...], step: int) -> None:
    def at(cost: float | None) -> Estimate:
        return Estimate(Candidate.single("a:b"), 0.5, 0.1, 1, "test", None if cost is None else round(cost * 1000))

    assert steps(at(price), [at(cost) for cost in among]) == step


def test_a_latency_objective_is_soft_and_counts_the_slow_calls() -> None:
    slow = Situation(speeds={"openai:large": (3.0, 0.0, 9), "openai:small": (0.5, 0.0, 9)})
    policy = Policy(tradeoff="best", latency_slo_s=4.0, deny=["ollama:*"])
    assert chosen(policy, slow) == "openai:small"
    assert chosen(policy, replace(slow, tails={"openai:large": 1.2})) == "openai:large"
    assert chosen(policy.overlaid(Policy(pin="openai:large")), slow) == "openai:large"


def test_a_pacers_price_stands_in_place_of_the_tradeoff() -> None:
    assert chosen(Policy(tradeoff="best"), Situation(per_nusd=1.0)) == "ollama:home"
    assert chosen(Policy(tradeoff="cheap"), Situation(per_nusd=0.0)) == "openai:large"
    hungry = Portfolio([replace(LARGE, watts=900.0), SMALL])
    assert chosen(Policy(tradeoff="best"), Situation(per_joule=1.0), hungry) == "openai:small"


def test_exploration_stays_within_the_regret_that_is_allowed() -> None:
    policy = Policy(explore=0.5, tradeoff="best", max_regret=0.3)
    decision = decide("1", TASK, POOL, policy, Situation(), rng=random.Random(1))
    assert decision.propensities == {"openai:large": pytest.approx(0.75), "openai:small": pytest.approx(0.25)}


def drawn(policy: Policy, users: int) -> tuple[list[str], dict[str, float]]:
    made = [decide("1", TASK, POOL, policy, Situation(user_id=f"u{i}"), rng=random.Random(i)) for i in range(users)]
    return [d.ranking[0].candidate.id for d in made], made[0].propensities


def test_a_canary_gets_its_share_of_users_who_keep_it() -> None:
    policy = Policy(tradeoff="best", canary={"ollama:*": 0.2})
    first, shares = drawn(policy, 600)
    assert shares == {"openai:large": pytest.approx(0.8), "ollama:home": pytest.approx(0.2)}
    assert first.count("ollama:home") / 600 == pytest.approx(0.2, abs=0.04)
    grown, _ = drawn(policy.overlaid(Policy(canary={"ollama:*": 0.4})), 600)
    assert all(new == "ollama:home" for old, new in zip(first, grown, strict=True) if old == "ollama:home")
    assert drawn(policy, 600)[0] == first


def test_a_policy_on_trial_gets_its_share_of_users() -> None:
    first, shares = drawn(Policy(tradeoff="best", trial={"share": 0.3, "tradeoff": "cheap"}), 600)
    assert shares == {"openai:large": pytest.approx(0.7), "openai:small": pytest.approx(0.3)}
    assert first.count("openai:small") / 600 == pytest.approx(0.3, abs=0.05)


def test_canary_trial_and_exploration_together_are_logged_as_they_are_drawn() -> None:
    mixed = {"canary": {"ollama:*": 0.1}, "trial": {"share": 0.3, "tradeoff": "cheap"}, "explore": 0.2}
    first, shares = drawn(Policy(tradeoff="best", max_regret=1.0, **mixed), 900)  # type: ignore[arg-type]
    assert sum(shares.values()) == pytest.approx(1)
    for name, share in shares.items():
        assert first.count(name) / 900 == pytest.approx(share, abs=0.05)


def test_cascade_climbs_in_quality_and_ends_with_the_best() -> None:
    decision = decide("1", TASK, POOL, Policy(strategy="cascade"), Situation())
    assert [e.candidate.id for e in decision.ranking] == ["ollama:home", "openai:small", "openai:large"]


def test_consensus_takes_two_different_models() -> None:
    first = decide("1", TASK, POOL, Policy(strategy="consensus"), Situation()).ranking[0].candidate
    assert first.kind == "consensus"
    assert len({member.model for member in first.members}) == 2


def test_best_of_n_draws_several_samples_of_one() -> None:
    first = decide("1", TASK, POOL, Policy(strategy="best_of_n"), Situation()).ranking[0].candidate
    assert [member.samples for member in first.members] == [3]


def test_propensities_sum_to_one_and_match_the_draws() -> None:
    rng = random.Random(7)
    policy = Policy(explore=0.3, tradeoff="best")
    drawn = [decide("1", TASK, POOL, policy, Situation(), rng=rng) for _ in range(2000)]
    assert sum(drawn[0].propensities.values()) == pytest.approx(1)
    share = sum(d.ranking[0].candidate.id == "openai:large" for d in drawn) / len(drawn)
    assert share == pytest.approx(drawn[0].propensities["openai:large"], abs=0.03)


def test_private_tasks_are_left_to_no_chance() -> None:
    policy = Policy(explore=0.5, canary={"ollama:*": 0.5}, trial={"share": 0.5, "tradeoff": 1})
    decision = decide("1", TASK, POOL, policy, Situation(private=True), rng=random.Random(1))
    assert decision.propensities == {"ollama:home": 1.0}


ONE = Candidate.single("openai:small")


def remembered(user: str, score: float, count: int) -> list[Neighbour]:
    return [Neighbour(f"{user}{i}", "t", 0.9, user, "qa", (("openai:small", score, 1.0),)) for i in range(count)]


def test_one_user_has_one_vote() -> None:
    many = Neighbours()(TASK, [ONE], Situation(neighbours=tuple(remembered("mallory", 0.0, 50)), user_id="ann"))[
        "openai:small"
    ]
    one = Neighbours()(TASK, [ONE], Situation(neighbours=tuple(remembered("mallory", 0.0, 1)), user_id="ann"))[
        "openai:small"
    ]
    assert many.se == one.se
    assert combine([Belief(0.7, 0.08, 50, "prior"), many]).quality > 0.6


def test_the_decision_names_what_it_remembers() -> None:
    decision = decide(
        "1", TASK, POOL, Policy(), Situation(neighbours=tuple(remembered("u", 0.9, 1)), memory_state="ok")
    )
    assert "remembers task" in decision.why
    assert "similarity 0.90" in decision.why


def test_nothing_known_is_ignorance() -> None:
    assert combine([]) is IGNORANCE


def test_a_decision_survives_json() -> None:
    decision = decide("1", TASK, POOL, Policy(), Situation(neighbours=tuple(remembered("u", 0.9, 1))))
    assert DecisionType.from_json(to_json(decision)) == decision
