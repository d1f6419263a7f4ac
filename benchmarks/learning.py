"""`make bench-learning`: what remembering buys, with the pocket portfolio for real.

Each (task, candidate) is run once and stored. Five resplits: so many tasks are remembered (all five models tried on
each, as after `models profile`; or one model at random, as in use), the rest is decided by `decide` with the default
estimators, the built-in or MiniLM's vectors, the policy `balanced`. 95 % by bootstrap over tasks.
"""

import argparse
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.pocket_runs import PocketRuns, minilm, pocket_runs
from benchmarks.routing.ours import situations
from orchestrator_graph.gateway.pocket import pocket_specs
from orchestrator_graph.policy import Policy
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.routing.decide import decide
from orchestrator_graph.routing.defaults import default_estimators
from orchestrator_graph.routing.estimator import Learner
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types.history import History

Array = NDArray[np.float64]
Rows = NDArray[np.int64]
SIZES = (0, 100, 300, 1_000)
SPLITS = 5


def main() -> None:
    """Runs, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("build/bench-learning"))
    parser.add_argument("--tasks", type=int, default=5_000)
    parser.add_argument("--held-out", type=int, default=3_000)
    parser.add_argument("--tradeoff", default="balanced")
    options = parser.parse_args()
    seen = pocket_runs(options.tasks, held_out=False, folder=options.folder)
    other = pocket_runs(options.held_out, held_out=True, folder=options.folder)
    spaces = {"built-in": (seen.hashed, other.hashed)}
    meaning = minilm(seen, "seen", options.folder), minilm(other, "held-out", options.folder)
    if meaning[0] is not None and meaning[1] is not None:
        spaces["MiniLM"] = (meaning[0], meaning[1])
    policy = Policy.parse({"tradeoff": options.tradeoff})
    for wording, test in (("seen phrasings", None), ("held-out phrasings", other)):
        print(f"\n## {wording} (policy {options.tradeoff}; memory of seen phrasings)\n")
        print("| | accuracy [95 %] | cost, nano-dollars | of best single's | points over best single [95 %] | ms |")
        print("|---|---|---|---|---|---|")
        for line in report(seen, test, spaces, policy):
            print(line, flush=True)


def report(
    seen: PocketRuns,
    other: PocketRuns | None,
    spaces: dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]],
    policy: Policy,
) -> Iterator[str]:
    """The lines of one table; tests on the rest of `seen`, or on `other`."""
    target = other or seen
    sums: dict[str, Array] = {}
    for split in range(SPLITS):
        order = np.random.default_rng(split).permutation(len(seen.tasks))
        train, rest = order[: max(SIZES)], order[max(SIZES) :]
        rows = rest if other is None else np.arange(len(other.tasks))
        for name, picks in choices(seen, target, train, rows, spaces, policy, split):
            table = sums.setdefault(name, np.zeros((len(target.tasks), 4)))
            at = np.arange(len(rows))
            got = [target.scores[rows][at, picks], target.costs[rows][at, picks], target.seconds[rows][at, picks]]
            table[rows] += np.stack([*got, np.ones(len(rows))], axis=1)
    yield from _table(sums, len(target.tasks))


def choices(
    seen: PocketRuns,
    target: PocketRuns,
    train: Rows,
    rows: Rows,
    spaces: dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]],
    policy: Policy,
    split: int,
) -> Iterator[tuple[str, Rows]]:
    """(method, chosen model of each test task)."""
    n, m = len(rows), len(seen.models)
    rng = np.random.default_rng(split)
    for i, model in enumerate(seen.models):
        yield model, np.full(n, i)
    yield "random mix", rng.integers(0, m, n)
    for size in SIZES[1:]:
        table = family_table(seen, train[:size])
        yield f"per-family table, label given, {size}", np.array([table[target.tasks[i].family] for i in rows])
    yield "oracle", np.argmax(target.scores[rows] - 1e-9 * target.costs[rows], axis=1)
    for space, (before, unseen) in spaces.items():
        after = before if target is seen else unseen
        for size in SIZES:
            for how in ("all tried", "one tried") if size else ("nothing",):
                history = remembered(seen, before, train[:size], how, rng) if size else None
                picks = decided(target, after, rows, history, policy)
                yield f"ours, {size} remembered ({how}), {space}", picks
        shuffled = remembered(seen, before, train, "all tried", rng, shuffled=True)
        yield f"ours, shuffled memory of {max(SIZES)}, {space}", decided(target, after, rows, shuffled, policy)


def family_table(seen: PocketRuns, train: Rows) -> dict[str, int]:
    """Family -> the model with the best utility on the remembered tasks of that family (the label is given to it)."""
    price = seen.costs[train].mean(axis=0) / seen.costs[train].mean(axis=0).max()
    table = {}
    for family in {task.family for task in seen.tasks}:
        mine = [i for i in train if seen.tasks[i].family == family]
        mean = seen.scores[mine].mean(axis=0) if mine else seen.scores[train].mean(axis=0)
        table[family] = int(np.argmax(mean - 0.05 * price))
    return table


def remembered(
    seen: PocketRuns,
    vectors: NDArray[np.float32],
    train: Rows,
    how: str,
    rng: np.random.Generator,
    *,
    shuffled: bool = False,
) -> History:
    """What the ledger would hold of these tasks."""
    weights = np.ones((len(train), len(seen.models)))
    if how == "one tried":
        weights = np.eye(len(seen.models))[rng.integers(0, len(seen.models), len(train))]
    rows = rng.permutation(train) if shuffled else train
    return History(
        vectors=vectors[train],
        scores=np.where(weights > 0, seen.scores[rows], np.nan),
        weights=weights,
        candidates=seen.models,
        task_types=tuple(seen.features[i].task_type for i in train),
        users=("",) * len(train),
        times=1.7e9 + np.arange(len(train), dtype=np.float64),
        space="bench",
    )


def decided(
    target: PocketRuns, vectors: NDArray[np.float32], rows: Rows, history: History | None, policy: Policy
) -> Rows:
    """What the product decides for each test task."""
    portfolio, estimators = Portfolio(pocket_specs().values()), default_estimators()
    for estimator in estimators:
        if history is not None and isinstance(estimator, Learner):
            estimator.learn(history)
    column, dice = {name: i for i, name in enumerate(target.models)}, random.Random(0)
    picks = []
    known = situations(history, vectors[rows]) if history is not None else (Situation() for _ in rows)
    for i, now in zip(rows, known, strict=True):
        decision = decide("1", target.features[i], portfolio, policy, now, estimators, dice)
        picks.append(column[decision.ranking[0].candidate.members[0].model])
    return np.array(picks)


def _table(sums: dict[str, Array], n: int) -> Iterator[str]:
    draws = np.random.default_rng(1).multinomial(n, np.full(n, 1 / n), size=400).astype(float)
    weights = np.concatenate([np.ones((1, n)), draws])
    means = {name: [(weights @ table).T[i] / (weights @ table).T[3] for i in range(3)] for name, table in sums.items()}
    singles = [name for name in means if name.startswith("pocket:")]
    best = max(singles, key=lambda name: means[name][0][0])
    for name, (right, cost, seconds) in means.items():
        low, high = np.percentile(right[1:], [2.5, 97.5])
        gap = (right - means[best][0]) * 100
        below, above = np.percentile(gap[1:], [2.5, 97.5])
        yield (
            f"| {name} | {right[0]:.3f} [{low:.3f}, {high:.3f}] | {cost[0]:,.0f} | {cost[0] / means[best][1][0]:.0%} "
            f"| {gap[0]:+.1f} [{below:+.1f}, {above:+.1f}] | {seconds[0] * 1000:.1f} |"
        )


if __name__ == "__main__":
    main()
