"""What a `response_format` may be, and how an answer is read by it."""

from typing import Any

import pytest
from langchain.agents.structured_output import ToolStrategy
from pydantic import BaseModel, Field, RootModel, field_validator

from orchestrator_graph import create_orchestrator
from orchestrator_graph.errors import InputError
from orchestrator_graph.nodes.shape import Shape, shape_of


class Odd(BaseModel):
    """With an alias, and a validator that breaks."""

    number: int = Field(alias="no")

    @field_validator("number")
    @classmethod
    def _check(cls, value: int) -> int:
        return value + 0 // (13 - value)


def shape(form: Any) -> Shape:
    found = shape_of(form)
    assert found is not None
    return found


READ: list[tuple[str, dict[str, Any] | None, str]] = [
    ('{"no": 7}', {"no": 7}, ""),
    ('Here it is:\n```json\n{"no": 7}\n```', {"no": 7}, ""),
    ('It is {"no": 7}.', {"no": 7}, ""),
    ('{"no": "seven"}', None, "no: Input should be a valid integer"),
    ("[7]", None, "the whole: Input should be an object"),
    ("seven", None, "the whole: Invalid JSON"),
    ('{"no": 13}', None, "its own validator raised ZeroDivisionError"),
]


@pytest.mark.parametrize(("text", "value", "problem"), READ, ids=[text[-12:] for text, *_ in READ])
def test_an_answer_is_read_or_said_to_be_wrong(text: str, value: dict[str, Any] | None, problem: str) -> None:
    read, wrong = shape(Odd).read(text)
    assert read == value
    assert wrong.startswith(problem)
    assert shape(Odd).check(text).decisive is (value is None)


def test_a_schema_is_checked_as_a_whole() -> None:
    form = shape({"properties": {"n": {"type": "integer", "minimum": 1}}, "required": ["n"]})
    assert form.read('{"n": 2}') == ({"n": 2}, "")
    assert form.read('{"n": 0}') == (None, "$.n: 0 is less than the minimum of 1")
    assert form.read("[]") == (None, "it is no JSON object")


def test_a_strategy_of_langchain_is_its_schema() -> None:
    assert shape(ToolStrategy(Odd)).schema == shape(Odd).schema
    assert shape_of(None) is None


BAD: list[tuple[Any, str]] = [
    ("Book", "response_format = 'Book': give a Pydantic class"),
    (int, "give a Pydantic class"),
    ({}, "empty JSON Schema"),
    ({"type": "array", "items": {}}, "of type 'array': wrap it"),
    ({"type": "object", "properties": {"x": {"type": "many"}}}, "response_format: requirement schema"),
    (RootModel[list[int]], "of type 'array': wrap it"),
]


@pytest.mark.parametrize(("form", "words"), BAD, ids=[words[-12:] for _, words in BAD])
def test_a_form_that_is_none_is_refused_at_once(form: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        create_orchestrator("pocket", response_format=form)
