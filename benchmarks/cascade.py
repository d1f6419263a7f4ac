"""`make bench-cascade`: what asking again buys, with the pocket portfolio for real.

Each (task, model) is run once and stored (four more samples each for best-of-N). Five resplits of 4,200 tasks: 1,000
are labelled and teach everything (estimates, calibration, collisions, shifts, thresholds), 3,200 are held out. Every
way is a curve over the price of quality; area = mean accuracy under its hull between the cheapest and the dearest
single model's cost. 95 % by paired bootstrap over tasks. Prints markdown.
"""

import argparse
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.cascade_told import Told, told
from benchmarks.cascade_ways import Way, cascading, oracle, own_choice, recipes, routing, thresholds
from benchmarks.cascade_world import World, learnt
from benchmarks.curves import Curve, area, draws, hull, interval
from benchmarks.pocket_signals import FOLDER, pocket_signals

Array = NDArray[np.float64]

SAMPLED = 8_000
"""Of so many tasks H2's run has samples."""
POINTS = np.array([0.0, *np.geomspace(0.02, 4.0, 12)])
"""Prices of quality: the points that one answer of the dearest model costs."""
KINDS = ("best of 3", "consensus", "panel")
BEST, OWN = "cascade routing, greedy", "own choice (ensemble=auto)"


def main() -> None:
    """Runs, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--tasks", type=int, default=4_200)
    parser.add_argument("--train", type=int, default=1_000)
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    greedy = pocket_signals(folder=options.folder)
    drawn = pocket_signals(SAMPLED, samples=(1, 2, 3, 4), folder=options.folder)
    said = told(greedy, drawn, options.tasks)
    for line in table(resplit(said, options.train, options.splits, options.processes), said):
        print(line, flush=True)


def resplit(said: Told, labelled: int, splits: int, processes: int = 2) -> dict[str, Curve]:
    """Name -> what it got and paid, over so many splits into labelled and held-out tasks."""
    orders = [np.random.default_rng(split).permutation(len(said.types)) for split in range(splits)]
    parts = [(order[:labelled], order[labelled:]) for order in orders]
    curves: dict[str, Curve] = {}
    with ProcessPoolExecutor(processes) as pool:
        found = pool.map(measured, repeat(said), *zip(*parts, strict=True), range(splits))
        for (_, test), ways in zip(parts, found, strict=True):
            for name, (right, paid) in ways.items():
                curve = curves.setdefault(name, Curve.empty(len(right), len(said.types)))
                curve.right[:, test] += right
                curve.paid[:, test] += paid
                curve.times[test] += 1
    return curves


def measured(
    said: Told, train: NDArray[np.int64], test: NDArray[np.int64], split: int
) -> dict[str, tuple[Array, Array]]:
    """Name -> (right, paid), each of shape (prices, tests)."""
    everything = np.concatenate([train, test])
    world, prices = learnt(said, train, everything), POINTS / said.dearest
    known, places = range(len(train)), range(len(train), len(everything))
    ways: dict[str, Sequence[Way]] = {
        "routing only": [routing] * len(prices),
        "threshold cascade of three levels": thresholds(world, known, prices.tolist()),
        BEST: [cascading("greedy")] * len(prices),
        "cascade routing, full": [cascading("full")] * len(prices),
        "cascade routing, the paper's greedy": [cascading("paper")] * len(prices),
        "cascade routing, greedy, without shifts": [cascading("greedy", shifting=False)] * len(prices),
        OWN: [own_choice] * len(prices),
        "oracle": [oracle] * len(prices),
    }
    found = {name: run(world, places, chosen, prices) for name, chosen in ways.items()}
    found |= fixed_ones(world, known, places, prices)
    control = learnt(said, train, test, priors=False, shuffle=np.random.default_rng(split))
    found["shuffled labels"] = run(control, range(len(test)), [cascading("greedy")] * len(prices), prices)
    return found


def run(world: World, places: Sequence[int], ways: Sequence[Way], prices: Array) -> tuple[Array, Array]:
    """What each price's way gets and pays on these tasks."""
    right, paid = np.empty((len(prices), len(places))), np.empty((len(prices), len(places)))
    for k, (way, price) in enumerate(zip(ways, prices, strict=True)):
        for i, place in enumerate(places):
            row = world.rows[place]
            (model, sample), bought = way(world, place, float(price))
            right[k, i] = world.told.right[row, model, sample]
            paid[k, i] = sum(world.told.costs[row, j, s] for j, s in bought)
    return right, paid


