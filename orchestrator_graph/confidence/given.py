"""Requirements given as data instead of in words: JSON Schemas, patterns, lengths."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from orchestrator_graph.confidence.fulfilment import fulfils
from orchestrator_graph.confidence.requirements import LENGTHS, Requirement
from orchestrator_graph.confidence.scorer import Check
from orchestrator_graph.confidence.units import UNITS
from orchestrator_graph.errors import InputError

__all__ = ["given", "given_check"]


def given(data: Mapping[str, Any]) -> tuple[Requirement, ...]:
    """Requirements as a user writes them down: kind -> value.

    Args:
        data: e.g. `{"schema": {...}, "regex": "^[A-D]$", "words": [None, 50], "language": "fr", "unit": "km"}`; the
            kinds are those of `Requirement`.

    Raises:
        InputError: An unknown kind, or a value that cannot be used; says which and what it must be.

    >>> given({"words": [None, 50], "literal": "Faust"})[0]
    Requirement(kind='words', value=(None, 50), words='')
    """
    found = []
    for kind, value in data.items():
        if kind not in READERS:
            raise InputError(f"requirement {kind!r} is unknown; known: {', '.join(READERS)}")
        try:
            found.append(Requirement(kind, READERS[kind](value)))
        except (ValueError, TypeError, LookupError) as error:
            raise InputError(f"requirement {kind} = {value!r}: {error}") from None
    return tuple(found)


def given_check(data: Mapping[str, Any]) -> Check:
    """Requirements as one check of an answer: `True` where all are met, `None` where one cannot be told.

    Raises:
        InputError: As `given`.

    >>> given_check({"words": [None, 3]})("far too many words"), given_check({"regex": "^[A-D]$"})("B")
    (False, True)
    """
    requirements = given(data)

    def check(answer: str) -> bool | None:
        told = [fulfils(requirement, answer)[0] for requirement in requirements]
        return False if False in told else None if None in told else True

    return check


def _span(value: Any) -> tuple[int | None, int | None]:
    least, most = value if isinstance(value, list | tuple) and len(value) == 2 else (value, value)
    counts = [item for item in (least, most) if item is not None]
    if not counts or any(not isinstance(item, int) or isinstance(item, bool) or item < 0 for item in counts):
        raise ValueError("must be a count, or [least, most] with null for no bound")
    if len(counts) == 2 and least > most:
        raise ValueError("the least is more than the most")
    return least, most


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("must be a text")
    return value


def _pattern(value: Any) -> str:
    try:
        return re.compile(_text(value)).pattern
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from None


def _schema(value: Any) -> Any:
    from jsonschema import SchemaError, validators  # type: ignore[import-untyped]

    if not isinstance(value, dict | bool):
        raise TypeError("must be a JSON Schema, an object")
    try:
        validators.validator_for(value).check_schema(value)
    except SchemaError as error:
        raise ValueError(f"is no JSON Schema: {error.json_path}: {error.message}") from None
    return value


def _unit(value: Any) -> tuple[str, tuple[str, ...]]:
    if value not in UNITS:
        raise ValueError(f"is no unit known here; known: {', '.join(UNITS)}")
    dimension = UNITS[value][0]
    return value, tuple(sorted(name for name, (kind, _) in UNITS.items() if kind == dimension and name != value))


def _numbers(value: Any) -> tuple[int, ...]:
    numbers = () if value is True else tuple(value)
    if not all(isinstance(item, int) for item in numbers):
        raise ValueError("must be true, or the numbers of the sources that the task lists")
    return numbers


READERS: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(sorted(LENGTHS), _span),
    "language": _text,
    "unit": _unit,
    "literal": _text,
    "no_literal": _text,
    "part": _text,
    "headings": bool,
    "citations": _numbers,
    "schema": _schema,
    "regex": _pattern,
}
