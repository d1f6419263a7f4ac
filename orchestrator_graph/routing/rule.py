"""One rule, and the reading of it: a mistake names the file, the line, the rule, the key and what would be right."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from orchestrator_graph.errors import ConfigError
from orchestrator_graph.routing.matching import Condition, condition
from orchestrator_graph.types import Features

__all__ = ["KEYS", "Place", "Ready", "Rule", "read"]

LARGEST_WEIGHT = 1_000


@dataclass(frozen=True, slots=True)
class Rule:
    """What shall hold for the tasks that match.

    Attributes:
        when: Signals that must all hold (`matching.KEYS`), or a function of the features; empty = always.
        pin: Use exactly this model, where the caller's policy and privacy allow it.
        prefer: Models (shell patterns) that are believed in as if they had been right `weight` times more.
        deny: Models (shell patterns) that are never used.
        floor: Least estimated quality (`Policy.min_quality`; the greater one counts).
        weight: What a preference counts for, in observations.
        name: For the decision's sentence; its number where it has none.
    """

    when: Mapping[str, Any] | Callable[[Features], bool] = field(default_factory=dict)
    pin: str | None = None
    prefer: str | Sequence[str] = ()
    deny: str | Sequence[str] = ()
    floor: float | None = None
    weight: int = 5
    name: str = ""


KEYS = tuple(f.name for f in fields(Rule))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a rule stands."""

    file: str | Path
    number: int
    name: str = ""

    def error(self, key: str, problem: str) -> ConfigError:
        """The error about one key of this rule."""
        name = f" ({self.name})" if self.name else ""
        return ConfigError(f"{self._line(key)}rule {self.number}{name}: {key}: {problem}")

    def _line(self, key: str) -> str:
        """File and line. The file is looked at again only for this: TOML keeps no line numbers."""
        if not self.file:
            return ""
        lines = Path(self.file).read_text(encoding="utf-8").splitlines() if Path(self.file).is_file() else []
        starts = [line for line, text in enumerate(lines, 1) if re.match(r"\s*\[\[\s*rules\s*\]\]", text)]
        if self.number > len(starts):
            return f"{self.file}, "
        end = starts[self.number] if self.number < len(starts) else len(lines) + 1
        word = rf"(^|[\s\[{{.,\"']){re.escape(key.rpartition('.')[2])}\b"
        found = (n for n in range(starts[self.number - 1], end) if re.search(word, lines[n - 1].partition("#")[0]))
        return f"{self.file}, line {next(found, starts[self.number - 1])}, "


@dataclass(frozen=True, slots=True)
class Ready:
    """A rule that was read."""

    place: Place
    name: str
    holds: Condition
    pin: str | None
    prefer: tuple[str, ...]
    deny: tuple[str, ...]
    floor: float | None
    weight: int


def read(rule: Rule, place: Place) -> Ready:
    """The rule, checked and compiled.

    Raises:
        ConfigError: It makes no sense.
    """
    if not (rule.pin or rule.prefer or rule.deny or rule.floor is not None):
        raise place.error("name", "it does nothing; give it one of pin, prefer, deny, floor")
    _check("pin", rule.pin, rule.pin is None or isinstance(rule.pin, str), "model's name in quotes", place)
    _check("name", rule.name, isinstance(rule.name, str), "text in quotes", place)
    _check("floor", rule.floor, rule.floor is None or _within(rule.floor, 0, 1), "quality from 0 to 1", place)
    whole = isinstance(rule.weight, int) and _within(rule.weight, 1, LARGEST_WEIGHT)
    _check("weight", rule.weight, whole, f"number of observations from 1 to {LARGEST_WEIGHT}", place)
    prefer, deny = _models("prefer", rule.prefer, place), _models("deny", rule.deny, place)
    name = rule.name or str(place.number)
    return Ready(place, name, _condition(rule.when, place), rule.pin, prefer, deny, rule.floor, rule.weight)


def _check(key: str, value: Any, right: bool, wanted: str, place: Place) -> None:
    if not right:
        raise place.error(key, f"{value!r} is no {wanted}")


def _within(value: Any, low: float, high: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def _models(key: str, value: Any, place: Place) -> tuple[str, ...]:
    values = [value] if isinstance(value, str) else value
    right = isinstance(values, list | tuple) and all(isinstance(item, str) and item for item in values)
    _check(key, value, right, "model's name in quotes, nor a list of such", place)
    return tuple(values)


def _condition(when: Any, place: Place) -> Condition:
    if not isinstance(when, Mapping):
        _check("when", when, callable(when), "table of signals, nor a function of the features", place)
        return lambda features, _: bool(when(features))
    try:
        return condition(when)
    except ValueError as error:
        key, _, problem = str(error).partition(": ")
        raise place.error(key, problem) from None
