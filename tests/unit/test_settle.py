"""What would settle an answer, and what a person may reply."""

from typing import Any

import pytest

from orchestrator_graph.confidence.settle import what_would_settle
from orchestrator_graph.nodes.reply import Reply, read_reply
from orchestrator_graph.types import Evidence


@pytest.mark.parametrize(
    ("evidence", "expects", "says", "not_says"),
    [
        ([], "text", "a backend that gives log-probabilities", "unit tests"),
        ([Evidence("log-probability", 0.5)], "number", "a second model that agrees", "a backend"),
        ([Evidence("agreement", 0.2)], "number", "two models of different families that agree", "a second model"),
        ([Evidence("not judged", 0.5, "no other model may judge")], "text", "none is allowed", "second model"),
        ([Evidence("check: words", 0.0, "9 words, at most 5 wanted", decisive=True)], "text", "9 words", "second"),
        ([], "code", "unit tests in the task", "none is allowed"),
    ],
)
def test_what_would_settle(evidence: list[Evidence], expects: str, says: str, not_says: str) -> None:
    sentence = what_would_settle(evidence, expects)
    assert says in sentence
    assert not_says not in sentence
    assert sentence.endswith(".")


def test_a_calibrated_confidence_needs_no_labels() -> None:
    assert "labels" in what_would_settle([], "text")
    assert "labels" not in what_would_settle([], "text", calibrated=True)


@pytest.mark.parametrize(
    ("value", "reply"),
    [
        ("42 ", Reply("42")),
        (42, Reply("42")),
        (None, Reply()),
        ({}, Reply()),
        ({"answer": 42, "score": 1}, Reply("42", 1.0)),
        ({"answer": None, "reject": True}, Reply("", None, True)),
    ],
)
def test_replies(value: Any, reply: Reply) -> None:
    assert read_reply(value) == reply


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (True, "a bool was given"),
        (["42"], "a list was given"),
        ({"anwser": "42"}, "'anwser' is unknown"),
        ({"answer": ["42"]}, "a text is wanted"),
        ({"score": "1"}, "a number from 0 to 1"),
        ({"score": True}, "a number from 0 to 1"),
        ({"score": float("nan")}, "a number from 0 to 1"),
        ({"reject": 1}, "true or false"),
    ],
)
def test_no_replies(value: Any, says: str) -> None:
    assert says in str(read_reply(value))
