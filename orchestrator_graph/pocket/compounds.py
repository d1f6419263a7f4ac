"""Compound tasks: one sentence of two dependent parts and an independent one, with every part's own right answer.

The wording of each part is a trained phrasing, so that what a planner cuts out of the sentence, with an earlier answer
in the place of "the result", is a prompt that the models know.
"""

from dataclasses import dataclass
from random import Random

from orchestrator_graph.pocket.families import FAMILIES, PocketTask, draw_slots, render
from orchestrator_graph.pocket.family import Family, Slots, Split, split_of

RESULT = "the result"
CHAINS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "maths": ("a", ("add", "subtract", "times"), ("add", "subtract", "times", "compare")),
    "text": ("word", ("reverse", "sort"), ("reverse", "sort", "capitals", "count", "ends")),
}


@dataclass(frozen=True, slots=True)
class CompoundTask:
    """A sentence, its parts in order, and for each part the numbers of the parts whose answers it needs."""

    prompt: str
    parts: tuple[PocketTask, ...]
    needs: tuple[tuple[int, ...], ...]
    answers: tuple[str, ...]


def compound(split: Split, n: int, seed: int) -> list[CompoundTask]:
    """`n` compound tasks of a split, the same ones for the same arguments.

    >>> task = compound("test", 1, seed=3)[0]
    >>> len(task.parts), task.needs
    (3, ((), (0,), ()))
    """
    rng = Random(f"compound/{split}/{seed}")  # noqa: S311 - tasks, not secrets
    return [_draw_compound(rng, split) for _ in range(n)]


def _draw_compound(rng: Random, split: Split) -> CompoundTask:
    field = rng.choice(tuple(CHAINS))
    slot, firsts, seconds = CHAINS[field]
    other = rng.choice([family for family in FAMILIES.values() if family.field != field])
    while True:
        first = FAMILIES[rng.choice(firsts)]
        second = FAMILIES[rng.choice([name for name in seconds if name != first.name])]
        opening = _part(first, draw_slots(first, split, rng, rng.randint(1, 2)), 2)
        slots = _continue(rng, second, slot, opening.answer)
        if slots is not None and split_of(second.key(slots)) == split:
            break
    closing = _part(second, slots, 2)
    aside = _part(other, draw_slots(other, split, rng, rng.randint(1, 3)), 2)
    asked = lower_first(second.phrasings[0].template.format_map({**slots, slot: RESULT}))
    parts = (opening, _lowered(closing), _lowered(aside))
    return CompoundTask(
        prompt=f"{opening.prompt}, then {asked}; meanwhile {parts[2].prompt}",
        parts=parts,
        needs=((), (0,), ()),
        answers=tuple(part.answer for part in parts),
    )


def _continue(rng: Random, family: Family, slot: str, answer: str) -> Slots | None:
    """The second part's operands around the first one's answer; None where they make no sense of it."""
    slots = {**family.draw(rng, 2), slot: answer}
    if "letter" in slots and rng.random() < 0.8:
        slots["letter"] = rng.choice(answer)
    if family.name == "subtract" and int(slots["b"]) > int(answer):
        return None
    if family.name == "compare" and slots["b"] == answer:
        return None
    return slots


def lower_first(text: str) -> str:
    """The text as it stands inside a sentence.

    >>> lower_first("Reverse lantern")
    'reverse lantern'
    """
    return text[:1].lower() + text[1:]


def _part(family: Family, slots: Slots, difficulty: int) -> PocketTask:
    return render(family, family.phrasings[0], slots, difficulty)


def _lowered(task: PocketTask) -> PocketTask:
    return PocketTask(
        lower_first(task.prompt),
        task.answer,
        task.family,
        task.field,
        task.difficulty,
        task.phrasing,
        task.held_out,
    )
