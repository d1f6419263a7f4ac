"""What was said and returned in a tool loop, as state holds it: JSON, bounded, read for words. Knows no message."""

import json
from collections.abc import Iterator
from typing import Any

from orchestrator_graph.nodes.features import MEDIA
from orchestrator_graph.policy import LIMITS

__all__ = ["as_json", "bounded_content", "words_in"]

PICTURED = frozenset({"vision", "audio", "video"})
"""Kinds of blocks in which there are no words to be found."""


def as_json(value: Any) -> Any:
    r"""The value as JSON that can be written down: what JSON has not is told in words, half characters are replaced.

    >>> as_json({"a": ("b\ud800", {1})})
    {'a': ['b?', '{1}']}
    """
    return json.loads(json.dumps(value, default=str, ensure_ascii=False).encode(errors="replace"))


def bounded_content(content: Any) -> Any:
    """The content with at most `LIMITS.tool_chars` of text in it: each checkpoint holds it again.

    Args:
        content: A text, or a list of texts and content blocks.

    >>> bounded_content([{"type": "text", "text": "ab"}, "c"])
    [{'type': 'text', 'text': 'ab'}, 'c']
    """
    if isinstance(content, str):
        return _cut(content, LIMITS.tool_chars)
    kept, room = [], LIMITS.tool_chars
    for block in content:
        text = block if isinstance(block, str) else block.get("text")
        if not isinstance(text, str):
            kept.append(block)
        elif room > 0:
            short = _cut(text, room)
            kept.append(short if isinstance(block, str) else {**block, "text": short})
            room -= len(text)
    return kept


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else f"{text[:room]}\n[cut: {room} of {len(text)} characters]"


def words_in(content: Any) -> Iterator[str]:
    """Every text in it, however deep; not what pictures and sounds are made of.

    >>> list(words_in([{"type": "json", "json": {"to": ["jo"]}}, {"type": "image", "base64": "aGk="}]))
    ['json', 'jo']
    """
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict):
        if MEDIA.get(str(content.get("type"))) not in PICTURED:
            yield from (word for value in content.values() for word in words_in(value))
    elif isinstance(content, list):
        yield from (word for item in content for word in words_in(item))
