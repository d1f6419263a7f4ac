"""Deterministic scorers: whether an answer is right, without asking a model. Free, and the same every time."""

import json
import math
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from orchestrator_graph.confidence.normalise import normalise, unfenced

__all__ = ["KINDS", "Scorer", "answer_scorer", "check_scorer"]

Scorer = Callable[[str], float]
"""An answer's text -> its score in [0, 1]."""


def answer_scorer(wanted: Any, expects: str) -> Scorer:
    """Right is what says the same as the answer, or as one of several; a number by its value.

    Raises:
        ValueError: Says what is wrong with `wanted`.

    >>> answer_scorer("1,200", "number")("It makes 1200.0 in all"), answer_scorer(["Faust", "Goethe"], "text")("faust.")
    (1.0, 1.0)
    """
    several = wanted if isinstance(wanted, list) else [wanted]
    if not several:
        raise ValueError("it is empty")
    scorers = [_same(item, expects) for item in several]
    return lambda text: max(score(text) for score in scorers)


def check_scorer(check: Any) -> Scorer:
    """A scorer from `{kind: value}`; all must hold where there are several kinds.

    Raises:
        ValueError: Says what is wrong with the check.

    >>> check_scorer({"contains": ["red", "blue"]})("Blue and red"), check_scorer({"regex": "^[A-D]$"})("E")
    (1.0, 0.0)
    """
    if not isinstance(check, dict) or not check:
        raise ValueError(f'it is no object such as {{"number": 42}}; known kinds: {", ".join(KINDS)}')
    unknown = [kind for kind in check if kind not in KINDS]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no kind of check; known: {', '.join(KINDS)}")
    scorers = [KINDS[kind](value) for kind, value in check.items()]
    return lambda text: min(score(text) for score in scorers)


def _same(wanted: Any, expects: str) -> Scorer:
    if isinstance(wanted, bool) or not isinstance(wanted, (str, int, float)) or wanted == "":
        raise ValueError(f"{wanted!r} is neither text nor a number")
    if not isinstance(wanted, str):
        return _number(wanted)
    form = expects if expects in {"number", "yes_no", "json"} else "text"
    right = normalise(wanted, form)
    return lambda text: float(normalise(text, form) == right)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r} is no text")
    return value


def _exact(value: Any) -> Scorer:
    right = _text(value).strip()
    return lambda text: float(text.strip() == right)


def _normalised(value: Any) -> Scorer:
    right = normalise(_text(value))
    return lambda text: float(normalise(text) == right)


def _number(value: Any) -> Scorer:
    """The last number of the answer; `[number, tolerance]` allows a distance."""
    pair = value if isinstance(value, list) else [value, 0]
    numeric = [item for item in pair if isinstance(item, (int, float)) and not isinstance(item, bool)]
    if len(pair) != 2 or len(numeric) != 2 or not all(map(math.isfinite, numeric)):
        raise ValueError(f"{value!r} is neither a number nor [number, tolerance]")
    right, tolerance = (Decimal(str(item)) for item in numeric)

    def score(text: str) -> float:
        try:
            return float(abs(Decimal(normalise(text, "number")) - right) <= tolerance)
        except InvalidOperation:  # no number in it
            return 0.0

    return score


def _regex(value: Any) -> Scorer:
    try:
        pattern = re.compile(_text(value))
    except re.error as error:
        raise ValueError(f"{value!r} is no regular expression: {error}") from None
    return lambda text: float(pattern.search(text.strip()) is not None)


def _contains(value: Any) -> Scorer:
    words = [normalise(_text(item)) for item in (value if isinstance(value, list) else [value])]
    return lambda text: float(all(word in normalise(text) for word in words))


def _json(value: Any) -> Scorer:
    def score(text: str) -> float:
        try:
            return float(json.loads(unfenced(text)) == value)
        except ValueError:
            return 0.0

    return score


KINDS: dict[str, Callable[[Any], Scorer]] = {
    "exact": _exact,
    "normalised": _normalised,
    "number": _number,
    "regex": _regex,
    "contains": _contains,
    "json": _json,
}
