"""What a rule's `when` means: a table of signals becomes one condition. Knows nothing of models or actions.

Texts come from strangers and Python's engine cannot be interrupted: a regular expression that could take long on some
text is refused when it is read, and only the first `TEXT_CHARS` characters of a text are searched.
"""

import math
import re
from collections.abc import Callable, Mapping
from re import _parser  # type: ignore[attr-defined]  # the engine's own syntax tree; there is no public one
from typing import Any

from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Features

__all__ = ["KEYS", "TEXT_CHARS", "Condition", "condition", "safe_pattern"]

Condition = Callable[[Features, Situation], bool]

TEXT_CHARS = 1_000
"""How much of a text `words` and `regex` look at."""
MOST_WAYS = 2_000
"""Ways to match at one place: one open repeat, or two of forty. The worst text then takes 10 ms to 0.1 s (measured)."""
ONE_OF = ("task_type", "domain", "language", "expects", "user_id", "tenant")
RANGES = ("difficulty", "tokens")
KEYS = (*ONE_OF, *RANGES, "needs", "private", "words", "regex", "signals")


def condition(when: Mapping[str, Any]) -> Condition:
    """True where every entry holds; an empty table always holds.

    Raises:
        ValueError: `key: what is wrong with its value`; an unknown key with the known ones.

    >>> holds = condition({"task_type": ["maths", "code"], "tokens": {"max": 50}})
    >>> holds(Features("1+1", "maths", tokens=2), Situation())
    True
    """
    parts = [_part(key, value) for key, value in when.items()]
    return lambda features, now: all(part(features, now) for part in parts)


def _part(key: str, value: Any) -> Condition:
    if key not in KEYS:
        raise ValueError(f"when.{key}: unknown key. Known keys: {', '.join(KEYS)}")
    try:
        return _PARTS[key](key, value)
    except ValueError as error:
        raise ValueError(f"when.{key}: {error}") from None


def _one_of(key: str, value: Any) -> Condition:
    wanted = frozenset(_words_of(value))
    if key in ("user_id", "tenant"):
        return lambda _, now: getattr(now, key) in wanted
    return lambda features, _: getattr(features, key) in wanted


def _needs(_: str, value: Any) -> Condition:
    wanted = frozenset(_words_of(value))
    return lambda features, _: wanted <= set(features.needs)


def _private(_: str, value: Any) -> Condition:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is neither true nor false")
    return lambda features, now: (features.private or now.private) == value


def _range(key: str, value: Any) -> Condition:
    low, high = _bounds(value)
    return lambda features, _: low <= getattr(features, key) <= high


def _words(_: str, value: Any) -> Condition:
    found = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, _words_of(value)))})(?!\w)", re.IGNORECASE)
    return lambda features, _: found.search(features.text, 0, TEXT_CHARS) is not None


def _regex(_: str, value: Any) -> Condition:
    pattern = safe_pattern(value)
    return lambda features, _: pattern.search(features.text, 0, TEXT_CHARS) is not None


def _signals(_: str, value: Any) -> Condition:
    if not isinstance(value, Mapping):
        raise ValueError(f"{value!r} is no table of signals, such as {{ code = true }}")
    tests = {name: _signal(name, wanted) for name, wanted in value.items()}
    return lambda features, _: all(n in features.signals and t(features.signals[n]) for n, t in tests.items())


def _signal(name: str, wanted: Any) -> Callable[[Any], bool]:
    """A signal equals the value, is one of the values (or has one among its own), or lies in the range."""
    if isinstance(wanted, Mapping):
        try:
            low, high = _bounds(wanted)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
        return lambda seen: isinstance(seen, int | float) and low <= seen <= high
    values = wanted if isinstance(wanted, list | tuple) else [wanted]
    return lambda seen: any(item in values for item in (seen if isinstance(seen, list | tuple) else [seen]))


_PARTS: dict[str, Callable[[str, Any], Condition]] = {
    **dict.fromkeys(ONE_OF, _one_of),
    **dict.fromkeys(RANGES, _range),
    "needs": _needs,
    "private": _private,
    "words": _words,
    "regex": _regex,
    "signals": _signals,
}


def _words_of(value: Any) -> list[str]:
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list | tuple) or not values or not all(isinstance(v, str) and v for v in values):
        raise ValueError(f"{value!r} is no text in quotes, nor a list of such")
    return list(values)


def _bounds(value: Any) -> tuple[float, float]:
    known = isinstance(value, Mapping) and value and set(value) <= {"min", "max"}
    if not known or not all(isinstance(v, int | float) and not isinstance(v, bool) for v in value.values()):
        raise ValueError(f"{value!r} is no range, such as {{ min = 1, max = 5 }}")
    low, high = float(value.get("min", -float("inf"))), float(value.get("max", float("inf")))
    if not low <= high:
        raise ValueError(f"min {low:g} is above max {high:g}: it would never hold")
    return low, high


def safe_pattern(value: Any) -> re.Pattern[str]:
    r"""The compiled expression, case-insensitive.

    Raises:
        ValueError: It is malformed, or has so many ways to match at one place that some text would take long.

    >>> safe_pattern(r"\w{1,40}@\w{1,40}").pattern
    '\\w{1,40}@\\w{1,40}'
    """
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r} is no regular expression in quotes")
    try:
        ways, pattern = _sequence(_parser.parse(value)), re.compile(value, re.IGNORECASE)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"{value!r} is no regular expression ({error})") from None
    if ways > MOST_WAYS:
        advice = "bound its repeats ({1,40}), or make them possessive (++)"
        raise ValueError(f"{value!r} could take very long on some text: {advice}, those inside other repeats first")
    return pattern


def _sequence(tree: Any) -> float:
    """In how many ways a backtracking engine can match this at one place, from above."""
    return min(1e9, math.prod(_ways(str(code), argument) for code, argument in tree))


def _ways(name: str, argument: Any) -> float:
    if name.endswith("_REPEAT"):
        low, high, body = argument[0], min(int(argument[1]), TEXT_CHARS), _sequence(argument[2])
        if body > 1:
            return float(body ** min(high, 30))  # far above the bound already, and still a float
        return 1 if name == "POSSESSIVE_REPEAT" else max(1, high - low + 1)
    if name == "BRANCH":
        ways = [_sequence(branch) for branch in argument[1]]
        return max(ways) if _told_apart(argument[1]) else sum(ways)
    if name in {"SUBPATTERN", "ASSERT", "ASSERT_NOT"}:
        return _sequence(argument[-1])
    if name == "ATOMIC_GROUP":
        return _sequence(argument)
    return TEXT_CHARS if name.startswith("GROUPREF") else 1


def _told_apart(branches: Any) -> bool:
    """Whether their first letters differ, so that at most one can match."""
    firsts = [branch[0] if len(branch) else ("", 0) for branch in branches]
    letters = {chr(argument).lower() for code, argument in firsts if str(code) == "LITERAL"}
    return len(letters) == len(firsts)
