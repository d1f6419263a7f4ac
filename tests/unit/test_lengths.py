"""Lengths of answers where a model never answered a type of task."""

import pytest

from orchestrator_graph import ModelSpec
from orchestrator_graph.evaluation.lengths import filled
from orchestrator_graph.registry.portfolio import Portfolio

MODELS = Portfolio(
    [
        ModelSpec("openai:words", bytes_per_token=4.0),
        ModelSpec("openai:bytes", bytes_per_token=1.0),
        ModelSpec("openai:thinker", capabilities=frozenset({"chat", "reasoning"})),
    ]
)


def test_a_gap_is_as_long_as_the_others_answers_in_bytes() -> None:
    made = filled({("openai:words", "maths"): (3.0, 40)}, MODELS, ["maths", "text"])
    assert made["openai:words", "maths"] == (3.0, 40)
    assert made["openai:bytes", "maths"] == (12.0, 40)
    assert ("openai:bytes", "text") not in made  # nobody answered that type


def test_reasoning_is_not_taken_for_an_answer() -> None:
    assert ("openai:words", "maths") not in filled({("openai:thinker", "maths"): (900.0, 40)}, MODELS, ["maths"])


def test_means_are_weighted_by_how_many_answers_are_behind_them() -> None:
    told = {("openai:words", "qa"): (10.0, 30), ("openai:gone", "qa"): (999.0, 5), ("openai:bytes", "text"): (7.0, 0)}
    assert filled(told, MODELS, ["qa"])["openai:bytes", "qa"] == (pytest.approx(40.0), 30)
