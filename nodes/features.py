"""Cheap signals from the user's own words. No model, no network; never reads tool output or system prompts."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace

from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage

from orchestrator_graph.confidence.language import spoken
from orchestrator_graph.nodes.vocabulary import ASKS_CHOICE, DOMAINS, EXPECTS, HARD, OPTION, RE_ASK, TASK_TYPES, VERBS
from orchestrator_graph.types import Features

__all__ = ["ask_of", "find_pii", "personal_data", "read_features", "untooled"]

# Each begins with what is rare and looks back from there: linear in the text, also where it was made to be slow.
PII = {
    "email": re.compile(r"@(?<=[\w.+-]@)[\w-]+\.[\w.]{2,}\b"),
    "iban": re.compile(r"[A-Z]{2}\d{2}(?<!\w[A-Z]{2}\d{2})(?: ?[A-Z0-9]{4}){3,7}\b"),
    "ssn": re.compile(r"-\d{2}-\d{4}\b(?<=\b\d{3}-\d{2}-\d{4})"),
    "card": re.compile(r"\d(?<!\w\d)[ -]?(?:\d[ -]?){12,15}\b"),
    "phone": re.compile(r"\+(?<!\w\+)\d{1,3}[ -]?(?:\d[ -]?){7,12}\b"),
}
MEDIA = {
    **dict.fromkeys(("image", "image_url", "input_image"), "vision"),
    **dict.fromkeys(("audio", "input_audio"), "audio"),
    **dict.fromkeys(("video", "video_url", "input_video"), "video"),
    **dict.fromkeys(("file", "input_file", "document", "text-plain"), "file"),
}
"""Kinds of content blocks, of LangChain, OpenAI and Anthropic -> our capabilities."""
NO_MEDIA = frozenset({"tool_result", "tool_use", "thinking", "reasoning", "cachePoint", "search_result"})
DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
SIGNAL_CHARS = 8_000
"""Of longer texts the beginning and the end are read for signals; they say what is asked. Personal data: all of it."""


def ask_of(messages: Sequence[AnyMessage]) -> tuple[str, tuple[str, ...]]:
    """The last human message's words and the modalities it brings along."""
    message = next((m for m in reversed(messages) if isinstance(m, HumanMessage)), None)
    if message is None:
        return "", ()
    if isinstance(message.content, str):
        return message.content, ()
    texts, media = [], []
    for block in message.content:
        if isinstance(block, str):
            texts.append(block)
        elif block.get("type") == "text":
            texts.append(str(block.get("text", "")))
        elif block.get("type") not in NO_MEDIA:
            media.append(MEDIA.get(str(block.get("type")), str(block.get("type"))))
    return "\n".join(texts), tuple(dict.fromkeys(media))


def read_features(words: str, media: tuple[str, ...] = (), earlier: Sequence[BaseMessage] = ()) -> Features:
    """Signals of one task or brief, after Unicode normalisation (NFKC, no control characters, single spaces)."""
    text = _normalised(words)
    seen, raw = _ends(text), _ends(words)
    lower = seen.lower()
    tokens = max(1, len(text.encode()) // 4)
    task_type = next((name for name, pattern in TASK_TYPES if re.search(pattern, lower)), "qa")
    difficulty = _difficulty(lower, tokens, task_type)
    return Features(
        text=text,
        task_type=task_type,
        domain=next((name for name, pattern in DOMAINS if re.search(pattern, lower)), "general"),
        language=_language(lower),
        tokens=tokens,
        difficulty=difficulty,
        expects=_expects(lower),
        needs=media,
        signals={
            "code": "```" in words or bool(re.search(r"\bdef \w+\(|[;{}]\s*$", raw, re.MULTILINE)),
            "maths": bool(re.search(r"\d\s*[-+*/^=]\s*\d", seen)),
            "density": _density(lower),
            "questions": text.count("?"),
            "re_ask": _re_ask(lower, earlier),
            "pii": find_pii(text),
        },
    )


def untooled(features: Features) -> Features:
    """Features without the need for tools: of calls that are given none, such as a judge's."""
    return replace(features, needs=tuple(need for need in features.needs if need != "tools"))


def _expects(lower: str) -> str:
    if _offers_options(lower):
        return "choice"
    return next((name for name, pattern in EXPECTS if re.search(pattern, lower)), "text")


def _offers_options(lower: str) -> bool:
    """Whether the text asks which of a) .. b) .. is right; letters before orders number the parts of a job."""
    options = list(re.finditer(OPTION, lower))
    if [option.group(1) for option in options][:2] != ["a", "b"] or re.search(ASKS_CHOICE, lower) is None:
        return False
    return not any(option.group(2) in VERBS for option in options)


def _ends(text: str) -> str:
    return text if len(text) <= 2 * SIGNAL_CHARS else f"{text[:SIGNAL_CHARS]}\n{text[-SIGNAL_CHARS:]}"


def _normalised(words: str) -> str:
    text = unicodedata.normalize("NFKC", words)
    text = text.translate(BLANK if text.isascii() else _blank(set(text)))
    while "  " in text:
        text = text.replace("  ", " ")
    return text.strip(" ")


def _blank(chars: Iterable[str]) -> dict[int, str]:
    return {ord(c): " " for c in chars if unicodedata.category(c) in {"Cc", "Cf", "Zs", "Zl", "Zp"}}


BLANK = _blank(map(chr, range(128)))


def _language(lower: str) -> str:
    scores = spoken(lower)
    best = max(scores, key=lambda code: scores[code])
    return best if scores[best] else "und"


def _density(lower: str) -> float:
    """Share of distinct words: low for padded or repetitive text."""
    words = lower.split()
    return round(len(set(words)) / len(words), 3) if words else 0.0


def _difficulty(lower: str, tokens: int, task_type: str) -> float:
    score = 0.2 + min(0.4, tokens / 1000) + 0.15 * len(set(re.findall(HARD, lower)))
    return round(min(1.0, score + (0.2 if task_type in {"code", "planning"} else 0.0)), 3)


def _re_ask(lower: str, earlier: Sequence[BaseMessage]) -> bool:
    return any(isinstance(m, AIMessage) for m in earlier) and re.search(RE_ASK, lower) is not None


def personal_data(text: str) -> list[str]:
    """`find_pii` after the normalisation of `read_features`, which undoes what hides a number."""
    return find_pii(_normalised(text))


def find_pii(text: str) -> list[str]:
    """Kinds of personal data seen: `email, iban, ssn, card, phone`. Patterns only: it misses names and addresses."""
    found = [name for name, pattern in PII.items() if name != "card" and pattern.search(text)]
    cards = (match[0].replace(" ", "").replace("-", "") for match in PII["card"].finditer(text))
    return [*found, "card"] if any(_luhn(digits) for digits in cards) else found


def _luhn(digits: str) -> bool:
    return (sum(map(int, digits[::-2])) + sum(DOUBLED[int(digit)] for digit in digits[-2::-2])) % 10 == 0
