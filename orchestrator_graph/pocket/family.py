"""What a task family is, and which split an operand belongs to.

Knows no concrete family: those are in `maths`, `text` and `logic`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Literal
from zlib import crc32

Split = Literal["train", "calibration", "test"]
Field = Literal["maths", "text", "logic"]
Slots = Mapping[str, str]

SPLITS: tuple[Split, ...] = ("train", "calibration", "test")
FIELDS: tuple[Field, ...] = ("maths", "text", "logic")


@dataclass(frozen=True, slots=True)
class Phrasing:
    """One way to ask: a template over the family's slots; held-out ones are never trained on."""

    template: str
    held_out: bool = False
    operation: str = ""


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of task: operands are drawn by difficulty, keyed for the split, and solved exactly."""

    name: str
    field: Field
    phrasings: tuple[Phrasing, ...]
    draw: Callable[[Random, int], Slots]
    key: Callable[[Slots], str]
    solve: Callable[[Slots, str], str]


def seen(*templates: str, operation: str = "") -> tuple[Phrasing, ...]:
    """Phrasings that the models are trained on."""
    return tuple(Phrasing(t, operation=operation) for t in templates)


def unseen(*templates: str, operation: str = "") -> tuple[Phrasing, ...]:
    """Phrasings kept for measuring what a new wording costs."""
    return tuple(Phrasing(t, held_out=True, operation=operation) for t in templates)


def split_of(key: str) -> Split:
    """The split that owns an operand key: eight tenths train, one each for calibration and test.

    >>> split_of("aelnnrt") == split_of("aelnnrt")
    True
    """
    slot = crc32(b"pocket" + key.encode()) % 10
    return "train" if slot < 8 else "calibration" if slot == 8 else "test"
