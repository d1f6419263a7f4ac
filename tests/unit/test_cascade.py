"""Cascade routing: what to do next given what was seen, and what it costs to decide."""

import numpy as np

from orchestrator_graph.confidence.agreement import Voice
from orchestrator_graph.confidence.cascade import MOST, next_step
from orchestrator_graph.confidence.in_hand import in_hand

CHEAP_OR_GOOD = np.array([0.6, 0.85]), np.array([0.4, 0.4]), np.array([0.01, 0.2])
"""Quality, resolution, costs of a cheap candidate and of a good one."""


def test_a_cheap_candidate_that_can_be_checked_comes_first() -> None:
    quality, resolution, costs = CHEAP_OR_GOOD
    assert next_step(quality, resolution, costs, None) == 0
    assert next_step(quality, np.zeros(2), costs, None) == 1


def test_one_goes_on_only_while_it_pays() -> None:
    left = [array[1:] for array in CHEAP_OR_GOOD]
    assert next_step(*left, 0.2) == 0
    assert next_step(*left, 0.9) is None


def test_free_candidates_are_asked_as_long_as_they_may_be_surer() -> None:
    assert next_step(np.array([0.3]), np.array([0.5]), np.array([0.0]), 0.9) == 0
    assert next_step(np.array([0.3]), np.array([0.0]), np.array([0.0]), 0.9) is None


def test_full_sees_that_two_together_pay_where_none_of_them_must() -> None:
    quality, resolution, costs = np.array([0.5, 0.5, 0.5]), np.full(3, 0.9), np.full(3, 0.05)
    assert next_step(quality, resolution, costs, 0.5, "full") is not None
    assert next_step(quality, resolution, np.full(3, 0.6), 0.5, "full") is None


def test_nobody_left_is_a_stop_and_many_are_bounded() -> None:
    nothing = np.zeros(0)
    assert next_step(nothing, nothing, nothing, 0.1) is None
    many = np.linspace(0.1, 0.9, 40)
    assert next_step(many, np.full(40, 0.3), np.full(40, 0.01), None, "full") == 39
    assert MOST < 40


def test_in_hand_agreement_raises_and_disagreement_lowers_where_one_is_right() -> None:
    voices = [Voice("a", "4", 0.7), Voice("b", "4", 0.7), Voice("c", "5", 0.6)]
    sure = in_hand(voices, "number", lambda a, b: 0.1)
    assert sure[0] == sure[1] > 0.9
    assert sure[2] < 0.3


def test_in_hand_free_words_may_differ_and_what_cannot_be_compared_stands_alone() -> None:
    voices = [Voice("a", "x", 0.7), Voice("b", "y", 0.6), Voice("c", "", 0.5)]
    assert [round(p, 3) for p in in_hand(voices, "text", lambda a, b: 0.1)] == [0.7, 0.6, 0.5]
    assert in_hand(voices[:1], "number", lambda a, b: 0.1) == (0.7,)
