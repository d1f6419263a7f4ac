"""Whose offset the regression learns, and how sure it then is: users alike, one unlike the rest, all unlike."""

import numpy as np
import pytest

from orchestrator_graph.routing.estimator import Belief
from orchestrator_graph.routing.linear import Linear
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Candidate, Features
from orchestrator_graph.types.history import History

USERS = 20


def beliefs(right: np.ndarray, each: int, seed: int = 0) -> tuple[list[Belief], list[Belief]]:
    """What is believed for users of so many labels, by how often the candidate is right for them; and for new ones."""
    rng, n, users = np.random.default_rng(seed), USERS * each, np.arange(USERS * each) % USERS
    vectors = rng.normal(size=(n, 32)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    scores = (rng.random(n) < right[users]).astype(float)[:, None]
    names = tuple(f"u{i}" for i in users)
    linear, task = Linear(), Features("x", "chat")
    linear.learn(
        History(vectors, scores, np.ones((n, 1)), ("a",), ("chat",) * n, names, np.arange(float(n)), space="s")
    )

    def asked(user: str, row: int) -> Belief:
        now = Situation(vector=vectors[row], space="s", user_id=user)
        return linear(task, [Candidate.single("a")], now)["a"]

    return [asked(f"u{i}", i) for i in range(USERS)], [asked("new", i) for i in range(USERS)]


@pytest.mark.parametrize("each", [10, 45])
def test_users_who_are_alike_are_left_alike_and_the_interval_covers(each: int) -> None:
    pairs = [beliefs(np.full(USERS, 0.6), each, seed) for seed in range(10)]
    told, without = ([belief for pair in pairs for belief in pair[side]] for side in (0, 1))
    off, usual = (np.array([belief.quality - 0.6 for belief in side]) for side in (told, without))
    assert np.sqrt((off**2).mean()) < np.sqrt((usual**2).mean()) + 0.005
    assert (np.abs(off) < 1.96 * np.array([belief.se for belief in told])).mean() >= 0.85


def test_one_user_unlike_the_others_is_learnt_and_moves_nobody_else() -> None:
    right = np.array([0.3] + [0.9] * (USERS - 1))
    told, _ = beliefs(right, 30)
    assert told[0].quality < 0.55
    assert np.mean([belief.quality for belief in told[1:]]) == pytest.approx(0.9, abs=0.06)


def test_where_users_differ_each_is_learnt_and_a_new_one_is_unsure() -> None:
    right = np.random.default_rng(1).choice([0.2, 0.9], USERS)
    told, new = beliefs(right, 30)
    off = np.array([belief.quality for belief in told]) - right
    assert np.sqrt((off**2).mean()) < 0.12
    assert (np.abs(off) < 1.96 * np.array([belief.se for belief in told])).mean() >= 0.85
    assert new[0].se > 2 * told[0].se
    assert new[0].se > 0.2
