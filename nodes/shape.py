"""The form of `structured_response`, from a class or a JSON Schema, and how answers are read."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, is_typeddict

import typing_extensions

from orchestrator_graph.confidence.fulfilment import fulfils
from orchestrator_graph.confidence.given import given
from orchestrator_graph.confidence.normalise import unfenced
from orchestrator_graph.confidence.requirements import Requirement
from orchestrator_graph.errors import InputError
from orchestrator_graph.types import Evidence

__all__ = ["Shape", "shape_of"]

STRATEGIES = frozenset({"AutoStrategy", "ProviderStrategy", "ToolStrategy"})
"""LangChain's ways of asking for a form; which one is used here depends on the model that is chosen."""
KINDS = "a Pydantic class, a dataclass, a TypedDict or a JSON Schema of an object"


@dataclass(frozen=True, slots=True)
class Shape:
    """What the answer has to look like.

    Attributes:
        schema: JSON Schema of an object.
        adapter: Pydantic's, with the class's own validators; `None` = the schema says all.
    """

    schema: Mapping[str, Any]
    adapter: Any = None

    @property
    def instruction(self) -> str:
        """What a model is told: few servers show it the schema that they hold it to."""
        return f"Answer with one JSON object that fits this JSON Schema, and nothing else:\n{json.dumps(self.schema)}"

    def read(self, text: str) -> tuple[dict[str, Any] | None, str]:
        """The answer as JSON of this form, or `None` and what is wrong with it."""
        body = unfenced(text).strip()
        start, end = body.find("{"), body.rfind("}")
        body = body[start : end + 1] if start >= 0 else body
        value, problem = self._by_class(body) if self.adapter is not None else self._by_schema(body)
        try:
            json.dumps(value, allow_nan=False)
        except ValueError:
            return None, "NaN and Infinity are no JSON"  # Python reads them; a server could not send them
        return value, problem

    def check(self, text: str) -> Evidence:
        """Evidence of an answer: decisive, whichever way it is wrong."""
        value, problem = self.read(text)
        if value is None:
            return Evidence("check: response_format", 0.0, problem, decisive=True)
        return Evidence("check: response_format", 1.0, "fits the response_format")

    def _by_schema(self, body: str) -> tuple[dict[str, Any] | None, str]:
        passed, problem = fulfils(Requirement("schema", self.schema), body)
        if not passed:
            return None, problem
        value = json.loads(body)
        return (value, "") if isinstance(value, dict) else (None, "it is no JSON object")

    def _by_class(self, body: str) -> tuple[dict[str, Any] | None, str]:
        from pydantic import ValidationError

        try:
            made = self.adapter.validate_json(body)
            value = self.adapter.dump_python(made, mode="json", by_alias=True)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            return None, f"{'.'.join(map(str, first['loc'])) or 'the whole'}: {first['msg']}"
        except Exception as error:  # noqa: BLE001 - validators are a stranger's code, and the answer is paid for
            return None, f"its own validator raised {type(error).__name__}"
        return (value, "") if isinstance(value, dict) else (None, "it is no JSON object")


def shape_of(response_format: Any) -> Shape | None:
    """The shape that a user named; `None` for none.

    Raises:
        InputError: It is nothing of which a JSON Schema of an object can be made.
    """
    if response_format is None:
        return None
    if type(response_format).__name__ in STRATEGIES:
        response_format = response_format.schema
    shape = _of_mapping(response_format) if isinstance(response_format, Mapping) else _of_type(response_format)
    kind = shape.schema.get("type", "object")
    if kind != "object":
        raise InputError(f"response_format is of type {kind!r}: wrap it in an object, as models answer with no other")
    return shape


def _of_mapping(data: Mapping[str, Any]) -> Shape:
    if data.get("type") == "json_schema":  # as OpenAI wraps it
        data = (data.get("json_schema") or {}).get("schema") or {}
    if not data:
        raise InputError("response_format is an empty JSON Schema: name the properties that you want")
    try:
        given({"schema": dict(data)})
    except InputError as error:
        raise InputError(f"response_format: {error}") from None
    return Shape(dict(data))


def _of_type(kind: Any) -> Shape:
    from pydantic import BaseModel, TypeAdapter
    from pydantic.errors import PydanticUserError

    if is_typeddict(kind) or typing_extensions.is_typeddict(kind):
        from langchain_core.utils.function_calling import convert_to_openai_tool

        return Shape(convert_to_openai_tool(kind)["function"]["parameters"])
    known = isinstance(kind, type) and (issubclass(kind, BaseModel) or dataclasses.is_dataclass(kind))
    if not known:
        raise InputError(f"response_format = {kind!r:.200}: give {KINDS}")
    try:
        adapter = TypeAdapter(kind)
        return Shape(adapter.json_schema(), adapter)
    except PydanticUserError as error:
        raise InputError(f"response_format = {kind!r:.200}: {error.message}; give {KINDS}") from None
