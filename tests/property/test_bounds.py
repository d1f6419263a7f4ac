"""The tests behind a promise: never wrong more often than they may be, for any law of the losses."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_graph.confidence.bounds import Hypothesis, labels_without_loss, p_value, upper_bound
from orchestrator_graph.confidence.paired import critical, error_at, score

N = 200
DRAWS = 20_000


@settings(max_examples=25, deadline=None)
@given(n=st.sampled_from([150, 180, 240, 400]), differ=st.floats(0.02, 1.0), seed=st.integers(0, 2**32 - 1))
def test_the_exact_test_errs_no_more_often_than_it_may(n: int, differ: float, seed: int) -> None:
    """The worst case for a mean loss of 2 points, whatever the share of pairs that differ."""
    law = [(differ + 0.02) / 2, (differ - 0.02) / 2, 1 - differ]
    table = np.random.default_rng(seed).multinomial(n, np.clip(law, 0, 1), size=DRAWS)
    limit = critical(n, 0.02, 0.05)
    assert limit is not None
    wrong = (score(n, table[:, 0], table[:, 1], 0.02) <= -limit).mean()
    assert wrong <= 0.05 + 4 * (0.05 * 0.95 / DRAWS) ** 0.5


@settings(max_examples=10, deadline=None)
@given(spread=st.floats(0.02, 0.9), mean=st.floats(0.02, 0.1), seed=st.integers(0, 2**32 - 1))
def test_the_betting_test_errs_no_more_often_than_it_may(spread: float, mean: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = min(1 - mean, spread)
    earlier = np.clip(rng.normal(0.0, spread, 60), -1, 1)
    losses = mean + rng.uniform(-size, size, (400, N))
    wrong = np.mean([Hypothesis(0.02, 0.05).rejected(row, earlier, exact=False) for row in losses])
    assert wrong <= 0.05 + 4 * (0.05 * 0.95 / 400) ** 0.5


@given(up=st.integers(0, 20), down=st.integers(0, 20), more=st.integers(1, 5))
def test_a_loss_more_never_speaks_for_the_policy(up: int, down: int, more: int) -> None:
    assert score(N, up + more, down, 0.02) > score(N, up, down, 0.02)


@given(a=st.floats(0.5, 3.0), b=st.floats(0.5, 3.0))
@settings(max_examples=15, deadline=None)
def test_a_stricter_limit_has_no_greater_error(a: float, b: float) -> None:
    low, high = sorted((a, b))
    assert error_at(N, 0.02, high) <= error_at(N, 0.02, low)


@pytest.mark.parametrize("n", [20, 100, 148])
def test_too_few_labels_are_never_enough(n: int) -> None:
    assert n < labels_without_loss(0.02, 0.05) == 149
    assert not Hypothesis().rejected(np.zeros(n))
    assert not Hypothesis().rejected(-np.ones(n))


def test_enough_labels_without_loss_are_enough_and_the_bound_says_how_much() -> None:
    assert Hypothesis().rejected(np.zeros(149))
    assert p_value(np.zeros(149), 0.02) <= 0.05
    assert upper_bound(np.zeros(149), 0.05) <= 0.021
    assert upper_bound(np.ones(50), 0.05) == 1.0
    assert p_value(np.zeros(0), 0.02) == 1.0
