"""The chunks of one streamed answer as LangChain wants them: usage on exactly one, our record on the last."""

import json
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk

__all__ = ["Chunks"]


class Chunks:
    """One stream. What is in two chunks is added up when they are merged, so nothing is said twice."""

    def __init__(self) -> None:
        self._said: set[str] = set()
        self._counted = self._shown = False
        self._whole: AIMessage | None = None

    def passed(self, chunk: Any) -> ChatGenerationChunk:
        """A chunk of the model's as one of ours; a model that cannot stream gives its whole message."""
        message = chunk if isinstance(chunk, AIMessageChunk) else _as_chunk(chunk)
        self._said |= set(message.response_metadata)
        self._counted = self._counted or bool(message.usage_metadata)
        self._shown = True
        return ChatGenerationChunk(message=message.model_copy(update={"chunk_position": None}))

    def ended(self, whole: AIMessage) -> None:
        """Takes the whole answer, with its record."""
        self._whole = whole

    def last(self) -> ChatGenerationChunk:
        """The last chunk: what was not said yet; the whole text where nothing was."""
        whole = self._whole
        assert whole is not None, "the stream has not ended"  # noqa: S101 - a mistake of ours, no input leads here
        nothing: Any = "" if isinstance(whole.content, str) else []
        first = AIMessageChunk(content=nothing) if self._shown else _as_chunk(whole)
        meta = {name: value for name, value in whole.response_metadata.items() if name not in self._said}
        usage = None if self._counted else whole.usage_metadata
        told = {"response_metadata": meta, "usage_metadata": usage, "chunk_position": "last"}
        return ChatGenerationChunk(message=first.model_copy(update=told))


def _as_chunk(message: AIMessage) -> AIMessageChunk:
    told: list[tuple[str | None, str | None, str | None]]
    told = [(c["name"], json.dumps(c["args"]), c["id"]) for c in message.tool_calls]
    told += [(c["name"], c["args"], c["id"]) for c in message.invalid_tool_calls]  # as they came: not JSON
    calls = [
        {"name": name, "args": args, "id": name_id, "index": i, "type": "tool_call_chunk"}
        for i, (name, args, name_id) in enumerate(told)
    ]
    return AIMessageChunk(
        content=message.content,
        additional_kwargs=message.additional_kwargs,
        response_metadata=message.response_metadata,
        usage_metadata=message.usage_metadata,
        tool_call_chunks=calls,
        id=message.id,
    )
