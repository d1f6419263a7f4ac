"""Beta posteriors that forget, LinUCB that forgets, and the choices made from them."""

import math
import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_graph.routing.bandit import Bandit, Posteriors, thompson
from orchestrator_graph.routing.linucb import PENALTY, LinUCB, Regressions, optimistic
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.routing.votes import one_vote_each
from orchestrator_graph.types import Candidate, Estimate, Features
from orchestrator_graph.types.history import History
from tests.property.worlds import HISTORY

UNIT = st.floats(0, 1)


def estimates(*beliefs: tuple[float, float]) -> list[Estimate]:
    return [Estimate(Candidate.single(f"m{i}"), q, se, 5, "test") for i, (q, se) in enumerate(beliefs)]


def taught(posteriors: Posteriors, *outcomes: tuple[str, str, float, int]) -> Posteriors:
    for kind, candidate, score, times in outcomes:
        for _ in range(times):
            posteriors.passed()
            posteriors.update(kind, candidate, score)
    return posteriors


def test_a_posterior_approaches_the_mean_and_grows_surer():
    few, many = (taught(Posteriors(), ("qa", "a", 0.8, n)).posterior("qa", "a") for n in (5, 500))
    assert abs(many.quality - 0.8) < 0.02 < abs(few.quality - 0.8)
    assert many.se < few.se / 3
    assert (few.n, many.n, few.remembered) == (5, 500, True)


def test_a_type_leans_on_the_candidates_other_types_until_it_has_its_own():
    known = taught(Posteriors(), ("qa", "a", 0.9, 200), ("qa", "b", 0.3, 200))
    assert known.posterior("maths", "a").quality > known.posterior("maths", "b").quality + 0.4
    assert known.posterior("maths", "a").se > known.posterior("qa", "a").se
    taught(known, ("maths", "a", 0.1, 300))
    assert known.posterior("maths", "a").quality < 0.35 < 0.7 < known.posterior("qa", "a").quality


def test_a_hard_type_is_hard_for_candidates_that_were_not_tried_on_it():
    known = taught(Posteriors(), ("qa", "a", 0.9, 200), ("qa", "b", 0.9, 200), ("logic", "a", 0.2, 200))
    assert known.posterior("logic", "b").quality < 0.6


def test_a_candidate_that_was_never_tried_is_left_out():
    assert taught(Posteriors(), ("qa", "a", 1.0, 3)).posterior("qa", "b") is None


def test_what_is_no_longer_tried_is_forgotten():
    known = taught(Posteriors(half_life=50), ("qa", "a", 0.9, 100))
    before = known.posterior("qa", "a").se
    taught(known, ("qa", "b", 0.5, 400))
    assert known.posterior("qa", "a").se > 2 * before


def test_a_shorter_half_life_follows_a_change_faster():
    slow, quick = (
        taught(Posteriors(half_life=h), ("qa", "a", 0.9, 300), ("qa", "a", 0.2, 60)).posterior("qa", "a").quality
        for h in (5000, 40)
    )
    assert quick < slow - 0.2


def test_learning_is_replaying_and_weights_count():
    bandit, replayed = Bandit(), Posteriors()
    bandit.learn(HISTORY)
    replayed.replay(replace(HISTORY, weights=one_vote_each(HISTORY)))
    now = Situation(space=HISTORY.space)
    candidates = [Candidate.single(name) for name in HISTORY.candidates]
    found = bandit(Features("x", task_type="maths"), candidates, now)
    assert found == {name: replayed.posterior("maths", name) for name in HISTORY.candidates}
    assert bandit(Features("x"), candidates, Situation(space="elsewhere")) == {}
    assert bandit(Features("x"), candidates, Situation(space=HISTORY.space, tenant="other")) == {}
    half, whole = Posteriors(), Posteriors()
    for weight, known in ((0.1, half), (1.0, whole)):
        known.update("qa", "a", 1.0, weight)
    assert half.posterior("qa", "a").quality < whole.posterior("qa", "a").quality


def test_two_hundred_alike_labels_of_one_account_weigh_little() -> None:
    scores = np.array([[1.0]] * 20 + [[0.0]] * 200)
    vectors = np.concatenate([np.eye(20, dtype=np.float32), np.eye(20, dtype=np.float32)[[0] * 200]])
    users = tuple(f"user {i}" for i in range(20)) + ("eve",) * 200
    poisoned = History(vectors, scores, np.ones((220, 1)), ("a",), ("qa",) * 220, users, np.arange(220.0), space="s")
    now = Situation(space="s", vector=vectors[5])
    for learner in (Bandit(), LinUCB()):
        learner.learn(poisoned)
        assert learner(Features("x", task_type="qa"), [Candidate.single("a")], now)["a"].quality > 0.8


@given(st.lists(st.tuples(UNIT, st.floats(1e-4, 1)), min_size=1, max_size=9), st.integers(0, 99))
def test_propensities_sum_to_one_and_the_chosen_one_has_some(beliefs, seed):
    chosen, shares = thompson(estimates(*beliefs), random.Random(seed))
    assert math.isclose(sum(shares.values()), 1)
    assert all(share >= 0 for share in shares.values())
    assert shares[chosen] > 0
    assert thompson(estimates(*beliefs), random.Random(seed)) == (chosen, shares)


