"""Tasks with verifiable answers for the pocket models: twelve families in three fields.

Knows neither models nor weights. Operands are split by hash, so that no word (in any order of its letters) and no pair
of numbers of one split occurs in another; held-out phrasings are never trained on in any split.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from orchestrator_graph.pocket.family import Family, Field, Phrasing, Slots, Split, split_of
from orchestrator_graph.pocket.logic import LOGIC
from orchestrator_graph.pocket.maths import MATHS
from orchestrator_graph.pocket.text import TEXT

FAMILIES: dict[str, Family] = {family.name: family for family in (*MATHS, *TEXT, *LOGIC)}

OPENERS = ("Please ", "Now ", "Next, ", "Then ", "Quick: ", "Also ", "Ok, ", "Task: ")


@dataclass(frozen=True, slots=True)
class PocketTask:
    """A prompt and the one answer that is right."""

    prompt: str
    answer: str
    family: str
    field: Field
    difficulty: int
    phrasing: str
    held_out: bool


def render(family: Family, phrasing: Phrasing, slots: Slots, difficulty: int) -> PocketTask:
    """The task that a phrasing makes of drawn operands."""
    return PocketTask(
        prompt=phrasing.template.format_map(slots),
        answer=family.solve(slots, phrasing.operation),
        family=family.name,
        field=family.field,
        difficulty=difficulty,
        phrasing=phrasing.template,
        held_out=phrasing.held_out,
    )


def draw_slots(family: Family, split: Split, rng: Random, difficulty: int) -> Slots:
    """Operands that belong to `split`: drawn again until the hash agrees."""
    while True:
        slots = family.draw(rng, difficulty)
        if split_of(family.key(slots)) == split:
            return slots


def vary(prompt: str, rng: Random) -> str:
    """The same request as people put it: inside a sentence, politely, or with a full stop."""
    if not prompt[0].isupper():
        return prompt
    if rng.random() < 0.25:
        return rng.choice(OPENERS) + prompt[0].lower() + prompt[1:]
    if rng.random() < 0.4:
        prompt = prompt[0].lower() + prompt[1:]
    return prompt + "." if prompt[-1].isalnum() and rng.random() < 0.15 else prompt


def generate(
    split: Split,
    n: int,
    seed: int,
    families: Sequence[str] | None = None,
    held_out: bool | None = False,
) -> list[PocketTask]:
    """`n` tasks of a split, the same ones for the same arguments.

    Args:
        split: Whose operands; splits share none.
        n: How many.
        seed: Any number; another one gives other tasks of the same split.
        families: Names out of `FAMILIES`, drawn evenly; all when None.
        held_out: Only trained phrasings (False), only held-out ones (True), or both (None).

    Raises:
        ValueError: A family that does not exist.

    >>> task = generate("test", 1, seed=4, families=["add"])[0]
    >>> check(task, task.answer)
    True
    """
    chosen = tuple(FAMILIES) if families is None else tuple(families)
    for name in chosen:
        if name not in FAMILIES:
            raise ValueError(f"No pocket family {name!r}; there are {', '.join(FAMILIES)}.")
    rng = Random(f"{split}/{seed}/{held_out}")  # noqa: S311 - tasks, not secrets
    pools = {
        name: tuple(p for p in FAMILIES[name].phrasings if held_out is None or p.held_out is held_out)
        for name in chosen
    }
    return [_draw_task(rng, split, FAMILIES[name], pools[name]) for name in rng.choices(chosen, k=n)]


def _draw_task(rng: Random, split: Split, family: Family, phrasings: tuple[Phrasing, ...]) -> PocketTask:
    difficulty = rng.randint(1, 3)
    phrasing = rng.choice(phrasings)
    task = render(family, phrasing, draw_slots(family, split, rng, difficulty), difficulty)
    return PocketTask(
        vary(task.prompt, rng), task.answer, task.family, task.field, difficulty, task.phrasing, task.held_out
    )


def normalise(text: str) -> str:
    """Text as answers are compared: single spaces, no quotes around it, no full stop behind it.

    >>> normalise(' "lantern". ')
    'lantern'
    """
    return " ".join(text.split()).rstrip(".").strip("\"'` ")


def check(task: PocketTask, text: str) -> bool:
    """Whether `text` is the answer, apart from white space, quotes and a full stop.

    Case counts, since writing in capitals is one of the tasks.
    """
    return normalise(text) == normalise(task.answer)
