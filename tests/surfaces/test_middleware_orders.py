"""Stacks of LangChain's own middlewares with ours at each place: nothing is overridden, asked twice or lost.

Each stack runs beside the same stack without ours, against a server that counts. The table is in
docs/attach/middleware.md; `python -m tests.surfaces.agents.order_table` writes it.
"""

from itertools import groupby

import pytest

from tests.surfaces.agents.fixtures import lent_server, lent_world  # noqa: F401
from tests.surfaces.agents.orders import FOURS, Row, bare, orders, row
from tests.surfaces.agents.stacks import OURS, World, ran

SETS = {
    " + ".join(sorted(names)): list(same) for size in (2, 3, 4) for names, same in groupby(orders(size), key=frozenset)
}


@pytest.mark.parametrize("names", SETS)
def test_every_order_of_a_stack_decides_once_honours_fallbacks_and_asks_nobody_twice(names: str, world: World) -> None:
    rows = [row(world, order, ("sync", "async")[number % 2]) for number, order in enumerate(SETS[names])]
    wrong = [r for r in rows if not (r.works and r.decided and r.calls and r.fallback is not False)]
    assert wrong == []
    assert sum(r.extra for r in rows) == 0
    assert all((r.fallback is None) == ("ModelFallback" not in r.order) for r in rows)


@pytest.mark.parametrize("order", [o for o in orders(2) if o[0] == OURS], ids=lambda order: order[1])
def test_streaming_changes_nothing(order: tuple[str, str], world: World, mode: str) -> None:
    for turned in (order, order[::-1]):
        found: Row = row(world, turned, mode, stream=True)
        assert (found.works, found.decided, found.calls, found.extra) == (True, True, True, 0)
        assert found.fallback is not False


@pytest.mark.parametrize("place", range(4))
def test_a_decision_for_each_step_is_sticky_and_counted_as_one_task(place: int, world: World, mode: str) -> None:
    others = [name for name in FOURS[0] if name != OURS]
    order = [*others[:place], OURS, *others[place:]]
    up = ran(world, order, mode, up=True, decide="step")
    assert up.calls == {"pool": 2, "summary": 2}
    assert up.kept is not None
    assert (up.kept["steps"], up.decisions) == (2, 1)
    down = ran(world, order, mode, up=False, decide="step")
    assert down.answer == up.answer
    assert down.kept is not None
    assert sum(down.kept["others"].values()) == 2
    assert sum(down.calls.values()) == sum(bare(world, tuple(order), mode, up=False).calls.values())


def test_a_table_that_would_hide_a_second_call_is_none(world: World) -> None:
    """The measure itself: a stack that asks twice is seen to."""
    twice = row(world, (OURS, "ModelRetry"), "sync")
    assert twice.calls
    world.server.reset()
    assert ran(world, ("ModelRetry",), "sync", up=False).calls == {"down-own": 2}
    assert ran(world, (), "sync", up=False).calls == {"down-own": 1}
