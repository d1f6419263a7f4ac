"""How many tokens a prompt may be, before and after the provider says so. Knows nothing of providers.

Three figures from the bytes: a sure lower bound (refuses what cannot fit), an expected number (charged where nothing
better is known) and an upper bound (reserved).
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator_graph.types import Usage

__all__ = ["Size", "expected_tokens", "size_of", "usage_of"]

REPEATED = re.compile(r"(.)\1{3,}", re.DOTALL)
BYTES_PER_TOKEN_AT_MOST = 8  # no text in a human language averages more, once runs of one character are cut
MESSAGE_TOKENS = 12  # role markers and separators of the chat templates in use stay below this
MEDIA_TOKENS = 1600  # an image of full size at the providers of today
LEAN_MEDIA_TOKENS = 64


@dataclass(frozen=True, slots=True)
class Size:
    """Tokens of a prompt: surely no fewer, probably, and surely no more."""

    least: int
    expected: int
    most: int


def expected_tokens(text: str, bytes_per_token: float) -> int:
    """Tokens that a text probably is.

    >>> expected_tokens("Add 47 and 38.", 4.0)
    4
    """
    return math.ceil(len(text.encode(errors="replace")) / bytes_per_token)


def size_of(messages: Iterable[Any], bytes_per_token: float = 4.0) -> Size:
    """The size of LangChain messages.

    >>> from langchain_core.messages import HumanMessage
    >>> size_of([HumanMessage("x" * 400)]).least, size_of([HumanMessage("abcd" * 100)]).least
    (1, 50)
    """
    least = expected = most = 0.0
    for message in messages:
        text, media = _parts(message)
        text = text.encode(errors="replace").decode()  # half a character, as some servers send it, is no UTF-8
        count = len(text.encode())
        cut = count if bytes_per_token == 1 else len(REPEATED.sub(r"\1\1\1", text).encode())
        least += cut / (1 if bytes_per_token == 1 else BYTES_PER_TOKEN_AT_MOST) + LEAN_MEDIA_TOKENS * media
        expected += count / bytes_per_token + (bytes_per_token > 1) * 4 + MEDIA_TOKENS * media
        most += count + MESSAGE_TOKENS + MEDIA_TOKENS * 2 * media
    return Size(math.ceil(least), math.ceil(expected), math.ceil(most))


def _parts(message: Any) -> tuple[str, int]:
    content = message.content
    text = str(message.text)
    media = 0
    if isinstance(content, list):
        media = sum(isinstance(part, dict) and part.get("type") not in ("text", "thinking") for part in content)
    for call in getattr(message, "tool_calls", None) or ():
        text += f"{call['name']}{call['args']}"
    return text, media


def usage_of(reported: Mapping[str, Any] | None, size: Size, answer: str, bytes_per_token: float) -> Usage:
    """Usage that is fit to be charged: reported numbers where they are plausible, else our own estimate.

    >>> usage_of({"input_tokens": -5, "output_tokens": "9"}, Size(3, 7, 40), "four words of text", 4.0)
    Usage(input_tokens=7, output_tokens=5, cached_tokens=0, reasoning_tokens=0, measured=False)
    """
    data = reported or {}
    written = expected_tokens(answer, bytes_per_token)
    sent, made = _count(data.get("input_tokens")), _count(data.get("output_tokens"))
    # Fewer tokens than the bytes can possibly be is as wrong as a negative number: then our own figure is charged.
    sent_ok = sent is not None and sent >= size.least
    made_ok = made is not None and (made > 0 or not answer)
    entry = _count(_detail(data, "input_token_details").get("cache_read")) or 0
    thought = _count(_detail(data, "output_token_details").get("reasoning")) or 0
    total_in = sent if sent is not None and sent_ok else max(size.expected, size.least)
    total_out = made if made is not None and made_ok else written
    return Usage(total_in, total_out, min(entry, total_in), min(thought, total_out), sent_ok and made_ok)


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _detail(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = data.get(name)
    return value if isinstance(value, Mapping) else {}
