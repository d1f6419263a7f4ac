"""The conversation as a model of another provider can read it: without what only its writer's provider understands.

Thoughts with signatures, items of OpenAI's Responses API, Anthropic's `tool_use` blocks: other providers refuse them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage

from orchestrator_graph.registry.spec import ModelSpec
from orchestrator_graph.surfaces.loop import RECORD

__all__ = ["readable"]


def readable(messages: Sequence[BaseMessage], spec: ModelSpec) -> tuple[BaseMessage, ...]:
    """The messages for this model; answers of other providers as their text and tool calls.

    Args:
        messages: The conversation.
        spec: Who is to read it.
    """
    return tuple(_plain(m) if isinstance(m, AIMessage) and _foreign(m, spec) else m for m in messages)


def _foreign(message: AIMessage, spec: ModelSpec) -> bool:
    """Whether another provider's model wrote it; what is not known to be foreign stays as it is."""
    record: Any = message.response_metadata.get(RECORD)
    writer = record.get("provider") if isinstance(record, Mapping) else None
    return bool(writer) and writer != spec.provider


def _plain(message: AIMessage) -> AIMessage:
    kept = {"tool_calls": message.tool_calls, "invalid_tool_calls": message.invalid_tool_calls}
    return AIMessage(str(message.text), id=message.id, name=message.name, **kept)
