"""Constraints name themselves; the selector trades quality against cost as the policy says."""

import random

import pytest

from orchestrator_graph.nodes.features import read_features
from orchestrator_graph.policy import Policy
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.registry.spec import ModelSpec, Price, Prior
from orchestrator_graph.routing.decide import decide
from orchestrator_graph.routing.estimator import IGNORANCE, Belief, combine
from orchestrator_graph.routing.neighbours import neighbours
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Candidate, Neighbour, to_json
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


def test_private_tasks_are_never_explored() -> None:
    decision = decide("1", TASK, POOL, Policy(explore=0.5), Situation(private=True), rng=random.Random(1))
    assert decision.propensities == {"ollama:home": 1.0}


ONE = Candidate.single("openai:small")


def remembered(user: str, score: float, count: int) -> list[Neighbour]:
    return [Neighbour(f"{user}{i}", "t", 0.9, user, "qa", (("openai:small", score, 1.0),)) for i in range(count)]


def test_one_user_has_one_vote() -> None:
    many = neighbours(TASK, [ONE], Situation(neighbours=tuple(remembered("mallory", 0.0, 50))))["openai:small"]
    one = neighbours(TASK, [ONE], Situation(neighbours=tuple(remembered("mallory", 0.0, 1))))["openai:small"]
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
