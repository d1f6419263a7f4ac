"""Every order of small stacks: what the stack does with our middleware in it, beside what it does without.

The bare stack says how many calls are right: our pool has one model, which stands in for the agent's own.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.surfaces.agents.stacks import BUILT_INS, OURS, Ran, World, ran

__all__ = ["FOURS", "Row", "orders", "row"]

FOURS = (
    (OURS, "ModelFallback", "ModelRetry", "Summarization"),
    (OURS, "PII", "HumanInTheLoop", "ModelCallLimit"),
    (OURS, "ModelFallback", "ToolRetry", "TodoList"),
    (OURS, "ContextEditing", "LLMToolSelector", "ModelRetry"),
)
BARE: dict[tuple[tuple[str, ...], str, bool], Ran] = {}


@dataclass(frozen=True)
class Row:
    """One order. `None` = the stack has no fallback, or nothing to say."""

    order: tuple[str, ...]
    works: bool
    decided: bool
    fallback: bool | None
    calls: bool
    extra: int


def orders(size: int) -> Iterator[tuple[str, ...]]:
    """All orders of stacks of a size: ours and any one other; ours, a fallback and any third; the four of `FOURS`."""
    others = [name for name in BUILT_INS if name != "ModelFallback"]
    sets: Sequence[tuple[str, ...]] = FOURS
    if size == 2:
        sets = [(OURS, name) for name in BUILT_INS]
    if size == 3:
        sets = [(OURS, "ModelFallback", name) for name in others]
    return itertools.chain.from_iterable(itertools.permutations(names) for names in sets)


def row(world: World, order: tuple[str, ...], mode: str, *, stream: bool = False) -> Row:
    """The stack twice, with the model up and down, and the same without ours."""
    up, down = (ran(world, order, mode, up=is_up, stream=stream) for is_up in (True, False))
    bare_up, bare_down = (bare(world, order, mode, up=is_up) for is_up in (True, False))
    extra = _more(up, bare_up) + _more(down, bare_down)
    kept = up.kept or {}
    steps = bare_up.calls["own"]
    decided = "own" not in up.calls and up.decisions == 1 and kept["steps"] == steps and not kept["others"]
    honoured = None
    if "ModelFallback" in order:
        others = (down.kept or {}).get("others", {})
        same = down.answer == bare_down.answer and down.calls["fallback"] == bare_down.calls["fallback"]
        honoured = same and sum(others.values()) == down.calls["fallback"]
    return Row(
        order,
        works=up.answer == bare_up.answer and not up.answer.startswith("raised"),
        decided=decided,
        fallback=honoured,
        calls=_renamed(up) == _renamed(bare_up) and _renamed(down) == _renamed(bare_down),
        extra=extra,
    )


def bare(world: World, order: tuple[str, ...], mode: str, *, up: bool) -> Ran:
    """The same stack without ours, run once."""
    others = tuple(name for name in order if name != OURS)
    key = (others, mode, up)
    if key not in BARE:
        BARE[key] = ran(world, others, mode, up=up)
    return BARE[key]


def _renamed(run: Ran) -> dict[str, int]:
    return {{"pool": "own", "down-pool": "down-own"}.get(name, name): number for name, number in run.calls.items()}


def _more(run: Ran, bare: Ran) -> int:
    """Calls beyond those of the bare stack."""
    ours, theirs = _renamed(run), _renamed(bare)
    return sum(max(0, number - theirs.get(name, 0)) for name, number in ours.items())
