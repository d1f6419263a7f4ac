"""What a caller wants of one model call, in provider-neutral words, read from LangChain's keyword arguments."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage
from langchain_core.utils.function_calling import convert_to_openai_tool

from orchestrator_graph.errors import InputError
from orchestrator_graph.gateway.parameters import SAMPLING
from orchestrator_graph.nodes.features import ask_of

__all__ = ["Turn", "media_of", "tool_schema"]

LENGTHS = ("max_tokens", "max_completion_tokens", "max_output_tokens", "num_predict")
NO_CHOICE = "none"


@dataclass(frozen=True, slots=True)
class Turn:
    """One call as its caller wants it.

    Attributes:
        messages: The conversation; the last human message is the task.
        tools: Schemas in OpenAI's form.
        tool_choice: As LangChain's `bind_tools` takes it.
        json_schema: The answer has to be JSON of this shape.
        stop: Texts at which the answer ends.
        max_tokens: Bound of the answer.
        params: Sampling, in OpenAI's words.
        model: The one model that may answer; `None` = any.
    """

    messages: tuple[BaseMessage, ...]
    tools: tuple[Mapping[str, Any], ...] = ()
    tool_choice: Any = None
    json_schema: Mapping[str, Any] | None = None
    stop: tuple[str, ...] = ()
    max_tokens: int | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    model: str | None = None

    @classmethod
    def of(cls, messages: Sequence[BaseMessage], stop: Sequence[str] | None, given: Mapping[str, Any]) -> "Turn":
        """From what LangChain hands to a chat model; keyword arguments of one provider only are left out.

        Raises:
            InputError: No messages, or a bound that is no number above 0.
        """
        if not messages:
            raise InputError("messages = []: give at least one message, the last human one being the task")
        if not any(message.type == "human" for message in messages):
            raise InputError("messages: none of them is a human one; the last human message is the task")
        bound = next((given[name] for name in LENGTHS if given.get(name) is not None), None)
        if bound is not None and (isinstance(bound, bool) or not isinstance(bound, int) or bound < 1):
            raise InputError(f"max_tokens = {bound!r} is no whole number above 0; leave it out for no bound")
        choice = given.get("tool_choice")
        tools = () if choice == NO_CHOICE else tuple(tool_schema(tool) for tool in given.get("tools") or ())
        return cls(
            messages=tuple(messages),
            tools=tools,
            tool_choice=choice if tools else None,
            json_schema=_schema(given.get("response_format")),
            stop=tuple([stop] if isinstance(stop, str) else stop or ()),
            max_tokens=bound,
            params={name: given[name] for name in SAMPLING if given.get(name) is not None},
            model=given.get("model"),
        )

    @property
    def needs(self) -> tuple[str, ...]:
        """Capabilities that a model must have: tools, JSON, and the media of all messages."""
        wanted = [*(["tools"] if self.tools else []), *(["json"] if self.json_schema is not None else [])]
        return tuple(dict.fromkeys([*wanted, *media_of(self.messages)]))

    @property
    def plain(self) -> bool:
        """Whether it is a task in words alone, last said by a person, with no wishes about how the answer is made."""
        wishes = self.needs or self.stop or self.max_tokens or self.params
        return not wishes and self.messages[-1].type == "human"

    @property
    def context_bytes(self) -> int:
        """Bytes of prompt on top of the task's own words: history, tool results, schemas."""
        words = len(ask_of(list(self.messages))[0].encode())  # type: ignore[arg-type]
        whole = sum(len(str(message.text).encode()) for message in self.messages)
        return max(0, whole - words) + (len(json.dumps(self.tools, default=str)) if self.tools else 0)


def tool_schema(tool: Any) -> Mapping[str, Any]:
    """A tool in OpenAI's form; what a provider runs itself (`{"type": "web_search"}`) stays as it is."""
    if isinstance(tool, Mapping) and "type" in tool and tool["type"] != "function":
        return tool
    return convert_to_openai_tool(tool)


def media_of(messages: Sequence[BaseMessage]) -> tuple[str, ...]:
    """Modalities other than text in any of the messages, also in what tools returned."""
    found: list[str] = []
    for message in messages:
        if isinstance(message.content, list) and message.type in ("human", "tool", "system"):
            found += ask_of([HumanMessage(message.content)])[1]
    return tuple(dict.fromkeys(found))


def _schema(given: Any) -> Mapping[str, Any] | None:
    """The schema in OpenAI's `response_format`; JSON without one is any object."""
    if not isinstance(given, Mapping) or given.get("type") in (None, "text"):
        return None
    inner = given.get("json_schema")
    schema = inner.get("schema") if isinstance(inner, Mapping) else None
    return schema if isinstance(schema, Mapping) else {"type": "object"}
