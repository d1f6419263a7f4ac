"""What every estimator promises, whatever it is made of: one suite over all of them, a plain function included."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.routing.bandit import Bandit
from orchestrator_graph.routing.candidates import offered
from orchestrator_graph.routing.classifier import Classifier
from orchestrator_graph.routing.credit import Personal
from orchestrator_graph.routing.decide import decide
from orchestrator_graph.routing.decider import Decider
from orchestrator_graph.routing.defaults import default_estimators
from orchestrator_graph.routing.estimator import IGNORANCE, Belief, Estimator, Learner, combine
from orchestrator_graph.routing.linear import Linear
from orchestrator_graph.routing.linucb import LinUCB
from orchestrator_graph.routing.neighbours import Neighbours
from orchestrator_graph.routing.priors import priors
from orchestrator_graph.routing.rules import Rule, Rules
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Candidate, Features
from orchestrator_graph.types.history import History
from tests.property.worlds import HISTORY, NAMES, UNIT, learnt_situations, policies, portfolios, tasks

FEW = settings(max_examples=40)


def plain(features: Features, candidates: Sequence[Candidate], now: Situation) -> dict[str, Belief]:
    """As short as an estimator can be."""
    return {c.id: Belief(1 - features.difficulty, 0.3, len(now.neighbours), "gut feeling") for c in candidates}


class Told(Decider):
    """A decider whose model had something to say of most candidates."""

    def __call__(self, features: Features, candidates: Sequence[Candidate], now: Situation) -> dict[str, Belief]:
        answers = {name: (number / len(NAMES), 2) for number, name in enumerate(NAMES)}
        return super().__call__(features, candidates, replace(now, answers=answers))


def learnt(estimator: Any) -> Estimator:
    """An estimator that was taught a small history, wherever the tests' situations point to."""
    if isinstance(estimator, Learner):
        estimator.learn(HISTORY)
    made: Estimator = estimator
    return made


MAKERS: dict[str, Callable[[], Any]] = {
    "priors": lambda: priors,
    "neighbours": Neighbours,
    "linear": Linear,
    "personal": lambda: Personal(Linear),
    "plain": lambda: plain,
    "rules": lambda: Rules(
        [Rule({"task_type": "maths"}, prefer="openai:*"), Rule(prefer=["ollama:m1"], deny="test:m0")]
    ),
    "classifier": Classifier,
    "decider": lambda: Told("openai:m0"),
    "bandit": Bandit,
    "linucb": lambda: LinUCB({"openai:m0": (0.9, 20.0)}),
}
"""One entry per estimator; a new one is a line here."""

ESTIMATORS = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())


def asked_of(portfolio: Portfolio) -> list[Candidate]:
    return [candidate for spec in portfolio.values() for candidate in offered(spec)]


def as_expected(belief: Belief) -> bool:
    in_range = 0 <= belief.quality <= 1 and belief.se > 0 and belief.n >= 0
    return in_range and math.isfinite(belief.se) and isinstance(belief.n, int) and bool(belief.source)


@ESTIMATORS
@FEW
@given(tasks(), portfolios, learnt_situations())
def test_beliefs_are_in_range_and_about_the_candidates_that_were_asked_for(make, task, portfolio, now):
    candidates = asked_of(portfolio)
    beliefs = learnt(make())(task, candidates, replace(now, portfolio=portfolio))
    assert set(beliefs) <= {candidate.id for candidate in candidates}
    assert all(map(as_expected, beliefs.values())), beliefs


@ESTIMATORS
@FEW
@given(tasks(), portfolios, learnt_situations(), st.randoms())
def test_same_question_same_answer_in_any_order_of_candidates(make, task, portfolio, now, random):
    estimator, candidates, now = learnt(make()), asked_of(portfolio), replace(now, portfolio=portfolio)
    first = estimator(task, candidates, now)
    assert estimator(task, candidates, now) == first
    assert estimator(task, random.sample(candidates, len(candidates)), now) == first


@ESTIMATORS
@FEW
@given(tasks(), portfolios, learnt_situations())
def test_a_candidate_is_believed_the_same_whoever_stands_beside_it(make, task, portfolio, now):
    estimator, candidates, now = learnt(make()), asked_of(portfolio), replace(now, portfolio=portfolio)
    together = estimator(task, candidates, now)
    for candidate in candidates:
        assert estimator(task, [candidate], now).get(candidate.id) == together.get(candidate.id)


@ESTIMATORS
@FEW
@given(tasks(), portfolios)
def test_without_evidence_or_candidates_it_says_what_it_knows(make, task, portfolio):
    assert make()(task, [], Situation()) == {}
    beliefs = make()(task, asked_of(portfolio), Situation(portfolio=portfolio))
    assert all(map(as_expected, beliefs.values()))


@ESTIMATORS
def test_what_was_erased_is_forgotten(make):
    estimator, candidates = learnt(make()), [Candidate.single(name) for name in HISTORY.candidates]
    now = Situation(vector=HISTORY.vectors[0], space="test-8")
    before = estimator(Features("t", "maths"), candidates, now)
    if isinstance(estimator, Learner):
        estimator.learn(History.empty("default", "test-8"))
        assert not any(belief.remembered for belief in estimator(Features("t", "maths"), candidates, now).values())
    else:
        assert estimator(Features("t", "maths"), candidates, now) == before


def test_neighbours_know_nothing_without_evidence() -> None:
    task = Features("Add 1 and 2", task_type="maths")
    assert Neighbours()(task, [Candidate.single("ollama:a")], Situation()) == {}


@FEW
@given(tasks(), portfolios, policies, learnt_situations())
def test_any_mix_of_estimators_makes_a_decision(task, portfolio, policy, now):
    for chosen in ((), (plain,), default_estimators(), (*default_estimators(), plain)):
        mix: tuple[Estimator, ...] = tuple(map(learnt, chosen))
        decision = decide("1", task, portfolio, policy, now, mix)
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
