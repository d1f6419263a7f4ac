"""The change detector: silent where nothing changes, quick where much does, and learners then mind the new."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_graph.routing.bandit import Bandit
from orchestrator_graph.routing.change import changed, changes, forgotten
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Candidate, Features
from orchestrator_graph.types.history import History


def stream(*parts: tuple[float, int], seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.concatenate([(rng.random(n) < p).astype(float) for p, n in parts])


def history(scores: dict[str, np.ndarray], kind: str = "qa") -> History:
    table = np.column_stack(list(scores.values()))
    n = len(table)
    return History(
        np.ones((n, 2), np.float32), table, (~np.isnan(table)).astype(float), tuple(scores), (kind,) * n,
        ("",) * n, 100.0 + np.arange(n), space="s",
    )  # fmt: skip


def test_constant_streams_alarm_in_less_than_one_in_a_hundred():
    alarms = sum(changed(stream((p, 1000), seed=s)) is not None for p in (0.2, 0.5, 0.8, 0.95) for s in range(100))
    assert alarms <= 4


@pytest.mark.parametrize(("before", "after", "within"), [(0.93, 0.46, 45), (0.7, 0.35, 95), (0.4, 0.9, 60)])
def test_a_change_is_seen_soon_and_put_near_its_place(before, after, within):
    delays, places = [], []
    for seed in range(20):
        x = stream((before, 400), (after, 200), seed=seed)
        cut = next(((t, c) for t in range(405, 600, 5) if (c := changed(x[:t])) is not None and c > 200), (600, 0))
        delays.append(cut[0] - 400)
        places.append(abs((changed(x) or 0) - 400))
    assert np.median(delays) <= within
    assert np.median(places) <= 25


def test_the_latest_of_several_changes_counts():
    cut = changed(stream((0.9, 300), (0.2, 300), (0.9, 300)))
    assert cut is not None
    assert abs(cut - 600) < 30


@given(st.lists(st.floats(0, 1), max_size=60))
def test_whatever_the_stream_a_cut_leaves_outcomes_on_both_sides(values):
    cut = changed(values)
    assert cut is None or 5 <= cut <= len(values) - 5


@given(st.floats(0, 1), st.integers(0, 200))
def test_a_stream_of_one_value_never_alarms(value, n):
    assert changed([value] * n) is None


def test_changes_are_told_by_user_candidate_and_task_type_with_their_time():
    given_ = history({"a": stream((0.9, 200), (0.2, 200)), "b": stream((0.9, 400), seed=1)})
    found = changes(given_)
    assert set(found) == {("", "a", "qa")}
    assert abs(found["", "a", "qa"] - 300) < 20


def test_without_a_change_the_history_is_the_same_object():
    constant = history({"a": stream((0.8, 300))})
    assert forgotten(constant) is constant


def test_after_a_change_a_learner_believes_the_new_and_is_less_sure():
    steady, halved = stream((0.9, 300), (0.9, 60)), stream((0.9, 300), (0.3, 60))

    def believed(scores: np.ndarray, *, alert: bool) -> tuple[float, float]:
        bandit, remembered = Bandit(), history({"a": scores})
        bandit.learn(forgotten(remembered) if alert else remembered)
        belief = bandit(Features("x", task_type="qa"), [Candidate.single("a")], Situation(space="s"))["a"]
        return belief.quality, belief.se

    slow, quick = believed(halved, alert=False), believed(halved, alert=True)
    assert slow[0] > 0.75
    assert quick[0] < 0.55
    assert quick[1] > 2 * believed(steady, alert=True)[1]


def test_labels_of_other_candidates_keep_their_weight():
    given_ = history({"a": stream((0.9, 200), (0.2, 200)), "b": stream((0.9, 400), seed=1)})
    kept = forgotten(given_)
    assert (kept.weights[:, 1] == given_.weights[:, 1]).all()
    assert (kept.weights[-150:, 0] == 1).all()
    assert kept.weights[:150, 0].max() < 0.1


def test_what_one_account_says_makes_nobody_elses_outcomes_forgotten():
    given_ = history({"a": np.concatenate([stream((0.9, 300)), np.zeros(50)])})
    honest = tuple(f"user{i % 3}" for i in range(300))
    flooded = replace(given_, users=honest + ("mallory",) * 50)
    assert forgotten(flooded) is flooded
    turned = replace(given_, users=honest[:250] + ("mallory",) * 100)
    assert set(changes(turned)) == {("mallory", "a", "qa")}
    assert (forgotten(turned).weights[:250] == 1).all()
    assert forgotten(turned).weights[250:290].max() < 0.1