@settings(max_examples=50)
@given(UNIT, UNIT, st.floats(0.01, 0.5), st.floats(0.01, 0.5))
def test_two_candidates_are_chosen_as_normal_beliefs_say(one, other, se_one, se_other):
    _, shares = thompson(estimates((one, se_one), (other, se_other)), random.Random(0), spread=1)
    exact = 0.5 + 0.5 * math.erf((one - other) / math.hypot(se_one, se_other) / 2**0.5)
    assert abs(shares["m0"] - exact) < 0.02


def test_many_candidates_are_chosen_as_draws_would():
    beliefs = [(0.6, 0.1), (0.65, 0.02), (0.5, 0.3), (0.2, 0.05)]
    rng = np.random.default_rng(0)
    draws = rng.normal(*np.array(beliefs).T, size=(100_000, 4)).argmax(axis=1)
    _, shares = thompson(estimates(*beliefs), random.Random(0), spread=1)
    assert np.abs(np.bincount(draws, minlength=4) / 1e5 - list(shares.values())).max() < 0.015


def test_choices_come_as_often_as_their_propensities_say():
    rng, given_ = random.Random(1), estimates((0.6, 0.1), (0.65, 0.1), (0.5, 0.2))
    names = [thompson(given_, rng)[0] for _ in range(3000)]
    _, shares = thompson(given_, rng)
    for name, share in shares.items():
        assert abs(names.count(name) / 3000 - share) < 0.03


def test_penalties_move_the_choice():
    _, shares = thompson(estimates((0.9, 0.02), (0.85, 0.02)), random.Random(0), {"m0": 0.2})
    assert shares["m1"] > 0.99
    assert optimistic(estimates((0.9, 0.02), (0.85, 0.02)), {"m0": 0.2}) == ("m1", {"m1": 1.0})


def test_optimism_prefers_the_unsure_and_first_of_all_the_unknown():
    assert optimistic(estimates((0.8, 0.01), (0.78, 0.2)))[0] == "m1"
    unknown = Estimate(Candidate.single("new"), 0.5, 0.29, 0, "nothing known")
    assert optimistic([*estimates((0.9, 0.05)), unknown])[0] == "new"


def linear_history(n: int = 400, seed: int = 0) -> History:
    """Candidate a is right where the first direction points up, b where it points down."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n, 6)) * np.array([3, 1, 1, 1, 1, 1])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    up = vectors[:, 0] > 0
    scores = np.column_stack([up, ~up]).astype(float)
    scores[np.arange(n), rng.integers(2, size=n)] = np.nan
    return History(
        vectors.astype(np.float32), scores, (~np.isnan(scores)).astype(float), ("a", "b"), ("qa",) * n, ("",) * n,
        np.arange(n, dtype=np.float64), space="s",
    )  # fmt: skip


def test_linucb_learns_who_suits_which_task():
    learner = LinUCB()
    learner.learn(linear_history())
    for sign, better, worse in ((1, "a", "b"), (-1, "b", "a")):
        now = Situation(space="s", vector=np.array([sign, 0, 0, 0, 0, 0], np.float32))
        found = learner(Features("x"), [Candidate.single("a"), Candidate.single("b"), Candidate.single("c")], now)
        assert set(found) == {"a", "b"}
        assert found[better].quality > found[worse].quality + 0.3
    assert learner(Features("x"), [Candidate.single("a")], Situation(space="s")) == {}
    wrong = Situation(space="s", vector=np.ones(3, np.float32))
    assert learner(Features("x"), [Candidate.single("a")], wrong) == {}


def test_rank_one_updates_equal_the_ridge_regression_without_forgetting():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(80, 5)).astype(np.float32), rng.random(80)
    known = Regressions(np.zeros(5), np.eye(5), {"a": (0.4, 2.0)}, half_life=math.inf)
    for row, score in zip(x, y, strict=True):
        known.passed()
        known.update(row, "a", float(score))
    design = np.column_stack([np.ones(80), x])
    penalty = np.diag([2.0, *[PENALTY] * 5])
    weights = np.linalg.solve(design.T @ design + penalty, design.T @ (y - 0.4))
    query = rng.normal(size=5).astype(np.float32) * 0.1
    assert known.beliefs(query, ["a"])["a"].quality == pytest.approx(0.4 + weights @ [1, *query], abs=1e-9)


def test_forgetting_keeps_the_penalty_alive_over_a_long_stream():
    known = Regressions(np.zeros(3), np.eye(3), half_life=20)
    rng = np.random.default_rng(0)
    for number in range(3000):
        known.passed()
        x = rng.normal(size=3).astype(np.float32)
        known.update(np.append(x[:2], 0).astype(np.float32), "a", 0.9 if number < 2900 else 0.2)
    belief = known.beliefs(np.zeros(3, np.float32), ["a"])["a"]
    assert belief.quality < 0.35
    unseen = known.beliefs(np.array([0, 0, 1], np.float32), ["a"])["a"]
    assert belief.se < unseen.se < 0.2
    assert math.isfinite(unseen.quality)


def test_linucb_starts_warm_and_is_no_longer_sure_of_what_is_not_tried():
    known = Regressions(np.zeros(2), np.eye(2), {"a": (0.8, 20.0)}, half_life=30)
    zero = np.zeros(2, np.float32)
    assert known.beliefs(zero, ["a", "b"])["a"].quality == pytest.approx(0.8)
    assert "b" not in known.beliefs(zero, ["a", "b"])
    for _ in range(60):
        known.passed()
        known.update(zero, "a", 0.8)
    sure = known.beliefs(zero, ["a"])["a"].se
    for _ in range(300):
        known.passed()
    assert known.beliefs(zero, ["a"])["a"].se > 1.5 * sure
