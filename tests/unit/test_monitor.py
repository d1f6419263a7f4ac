"""The e-process keeps its word for ever, hears late shifts, and is the same one by one and in bulk."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_graph.confidence.e_process import EProcess
from orchestrator_graph.confidence.monitor import ERROR, LOST, NOVEL, Monitor
from orchestrator_graph.confidence.paired_losses import paired_losses
from orchestrator_graph.types.history import History
from tests.promised import certificate

LOSSES = st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.25, 1.0]), max_size=60)


@given(LOSSES, LOSSES)
def test_one_by_one_and_in_bulk_are_the_same(before: list[float], after: list[float]) -> None:
    whole = EProcess(0.02, low=-1.0).after(before + after)
    parts = EProcess(0.02, low=-1.0).after(before).after(after)
    single = EProcess(0.02, low=-1.0)
    for loss in before + after:
        single = single.after([loss])
    for other in (parts, single):
        assert other.n == whole.n
        assert other.peak == pytest.approx(whole.peak)
        assert other.stakes == pytest.approx(whole.stakes)
    if whole.n:
        path = EProcess(0.02, low=-1.0).path(np.array([before + after]))
        assert max(1.0, path.max()) == pytest.approx(whole.peak)


@given(st.lists(st.sampled_from([-1.0, 0.0, 0.02]), max_size=200))
def test_what_never_exceeds_is_never_held_against_it(values: list[float]) -> None:
    assert EProcess(0.02, low=-1.0).after(values).p == 1.0


@given(st.floats(0.001, 0.5), st.integers(1, 12))
def test_under_a_fair_coin_the_wealth_is_a_martingale(allowed: float, n: int) -> None:
    """The mean over all outcomes, each as probable as it is, is 1 after any number of values."""
    outcomes = np.array([[number >> bit & 1 for bit in range(n)] for number in range(2**n)], dtype=float)
    ones = outcomes.sum(axis=1)
    chances = allowed**ones * (1 - allowed) ** (n - ones)
    assert (chances[:, None] * EProcess(allowed).path(outcomes)).sum(axis=0) == pytest.approx(np.ones(n))


@pytest.mark.parametrize(("mean", "differ"), [(0.02, 0.02), (0.02, 0.3), (0.0, 0.1)])
def test_a_promise_that_is_kept_is_rarely_suspended_however_often_one_looks(mean: float, differ: float) -> None:
    rng, runs = np.random.default_rng(1), 500
    drawn = rng.random((runs, 2_000))
    losses = np.where(drawn < (differ + mean) / 2, 1.0, np.where(drawn < differ, -1.0, 0.0))
    wrong = (EProcess(0.02, low=-1.0).path(losses).max(axis=1) >= 1 / LOST).mean()
    assert wrong <= LOST + 2 * (LOST / runs) ** 0.5
    assert pytest.approx(ERROR) == LOST + NOVEL


@pytest.mark.parametrize("quiet", [0, 500, 5_000])
def test_a_shift_of_five_points_is_heard_however_late_it_comes(quiet: int) -> None:
    rng = np.random.default_rng(2)
    losses = (rng.random((40, quiet + 2_000)) < 0.005).astype(float)
    losses[:, quiet:] = rng.random((40, 2_000)) < 0.055
    over = EProcess(0.02, low=-1.0).path(losses) >= 1 / LOST
    assert over.any(axis=1).mean() > 0.95
    assert np.median(over.argmax(axis=1)) - quiet < 900


def test_no_doubt_is_too_large_for_a_number() -> None:
    sure = EProcess(0.02, low=-1.0).after([1.0] * 5_000)
    assert sure.after([1.0]).after([1.0] * 9).p < 1e-100
    assert EProcess(1.0).after([1.0] * 100).p == pytest.approx(1.0)


def test_the_monitor_says_why_it_suspends_and_a_review_replaces_what_it_knew() -> None:
    new = Monitor.of(certificate())
    assert new.state["state"] == "active"
    assert "audited requests say that more than 2 points are lost" in new.audited([1.0] * 30).alarm
    assert new.reviewed([0.0] * 30).reviewed([0.0] * 40).loss.n == 40
    assert "lie outside the domain" in new.asked([True] * 30).state["why"]
    once = new.reviewed([1.0] * 30).reviewed([0.0] * 30)
    assert once.alarm  # an alarm is not taken back by what is learnt later


def test_a_share_known_from_few_tasks_is_not_taken_at_its_word() -> None:
    few, many = (certificate(n=n, domain={"inside": 0.95, "deviates": 0.5, "n": n}) for n in (60, 6_000))
    assert Monitor.of(few).novelty.allowed > 0.1 > Monitor.of(many).novelty.allowed > 0.05


def test_only_newer_tasks_that_both_are_judged_on_count() -> None:
    scores = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, np.nan], [0.5, 1.0], [1.0, 0.0]])
    weights = np.array([[1.0, 1.0], [1.0, 1.0], [1.0, 0.0], [1.0, 0.9], [1.0, 0.5]])
    history = History(
        np.eye(5, dtype=np.float32), scores, weights, ("dear", "cheap"), ("qa",) * 5, ("",) * 5, np.arange(5.0)
    )
    found = paired_losses(history, "dear", lambda *_: ("cheap", True), since=0.0, deviates=0.5)
    assert found.tolist() == [0.5, -0.25]
    assert paired_losses(history, "dear", lambda *_: ("dear", False), since=0.0).tolist() == []
    assert paired_losses(history, "nobody", lambda *_: ("cheap", True), since=0.0).tolist() == []
