"""Whose outcomes count for whom: one's own, and those of users who agree with the others."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from orchestrator_graph.routing.credit import Personal, credible
from orchestrator_graph.routing.estimator import Belief
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Candidate, Features
from orchestrator_graph.types.history import History

ONE = Candidate.single("test:a")


def remembered(**scores: Sequence[float]) -> History:
    """One candidate, one user per keyword."""
    rows = [(user, score) for user, given in scores.items() for score in given]
    n = len(rows)
    return History(
        vectors=np.ones((n, 1), np.float32),
        scores=np.array([[score] for _, score in rows]),
        weights=np.ones((n, 1)),
        candidates=("test:a",),
        task_types=("qa",) * n,
        users=tuple(user for user, _ in rows),
        times=np.arange(n, dtype=float),
    )


def weight_of(history: History, user: str) -> float:
    return float(history.weights[np.array(history.users) == user].sum())


HONEST = {f"user{i}": [1.0, 1.0, 1.0, 0.0, 1.0] for i in range(4)}


def test_whoever_contradicts_everybody_is_left_out() -> None:
    kept = credible(remembered(**HONEST, mallory=[0.0] * 40))
    assert weight_of(kept, "mallory") == 0
    assert [weight_of(kept, user) for user in HONEST] == [5.0] * 4
    assert len(kept.users) == len(kept.vectors) == len(kept.times) == 20


def test_chance_costs_no_credit() -> None:
    rng = np.random.default_rng(2)
    history = remembered(**{f"u{i}": (rng.random(15) < 0.7).astype(float).tolist() for i in range(30)})
    assert credible(history).weights.sum() >= 0.95 * history.weights.sum()


def test_many_new_accounts_do_not_silence_a_few_honest_users() -> None:
    steady = {f"u{i}": ([1.0] * 9 + [0.0]) * 4 for i in range(5)}
    for each in (1, 4, 5):
        history = remembered(**steady, **{f"z{i}": [0.0] * each for i in range(9)})
        assert [weight_of(credible(history), user) for user in steady] == [40.0] * 5


def test_of_two_nobody_knows_who_is_right() -> None:
    history = remembered(ann=[1.0] * 9, bob=[0.0] * 9)
    assert credible(history) is history


def test_what_only_few_tried_is_held_against_nobody() -> None:
    history = remembered(ann=[1.0] * 9, bob=[0.0] * 9, eve=[1.0])
    apart = replace(history, task_types=("qa",) * 9 + ("maths",) * 9 + ("text",))
    assert credible(apart) is apart


class Mean:
    """The plainest estimator that learns."""

    def __init__(self) -> None:
        self.belief: dict[str, Belief] = {}

    def learn(self, history: History) -> None:
        self.belief = {"test:a": Belief(float(history.scores.mean()), 0.1, len(history), "mean")}

    def __call__(self, features: Features, candidates: Sequence[Candidate], now: Situation) -> dict[str, Belief]:
        return self.belief


def test_a_busy_user_is_judged_by_own_outcomes_and_others_by_all() -> None:
    estimator = Personal(Mean)
    estimator.learn(remembered(ann=[1.0] * 60, bob=[0.0] * 30))
    told = {user: estimator(Features("x"), [ONE], Situation(user_id=user))["test:a"] for user in ("ann", "bob", "")}
    assert {user: (round(belief.quality, 2), belief.n) for user, belief in told.items()} == {
        "ann": (1.0, 60),
        "bob": (0.67, 90),
        "": (0.67, 90),
    }


def test_what_was_learnt_of_a_tenant_is_replaced_and_stays_there() -> None:
    estimator = Personal(Mean)
    estimator.learn(remembered(ann=[1.0] * 60, bob=[0.0] * 60))
    estimator.learn(remembered(ann=[0.5] * 60, bob=[0.0] * 60))
    assert estimator(Features("x"), [ONE], Situation(user_id="ann"))["test:a"].quality == 0.5
    assert estimator(Features("x"), [ONE], Situation(user_id="ann", tenant="b"))["test:a"].quality == 0.25
