"""Questions with known answers that a small model of language can answer in part: capitals, sums, letters, words."""

import re
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from random import Random
from typing import cast

from benchmarks.early_exit_arms import Task

__all__ = ["Question", "holds", "questions"]

ASKS = ("What is the capital of {}?", "Which city is the capital of {}?")
WORDS = ("river", "stone", "window", "garden", "silver", "candle", "bridge", "forest", "orange", "winter", "market")


@dataclass(frozen=True)
class Question:
    """A prompt, and what its answer must hold as a word of its own."""

    prompt: str
    answer: str
    family: str


def holds(task: Task, text: str) -> bool:
    """Whether a question was answered rightly."""
    return bool(re.search(rf"\b{re.escape(cast('Question', task).answer)}", text))


def questions() -> tuple[list[Task], list[Task]]:
    """Some to learn from, and others, of other countries and numbers, to try."""
    rng = Random(7)
    lines = Path(__file__).with_name("capitals.txt").read_text(encoding="utf-8").splitlines()
    capitals = dict(line.split(maxsplit=1) for line in lines)
    countries = list(capitals)
    rng.shuffle(countries)
    parts: tuple[list[Task], list[Task]] = ([], [])
    half = len(countries) // 2
    for part, own in zip(parts, (countries[:half], countries[half:]), strict=True):
        part += [Question(ask.format(c), capitals[c], "capital") for c, ask in product(own, ASKS)]
    sums = [(a, b) for a in range(2, 30) for b in range(2, 30)]
    rng.shuffle(sums)
    for part, drawn, words in ((parts[0], sums[:30], 5), (parts[1], sums[30:130], 11)):
        part += [Question(f"What is {a} plus {b}?", str(a + b), "sum") for a, b in drawn]
        part += [Question(f"How many letters has the word {w}?", str(len(w)), "letters") for w in WORDS[-words:]]
        part += [
            Question(f"Repeat these words: {' '.join(some)}", " ".join(some), "repeat")
            for some in (rng.sample(WORDS, 4) for _ in range(4 * words))
        ]
    return parts
