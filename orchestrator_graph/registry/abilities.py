"""What a chat model object says that it can do: its LangChain profile, and whether tools can be bound to it."""

from collections.abc import Mapping
from typing import Any

__all__ = ["abilities"]

PROFILE: Mapping[str, str] = {
    "tool_calling": "tools",
    "structured_output": "json",
    "image_inputs": "vision",
    "audio_inputs": "audio",
    "video_inputs": "video",
    "pdf_inputs": "file",
    "reasoning_output": "reasoning",
}
"""Keys of LangChain's `ModelProfile` -> our capabilities."""
OBEYS_SCHEMAS = frozenset({"BaseChatOpenAI", "ChatOllama"})
"""Clients whose servers take a JSON Schema; of a model without a profile it is assumed."""
UNBOUND = "BaseChatModel.bind_tools"


def abilities(model: Any) -> frozenset[str]:
    """Capabilities of a model object; of a mere name nothing but chat is known.

    >>> sorted(abilities("openai:gpt-5"))
    ['chat']
    """
    if isinstance(model, str):
        return frozenset({"chat"})
    profile = getattr(model, "profile", None)
    if isinstance(profile, Mapping) and profile:
        return frozenset({"chat", *(ours for theirs, ours in PROFILE.items() if profile.get(theirs))})
    binds = getattr(type(model), "bind_tools", None)
    can = binds is not None and getattr(binds, "__qualname__", UNBOUND) != UNBOUND
    shapes = any(kind.__name__ in OBEYS_SCHEMAS for kind in type(model).__mro__)
    return frozenset({"chat", *(["tools"] if can else []), *(["json"] if shapes else [])})
