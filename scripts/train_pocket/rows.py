"""Packs tasks into training rows: several examples per row, each attending only to itself."""

from random import Random
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from orchestrator_graph.pocket.families import generate
from scripts.train_pocket.fillers import add_fillers
from scripts.train_pocket.recipe import ANSWER_SLOTS, BOS, EOS, FIRST_BYTE, ROW, Recipe


class Rows(NamedTuple):
    """Packed examples; `where` and `target` name the answer bytes, padded with weight 0."""

    tokens: npt.NDArray[np.int16]
    example: npt.NDArray[np.int8]
    where: npt.NDArray[np.int8]
    target: npt.NDArray[np.int16]


def pack(recipe: Recipe, count: int) -> Rows:
    """At least `count` rows from the train split, packed greedily; the last target is followed by -1."""
    rows = Rows(
        np.zeros((count, ROW), np.int16),
        np.full((count, ROW), -1, np.int8),
        np.zeros((count, ANSWER_SLOTS), np.int8),
        np.full((count, ANSWER_SLOTS), -1, np.int16),
    )
    rng = Random(recipe.seed)
    row = at = slot = number = batch = 0
    while True:
        for task in generate("train", 20_000, recipe.seed * 1000 + batch, recipe.families):
            prompt = [BOS, *(b + FIRST_BYTE for b in f"{add_fillers(task.prompt, rng)}\n".encode())]
            answer = [*(b + FIRST_BYTE for b in task.answer.encode()), EOS]
            ids = prompt + answer[:-1]
            if at + len(ids) > ROW or slot + len(answer) > ANSWER_SLOTS:
                row, at, slot, number = row + 1, 0, 0, 0
                if row == count:
                    return rows
            rows.tokens[row, at : at + len(ids)] = ids
            rows.example[row, at : at + len(ids)] = number
            rows.where[row, slot : slot + len(answer)] = range(at + len(prompt) - 1, at + len(ids))
            rows.target[row, slot : slot + len(answer)] = answer
            at, slot, number = at + len(ids), slot + len(answer), number + 1
        batch += 1
