"""Ensembles are made of different models asked once each, and cost what their members take."""

from collections.abc import Sequence

import pytest

from orchestrator_graph.nodes.features import read_features
from orchestrator_graph.policy import Policy
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.registry.spec import ModelSpec, Price
from orchestrator_graph.routing.decide import decide
from orchestrator_graph.routing.estimator import Belief
from orchestrator_graph.routing.expectation import resources
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Candidate, Decision, Features, Member

POOL = Portfolio(
    [
        ModelSpec("test:a", price=Price(1, 10), efforts=("high",), samples=(3, 5), watts=9.0),
        ModelSpec("test:b", price=Price(1, 5), efforts=("high",), watts=3.0),
    ]
)
TASK = read_features("Who wrote Faust?")


def variants_first(features: Features, candidates: Sequence[Candidate], now: Situation) -> dict[str, Belief]:
    """Every variant of `a` is believed to be better than `a` asked once, and that better than `b`."""
    worth = {c.id: 0.7 if c.id == "test:a" else 0.9 if c.members[0].model == "test:a" else 0.5 for c in candidates}
    return {name: Belief(quality, 0.05, 20, "test") for name, quality in worth.items()}


def made(strategy: str, **fields: object) -> Decision:
    policy = Policy(strategy=strategy, tradeoff="best", **fields)  # type: ignore[arg-type]
    return decide("1", TASK, POOL, policy, Situation(), [variants_first])


@pytest.mark.parametrize(
    ("strategy", "members"),
    [("consensus", (Member("test:a"), Member("test:b"))), ("best_of_n", (Member("test:a", 3),))],
)
def test_an_ensemble_is_of_different_models_asked_as_they_are(strategy: str, members: tuple[Member, ...]) -> None:
    decision = made(strategy)
    first = decision.ranking[0]
    assert (first.candidate.kind, first.candidate.members) == (strategy, members)
    assert (first.quality, first.source) == (0.7, "test of its best member")
    ids = [estimate.candidate.id for estimate in decision.ranking]
    assert len(set(ids)) == len(ids)
    expected = resources(first.candidate, TASK, Situation(portfolio=POOL))
    assert (first.cost_nusd, first.latency_s, first.energy_j) == (
        expected.cost_nusd,
        expected.latency_s,
        expected.energy_j,
    )
    assert first.cost_nusd


def test_one_model_alone_makes_no_consensus() -> None:
    assert made("consensus", deny=["test:b"]).ranking[0].candidate.kind != "consensus"


def test_the_strict_guards_choice_is_in_the_ensemble_or_there_is_none() -> None:
    assert made("consensus", guard="strict", reference="test:b").ranking[0].candidate.members[0].model == "test:b"
    named = made("best_of_n", guard="strict", reference="test:b@high").ranking[0].candidate
    assert named.id == "test:b@high"


def gained(points: float, se: float = 0.01, kind: str = "consensus") -> Situation:
    members = (Member("test:a"), Member("test:b")) if kind == "consensus" else (Member("test:a", 3),)
    return Situation(gains={Candidate(kind, members): (points, se, 200)})  # type: ignore[arg-type]


def ranked(now: Situation, **fields: object) -> list[str]:
    policy = Policy(**{"tradeoff": "balanced", **fields})  # type: ignore[arg-type]
    plain = [ModelSpec("test:a", price=Price(1, 10)), ModelSpec("test:b", price=Price(1, 5))]
    return [e.candidate.id for e in decide("1", TASK, Portfolio(plain), policy, now, [variants_first]).ranking]


BOTH = "consensus(test:a, test:b)"


@pytest.mark.parametrize(
    ("points", "fields", "first"),
    [
        (0.25, {}, BOTH),
        (0.25, {"ensemble": "never"}, "test:a"),
        (0.25, {"strategy": "route"}, "test:a"),
        (0.02, {}, "test:a"),
        (0.02, {"tradeoff": "best"}, BOTH),
        (-0.02, {"tradeoff": "best"}, "test:a"),
        (0.02, {"ensemble": "always"}, BOTH),
        (0.25, {"pin": "test:b"}, "test:b"),
        (0.25, {"guard": "strict"}, "test:a"),
    ],
)
def test_an_ensemble_is_chosen_only_where_its_remembered_gain_pays(
    points: float, fields: dict[str, object], first: str
) -> None:
    assert ranked(gained(points), **fields)[0] == first


def test_a_lucky_gain_on_few_tasks_is_not_believed() -> None:
    assert ranked(gained(0.25, se=0.2))[0] == "test:a"


def test_an_ensemble_says_on_how_many_tasks_it_gained_and_what_all_of_it_costs() -> None:
    pool = Portfolio([ModelSpec("test:a", price=Price(1, 10)), ModelSpec("test:b", price=Price(1, 5))])
    decision = decide("1", TASK, pool, Policy(), gained(0.25), [variants_first])
    made, *singles = decision.ranking
    assert (made.n, made.source) == (200, "test+gain +0.250 over it")
    assert made.cost_nusd == sum(e.cost_nusd or 0 for e in singles)
    assert made.quality == pytest.approx(0.94)


def test_always_without_memory_asks_two() -> None:
    assert ranked(Situation(), ensemble="always")[0] == BOTH


def test_a_fusion_is_written_by_a_model_that_is_not_narrow() -> None:
    narrow = ModelSpec("pocket:x", price=Price(1, 1), capabilities=frozenset({"chat", "narrow"}))
    pool = Portfolio([ModelSpec("test:b", price=Price(1, 5)), ModelSpec("test:a", price=Price(1, 10))])
    policy = Policy(strategy="fusion", tradeoff="best")
    made = decide("1", TASK, pool, policy, Situation(), [variants_first]).ranking[0]
    assert made.candidate.id == "fusion(test:b, test:a)"
    assert made.latency_s > max(e.latency_s for e in decide("1", TASK, pool, Policy(), Situation()).ranking)
    alone = decide("1", TASK, Portfolio([narrow]), policy, Situation(), [variants_first])
    assert all(e.candidate.kind == "single" for e in alone.ranking)


def test_where_answers_can_be_checked_the_cheap_one_comes_first_and_the_reason_says_so() -> None:
    def ahead(names: Sequence[str], quality: Sequence[float], costs: Sequence[float]) -> list[float]:
        return [q - c + (0.5 if name == "test:b" else 0.0) for name, q, c in zip(names, quality, costs, strict=True)]

    pool = Portfolio([ModelSpec("test:a", price=Price(1, 10)), ModelSpec("test:b", price=Price(1, 5))])
    decision = decide("1", TASK, pool, Policy(), Situation(ahead=ahead), [variants_first])
    assert decision.ranking[0].candidate.id == "test:b"
    assert "tried before test:a, because its answer can be checked" in decision.why
    routed = decide("1", TASK, pool, Policy(strategy="route"), Situation(ahead=ahead), [variants_first])
    assert routed.ranking[0].candidate.id == "test:a"
