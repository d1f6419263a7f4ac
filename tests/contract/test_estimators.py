"""What every estimator promises, whatever it is made of: one suite over all of them, a plain function included."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_graph.registry.spec import ModelSpec
from orchestrator_graph.routing.decide import DEFAULT_ESTIMATORS, decide
from orchestrator_graph.routing.estimator import IGNORANCE, Belief, Estimator, combine
from orchestrator_graph.routing.neighbours import neighbours
from orchestrator_graph.routing.priors import priors
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Features, Neighbour
from tests.property.worlds import UNIT, evidence, policies, portfolios, tasks

FEW = settings(max_examples=40)


def plain(features: Features, models: list[ModelSpec], near: tuple[Neighbour, ...]) -> dict[str, Belief]:
    """As short as an estimator can be."""
    return {spec.id: Belief(1 - features.difficulty, 0.3, len(near), "gut feeling") for spec in models if spec.is_local}


ESTIMATORS = pytest.mark.parametrize("estimator", [priors, neighbours, plain], ids=["priors", "neighbours", "plain"])


def as_expected(belief: Belief) -> bool:
    in_range = 0 <= belief.quality <= 1 and belief.se > 0 and belief.n >= 0
    return in_range and math.isfinite(belief.se) and isinstance(belief.n, int) and bool(belief.source)


@ESTIMATORS
@FEW
@given(tasks(), portfolios, evidence)
def test_beliefs_are_in_range_and_about_the_models_that_were_asked_for(estimator, task, portfolio, near):
    beliefs = estimator(task, list(portfolio.values()), near)
    assert set(beliefs) <= set(portfolio)
    assert all(map(as_expected, beliefs.values())), beliefs


@ESTIMATORS
@FEW
@given(tasks(), portfolios, evidence, st.randoms())
def test_same_question_same_answer_in_any_order_of_models(estimator, task, portfolio, near, random):
    models = list(portfolio.values())
    first = estimator(task, models, near)
    shuffled = random.sample(models, len(models))
    assert estimator(task, models, near) == first
    assert estimator(task, shuffled, near) == first


@ESTIMATORS
@FEW
@given(tasks(), portfolios, evidence)
def test_a_model_is_believed_the_same_whoever_stands_beside_it(estimator, task, portfolio, near):
    together = estimator(task, list(portfolio.values()), near)
    for spec in portfolio.values():
        assert estimator(task, [spec], near).get(spec.id) == together.get(spec.id)


@ESTIMATORS
@FEW
@given(tasks(), portfolios)
def test_without_evidence_or_models_it_says_what_it_knows(estimator, task, portfolio):
    assert estimator(task, [], ()) == {}
    assert all(map(as_expected, estimator(task, list(portfolio.values()), ()).values()))


def test_neighbours_know_nothing_without_evidence() -> None:
    task = Features("Add 1 and 2", task_type="maths")
    assert neighbours(task, [ModelSpec("ollama:a")], ()) == {}


@FEW
@given(tasks(), portfolios, policies, evidence)
def test_any_mix_of_estimators_makes_a_decision(task, portfolio, policy, near):
    for chosen in ((), (plain,), DEFAULT_ESTIMATORS, (*DEFAULT_ESTIMATORS, plain)):
        mix: tuple[Estimator, ...] = chosen
        decision = decide("1", task, portfolio, policy, Situation(neighbours=near), mix)
        assert all(0 <= e.quality <= 1 and e.se > 0 and e.n >= 0 and e.source for e in decision.ranking)


BELIEFS = st.builds(Belief, UNIT, st.floats(1e-6, 10), st.integers(0, 100), st.just("test"))


@given(st.lists(BELIEFS, min_size=1, max_size=5))
def test_combined_beliefs_lie_between_theirs_and_are_surer(beliefs):
    both = combine(beliefs)
    low, high = min(b.quality for b in beliefs), max(b.quality for b in beliefs)
    assert low - 1e-6 <= both.quality <= high + 1e-6
    assert 0 < both.se <= max(1e-3, min(b.se for b in beliefs)) + 1e-9
    assert both.n == sum(b.n for b in beliefs)
    assert combine([]) == IGNORANCE
