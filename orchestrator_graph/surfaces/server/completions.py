"""A request to `/v1/chat/completions`: read, checked field by field, and put into LangChain's words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from langchain_core.messages import BaseMessage
from pydantic import ValidationError

from orchestrator_graph.surfaces.server.body import Body, ChosenTool
from orchestrator_graph.surfaces.server.errors import RefusedError

__all__ = ["Wanted"]

SAID = frozenset({"temperature", "top_p", "seed", "presence_penalty", "frequency_penalty", "top_k", "repeat_penalty"})
HINTS = frozenset(
    {
        *("store", "service_tier", "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "verbosity"),
        *("reasoning_effort", "modalities", "logprobs", "top_logprobs", "n", "logit_bias", "audio", "prediction"),
        *("functions", "function_call", "web_search_options"),
    }
)
"""Fields of OpenAI's that need no place of their own: taken as hints, or looked at in `UNABLE` alone."""
UNABLE: Mapping[str, tuple[Any, ...]] = {
    "n": (None, 1),
    "logprobs": (None, False),
    "top_logprobs": (None, 0),
    "modalities": (None, ["text"]),
    "audio": (None,),
    "functions": (None, []),
    "function_call": (None, "none"),
    "logit_bias": (None, {}),
    "prediction": (None,),
    "web_search_options": (None,),
}
"""What is not supported, with the values that ask for nothing."""
INSTEAD = {"n": "send several requests", "functions": "use tools", "function_call": "use tool_choice"}
TYPES = frozenset({"str", "ChosenTool"})
TAGS = frozenset({"system", "developer", "user", "assistant", "tool", "text", "image_url", "input_audio", "refusal"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a caller wants.

    Attributes:
        options: Keyword arguments for LangChain's chat model.
        one_call: At most one tool call in the answer.
        counted: A stream ends with its usage.
        policy: The fields that the request sets.
        user: Whose request it is, as the caller's app says.
    """

    model: str
    messages: tuple[BaseMessage, ...]
    options: Mapping[str, Any]
    one_call: bool
    stream: bool
    counted: bool
    policy: Mapping[str, Any]
    user: str
    metadata: Mapping[str, str]

    @classmethod
    def of(cls, data: Any) -> Self:
        """The request from its JSON.

        Raises:
            RefusedError: 400, naming the field.
        """
        if not isinstance(data, dict):
            raise RefusedError(400, "the body is no JSON object", code="invalid_json")
        _check_able(data)
        try:
            body = Body.model_validate({name: value for name, value in data.items() if name not in HINTS})
        except ValidationError as error:
            raise _refused(error) from None
        options = body.stream_options
        return cls(
            model=body.model,
            messages=tuple(item.message() for item in body.messages),
            options={name: value for name, value in _options(body).items() if value is not None},
            one_call=body.parallel_tool_calls is False,
            stream=bool(body.stream),
            counted=options is not None and bool(options.include_usage),
            policy=body.policy or {},
            user=body.user or "",
            metadata=body.metadata or {},
        )


def _options(body: Body) -> dict[str, Any]:
    tools = [tool.model_dump(exclude_none=True) for tool in body.tools or ()]
    shape = body.response_format
    return {
        **{name: getattr(body, name) for name in SAID},
        "tools": tools or None,
        "tool_choice": _choice(body, [tool["function"]["name"] for tool in tools]),
        "response_format": None if shape is None else shape.model_dump(by_alias=True, exclude_none=True),
        "stop": [body.stop] if isinstance(body.stop, str) else body.stop or None,
        "max_tokens": body.max_completion_tokens or body.max_tokens,
    }


def _choice(body: Body, names: list[str]) -> str | None:
    """In LangChain's words, which its models put into their providers'."""
    chosen = body.tool_choice
    if isinstance(chosen, ChosenTool):
        if chosen.function.name not in names:
            known = ", ".join(names) or "none"
            told = f"tool_choice: no tool is named {chosen.function.name!r}. Given: {known}"
            raise RefusedError(400, told, code="invalid_value", param="tool_choice.function.name")
        return chosen.function.name
    if chosen == "required" and not names:
        raise RefusedError(400, "tool_choice = 'required' without tools", code="invalid_value", param="tool_choice")
    return "any" if chosen == "required" else chosen


def _check_able(data: Mapping[str, Any]) -> None:
    for name, nothing in UNABLE.items():
        if name in data and data[name] not in nothing:
            instead = INSTEAD.get(name, "leave it out")
            told = f"{name} is not supported here: {instead}"
            raise RefusedError(400, told, code="unsupported_parameter", param=name)


def _refused(error: ValidationError) -> RefusedError:
    item = max(error.errors(), key=lambda found: len(found["loc"]))  # of a union's, the one that went deepest
    name = ".".join(_path(item["loc"]))
    known = f". Known fields: {', '.join(sorted({*Body.model_fields, *HINTS}))}"
    told = f"{name}: {item['msg']}{known if item['type'] == 'extra_forbidden' else ''}"
    code = "unknown_parameter" if item["type"] == "extra_forbidden" else "invalid_value"
    return RefusedError(400, told, code=code, param=name)


def _path(found: tuple[int | str, ...]) -> list[str]:
    """The way to a field, without what pydantic says of the types on it."""
    path, before = list[str](), None
    for part in found:
        of_type = part in TYPES or (part in TAGS and isinstance(before, int))
        if not of_type and (isinstance(part, int) or part.isidentifier()):
            path.append(str(part))
        before = part
    return path
