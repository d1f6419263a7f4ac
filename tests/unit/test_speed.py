"""The latency tail is how late calls are for their length, not how their lengths differ."""

import random

import pytest

from orchestrator_graph.gateway.speed import Speeds


def tail(calls: int, hiccups: float, lengths: tuple[int, ...]) -> float | None:
    rng, speeds = random.Random(1), Speeds()
    for _ in range(calls):
        tokens = rng.choice(lengths)
        slow = 5.0 if rng.random() < hiccups else 1.0
        speeds.learn("m", seconds=(0.2 + tokens * 0.01) * slow, tokens=tokens, first_token_s=0.2 * slow)
    return speeds.tail("m")


def test_answers_of_different_lengths_make_no_tail() -> None:
    assert tail(64, 0.0, (10, 1000)) == pytest.approx(1.0)


def test_slow_calls_do() -> None:
    late = tail(64, 0.1, (10, 1000))
    assert late is not None
    assert late > 2.0


def test_it_is_not_told_before_there_are_twenty() -> None:
    assert tail(20, 0.0, (10,)) is None  # nothing was expected of the first
    assert tail(21, 0.0, (10,)) is not None
