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