def fixed_ones(
    world: World, known: Sequence[int], places: Sequence[int], prices: Array
) -> dict[str, tuple[Array, Array]]:
    """Recipes that are the same for all tasks: each alone, and the mixes of a kind with single models.

    Which recipes are mixed (the hull) is read off the labelled tasks; a mix at a price is the point of that hull which
    is worth most there.
    """
    found: dict[str, tuple[Array, Array]] = {}
    singles = recipes(world, "single")
    kinds = KINDS if world.told.right.shape[2] > 1 else KINDS[1:]
    for kind in ("single", *kinds):
        ways = singles if kind == "single" else {**singles, **recipes(world, kind)}
        before = {name: tuple(v.mean() for v in _one(world, known, way)) for name, way in ways.items()}
        after = {name: _one(world, places, way) for name, way in ways.items()}
        picks = [max(before, key=lambda name: before[name][0] - p * before[name][1]) for p in prices.tolist()]
        mix = "fair zero router" if kind == "single" else f"{kind}, best mix with single models"
        found[mix] = np.stack([after[n][0] for n in picks]), np.stack([after[n][1] for n in picks])
        found |= {name: (right[None], paid[None]) for name, (right, paid) in after.items()}
    return found


def _one(world: World, places: Sequence[int], way: Way) -> tuple[Array, Array]:
    rows = [(world.rows[place], way(world, place, 0.0)) for place in places]
    right = np.array([world.told.right[row, given[0], given[1]] for row, (given, _) in rows])
    return right, np.array([sum(world.told.costs[row, j, s] for j, s in bought) for row, (_, bought) in rows])


def table(curves: Mapping[str, Curve], said: Told) -> list[str]:
    """The areas, and what each recipe gains per dollar over the best single model."""
    weights = draws(len(said.types), 400)
    costs = said.costs[:, :, 0].mean(axis=0)
    low, high = float(costs.min()), float(costs.max())
    areas = {
        name: np.array([area(x, y, low, high) for x, y in zip(*curve.points(weights), strict=True)])
        for name, curve in curves.items()
        if len(curve.right) > 1
    }
    lines = ["| way | area [95 %] | cascade routing is ahead by, points [95 %] |", "|---|---|---|"]
    for name, found in sorted(areas.items(), key=lambda item: -item[1][0]):
        ahead = (areas[BEST] - found) * 100
        lines.append(f"| {name} | {interval(found, 4)} | {interval(ahead, 2) if name != BEST else '-'} |")
    beaten = against_recipes(curves, weights, said.dearest)
    return [*lines, "", *at_costs(curves, weights, low, high), "", *beaten, "", *gains(curves, weights)]


def against_recipes(curves: Mapping[str, Curve], weights: Array, dearest: float) -> list[str]:
    """The router's own choice against the fixed recipe that is best on these very tasks, at each price of quality."""
    lines = [
        "| points that the dearest answer costs | best fixed recipe | own choice ahead by, points less price [95 %] |"
    ]
    lines.append("|---|---|---|")
    fixed = {name: curve.points(weights) for name, curve in curves.items() if len(curve.right) == 1}
    paid, right = curves[OWN].points(weights)
    for place, points in enumerate(POINTS):
        worth = {name: (y - points * x / dearest)[:, 0] for name, (x, y) in fixed.items()}
        best = max(worth, key=lambda name: worth[name][0])
        ahead = (right - points * paid / dearest)[:, place] - worth[best]
        lines.append(f"| {points * 100:.1f} | {best} | {interval(ahead * 100, 2)} |")
    return lines


def at_costs(curves: Mapping[str, Curve], weights: Array, low: float, high: float) -> list[str]:
    """Accuracy that each curve reaches at five costs."""
    places = np.linspace(low, high, 6)[1:]
    lines = [
        "| accuracy at a mean cost of, nano-dollars | " + " | ".join(f"{x:,.0f}" for x in places) + " |",
        "|---" * 6 + "|",
    ]
    for name, curve in curves.items():
        if len(curve.right) > 1:
            x, y = (values[0] for values in curve.points(weights[:1]))
            lines.append(f"| {name} | " + " | ".join(f"{v:.3f}" for v in np.interp(places, *hull(x, y))) + " |")
    return lines


def gains(curves: Mapping[str, Curve], weights: Array) -> list[str]:
    """Each fixed recipe against the best single model: points, price, and points per million nano-dollars more."""
    single = {name: curve for name, curve in curves.items() if len(curve.right) == 1}
    plain = [name for name in single if "(" not in name]
    points = {name: tuple(values[:, 0] for values in curve.points(weights)) for name, curve in single.items()}
    best = max(plain, key=lambda name: points[name][1][0])
    lines = [
        f"| recipe | accuracy | nano-dollars | points over {best} [95 %] | points per 1,000 nano-dollars more |",
        "|---" * 5 + "|",
    ]
    for name, (paid, right) in sorted(points.items(), key=lambda item: -item[1][1][0]):
        gain, more = (right - points[best][1]) * 100, paid[0] - points[best][0][0]
        rate = f"{gain[0] / more * 1000:+.2f}" if more > 0 else "cheaper"
        lines.append(
            f"| {name} | {right[0]:.3f} | {paid[0]:,.0f} | {interval(gain, 2)} | {rate if name != best else '-'} |"
        )
    return lines


if __name__ == "__main__":
    main()
