"""Ways of answering one task with stored answers: each says which answers it bought and which one it gave."""

from collections.abc import Callable, Sequence
from itertools import combinations, permutations

import numpy as np
from numpy.typing import NDArray

from benchmarks.cascade_told import SPACE
from benchmarks.cascade_world import World
from orchestrator_graph.confidence.cascade import next_step
from orchestrator_graph.confidence.expected_best import expected_best, reservations
from orchestrator_graph.routing.ensembles import paying
from orchestrator_graph.types import Candidate, Estimate

Array = NDArray[np.float64]
Cell = tuple[int, int]
"""(model, sample); sample 0 is the greedy answer, the others are drawn."""
Way = Callable[[World, int, float], tuple[Cell, Sequence[Cell]]]
"""(world, place, points per nano-dollar) -> the answer that is given, and all that were paid for."""

__all__ = ["Cell", "Way", "cascading", "fixed", "levels", "oracle", "own_choice", "recipes", "routing", "thresholds"]


def routing(world: World, place: int, price: float) -> tuple[Cell, Sequence[Cell]]:
    """Plain routing: the best estimate minus its price, asked once."""
    chosen = int(np.argmax(world.quality[place] - price * world.expected[place]))
    return (chosen, 0), [(chosen, 0)]


def oracle(world: World, place: int, price: float) -> tuple[Cell, Sequence[Cell]]:
    """The cheapest right one, where that is worth its price."""
    row = world.rows[place]
    chosen = int(np.argmax(world.told.right[row, :, 0] - price * world.told.costs[row, :, 0]))
    return (chosen, 0), [(chosen, 0)]


def cascading(how: str, *, shifting: bool = True) -> Way:
    """Cascade routing by the product's own `next_step`, or by the paper's greedy rule.

    Args:
        how: `greedy`, `full` or `paper`.
        shifting: Estimate the others anew by `Shifts`.
    """

    def way(world: World, place: int, price: float) -> tuple[Cell, Sequence[Cell]]:
        heard: list[int] = []
        sure, given = None, (0, 0)
        while len(heard) < len(world.told.models):
            left = [j for j in range(len(world.told.models)) if j not in heard]
            quality = world.moved(place, heard) if heard and shifting else world.quality[place]
            arrays = quality[left], world.resolution[place, left], price * world.expected[place, left]
            step = _paper(*arrays, sure) if how == "paper" else next_step(*arrays, sure, how)  # type: ignore[arg-type]
            if step is None:
                break
            heard.append(left[step])
            sure, given = world.agreed(place, [(j, 0) for j in heard])
        return given, [(j, 0) for j in heard]

    return way


GREEDY = cascading("greedy")


def _paper(quality: Array, resolution: Array, costs: Array, sure: float | None) -> int | None:
    """The paper's greedy variant: one more answer against none."""
    if sure is None:
        return int(np.argmax(quality - costs))
    # Of all sets those of one.
    worth = expected_best(quality, resolution, sure)[1 << np.arange(len(quality))] - costs
    best = int(np.argmax(worth))
    return best if worth[best] > sure else None


def own_choice(world: World, place: int, price: float) -> tuple[Cell, Sequence[Cell]]:
    """`ensemble="auto"`: an ensemble where its remembered gain pays, else a cascade."""
    kind = world.told.types[world.rows[place]]
    gains = world.replay.gains(kind, "default", SPACE)
    if all(gain - se <= 0 for gain, se, _ in gains.values()):
        return GREEDY(world, place, price)
    begun = reservations(world.quality[place], world.resolution[place], price * world.expected[place])
    found = paying(
        _estimates(world, place), gains, lambda e: e.quality - price * (e.cost_nusd or 0), float(begun.max())
    )
    if not found:
        return GREEDY(world, place, price)
    cells = [(world.told.models.index(member.model), 0) for member in found[0].candidate.members]
    return world.agreed(place, cells)[1], cells


def _estimates(world: World, place: int) -> list[Estimate]:
    beliefs = zip(world.told.models, world.quality[place], world.expected[place], strict=True)
    return [Estimate(Candidate.single(n), float(q), 0.0, 1, "", cost_nusd=round(c)) for n, q, c in beliefs]


def fixed(cells: Sequence[Cell]) -> Way:
    """One recipe for all tasks: these answers are bought, weighted votes decide."""

    def way(world: World, place: int, price: float) -> tuple[Cell, Sequence[Cell]]:  # noqa: ARG001 - knows no price
        return world.agreed(place, cells)[1], cells

    return way


def recipes(world: World, kind: str) -> dict[str, Way]:
    """Every recipe of a kind; `panel` is of three and of all models, and votes: pocket models cannot fuse."""
    names = [name.partition(":")[2].removeprefix("pocket-") for name in world.told.models]
    m = len(names)
    if kind == "single":
        return {names[j]: fixed([(j, 0)]) for j in range(m)}
    if kind == "best of 3":
        return {f"best of 3 ({names[j]})": fixed([(j, 0), (j, 1), (j, 2)]) for j in range(m)}
    sizes = (2,) if kind == "consensus" else (3, m)
    groups = [group for size in sizes for group in combinations(range(m), size)]
    return {f"{kind} ({', '.join(names[j] for j in g)})": fixed([(j, 0) for j in g]) for g in groups}


def levels(chain: Sequence[int], limits: Sequence[float]) -> Way:
    """A threshold cascade: the next level is asked while the last answer's confidence is below its limit."""

    def way(world: World, place: int, price: float) -> tuple[Cell, Sequence[Cell]]:  # noqa: ARG001 - knows no price
        for level, limit in enumerate(limits):
            if world.confidence[place, chain[level], 0] >= limit:
                return (chain[level], 0), [(j, 0) for j in chain[: level + 1]]
        return (chain[-1], 0), [(j, 0) for j in chain]

    return way


def thresholds(world: World, places: Sequence[int], prices: Sequence[float]) -> list[Way]:
    """For each price the three levels (small to large by mean cost) and limits that are best on these tasks."""
    rows = world.rows[places]
    right, costs = world.told.right[rows, :, 0], world.told.costs[rows, :, 0]
    sure, means = world.confidence[places, :, 0], costs.mean(axis=0)
    grid = [0.0, *np.round(np.arange(0.3, 1.0, 0.07), 2).tolist(), 1.01]
    found: list[tuple[tuple[int, ...], tuple[float, float], float, float]] = []
    for chain in permutations(range(right.shape[1]), 3):
        if list(means[list(chain)]) != sorted(means[list(chain)]):
            continue
        a, b, c = chain
        for one in grid:
            first = sure[:, a] >= one
            for two in grid:
                second = ~first & (sure[:, b] >= two)
                got = np.where(first, right[:, a], np.where(second, right[:, b], right[:, c]))
                paid = costs[:, a] + ~first * costs[:, b] + (~first & ~second) * costs[:, c]
                found.append((chain, (one, two), float(got.mean()), float(paid.mean())))
    best = [max(found, key=lambda item: item[2] - price * item[3]) for price in prices]
    return [levels(chain, limits) for chain, limits, _, _ in best]
