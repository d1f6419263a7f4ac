"""Checks that users give: as data, refused by name where they are none; as functions, which may fail in any way."""

from typing import Any

import pytest

from orchestrator_graph.confidence.checks import check
from orchestrator_graph.confidence.given import given
from orchestrator_graph.confidence.scorer import run_scorer
from orchestrator_graph.errors import InputError

SCHEMA = {"type": "object", "required": ["price"], "properties": {"price": {"type": "number", "minimum": 0}}}


@pytest.mark.parametrize(
    ("data", "good", "bad"),
    [
        ({"schema": SCHEMA}, '```json\n{"price": 3}\n```', '{"price": -1}'),
        ({"schema": SCHEMA}, '{"price": 3}', "three"),
        ({"regex": "^[A-D]$"}, "B", "E"),
        ({"words": [None, 2]}, "two words", "more than two"),
        ({"sentences": 1}, "One.", "One. Two. Three."),
        ({"unit": "km"}, "5 km", "5 miles"),
        ({"literal": "Faust", "no_literal": "Schiller"}, "Faust", "Faust by Schiller"),
        ({"language": "en"}, "Yes.", "Der Fluss ist nicht die Stadt und das ist mit der Zeit bitte was wie ein " * 2),
        ({"citations": [1]}, "So it is [1].", "So it is [2]."),
        ({"headings": True}, "# A\nb", "Only one long line that ends with a full stop."),
    ],
)
def test_data(data: dict[str, Any], good: str, bad: str) -> None:
    requirements = given(data)
    assert not any(item.decisive for item in check(good, "text", requirements))
    assert any(item.decisive for item in check(bad, "text", requirements))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"colour": "red"}, "'colour' is unknown; known: "),
        ({"regex": "("}, "is no regular expression"),
        ({"schema": {"type": "thing"}}, "is no JSON Schema"),
        ({"schema": "object"}, "must be a JSON Schema"),
        ({"words": [5, 2]}, "the least is more than the most"),
        ({"words": "many"}, "must be a count"),
        ({"unit": "parsec"}, "is no unit known here; known: mm, cm"),
        ({"literal": ""}, "must be a text"),
    ],
)
def test_data_that_is_none(data: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        given(data)


def test_a_schema_that_refers_elsewhere_fetches_nothing_and_settles_nothing() -> None:
    (requirement,) = given({"schema": {"$ref": "http://127.0.0.1:9/schema.json"}})
    assert check("{}", "text", [requirement]) == ()


@pytest.mark.parametrize(
    ("said", "value", "decisive"),
    [(True, 1.0, True), (False, 0.0, True), (1, 1.0, True), (0.4, 0.4, False)],
)
def test_what_a_scorer_says(said: Any, value: float, decisive: bool) -> None:
    found = run_scorer("mine", lambda _: said, "x")
    assert (found.name, found.value, found.decisive) == ("scorer: mine", value, decisive)


@pytest.mark.parametrize(
    ("said", "says"),
    [
        (float("nan"), "gave nan, which is not in"),
        (float("inf"), "gave inf"),
        (-0.1, "gave -0.1"),
        (7, "gave 7.0"),
        (10**400, "gave int, which is no number"),
        ("good", "gave str, which is no number"),
        ([1], "gave list"),
        (None, "cannot say"),
    ],
)
def test_what_is_no_score_settles_nothing_and_says_so(said: Any, says: str) -> None:
    found = run_scorer("mine", lambda _: said, "x")
    assert (found.value, found.decisive) == (0.5, False)
    assert says in found.detail


def test_a_scorer_that_raises_settles_nothing_and_says_so() -> None:
    def broken(answer: str) -> float:
        raise LookupError(f"no {answer}")

    found = run_scorer("mine", broken, "x")
    assert (found.value, found.decisive, found.detail) == (0.5, False, "raised LookupError: no x")
