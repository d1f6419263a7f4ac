"""`make bench-open-vs-single DATA=folder`: open models behind our router against each single commercial model.

ZeroEval: seven open models routed by our default estimators, and a consensus of two open models that asks the best
open model where they differ, against each of nine commercial models; per domain and altogether. ParetoBandit: the open
ones of its four models against Gemini. 70 / 30 splits, twenty seeds, 95 % by paired bootstrap over prompts.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.recorded import COMMERCIAL, OPEN, Recorded, read
from benchmarks.routing.ours import believe, history_of
from orchestrator_graph.confidence.normalise import normalise
from orchestrator_graph.nodes.features import read_features

Array = NDArray[np.float64]
DRAWS = 400
TRADEOFFS = {"cheap": 0.3, "balanced": 0.05, "best": 0.0}
"""Quality points that the range of mean costs is worth."""


class Tally:
    """Sums of (score, cost) per prompt and method over seeds, so that prompts can be resampled afterwards."""

    def __init__(self, n: int) -> None:
        self.n = n
        self.sums: dict[str, Array] = {}

    def add(self, name: str, rows: NDArray[np.int64], score: Array, cost: Array) -> None:
        """Books one seed's test prompts."""
        table = self.sums.setdefault(name, np.zeros((self.n, 3)))
        table[rows] += np.stack([score, cost, np.ones(len(rows))], axis=1)

    def means(self, name: str, weights: Array) -> tuple[Array, Array]:
        """Mean score and cost under each row of prompt weights."""
        score, cost, count = (weights @ self.sums[name]).T
        return score / count, cost / count


def main() -> None:
    """Reads, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, default=20)
    options = parser.parse_args()
    zero = read(options.data, "zeroeval", OPEN + COMMERCIAL)
    compare(zero, OPEN, COMMERCIAL, options.seeds)
    pareto = read(options.data, "paretobandit")
    rivals = tuple(name for name in pareto.models if name.startswith("google/"))
    compare(pareto, tuple(name for name in pareto.models if name not in rivals), rivals, options.seeds)


def compare(data: Recorded, ours: tuple[str, ...], rivals: tuple[str, ...], seeds: int) -> None:
    """One data set."""
    tally = Tally(len(data))
    features = [read_features(prompt) for prompt in data.prompts]
    for seed in range(seeds):
        order = np.random.default_rng(seed).permutation(len(data))
        train, test = order[: int(0.7 * len(data))], order[int(0.7 * len(data)) :]
        for name in rivals:
            column = data.models.index(name)
            tally.add(name, test, data.scores[test, column], data.costs[test, column])
        pool = data.of(ours)
        history = history_of(ours, pool.vectors[train], pool.scores[train], [features[i] for i in train])
        believed = believe(history, pool.vectors[test], [features[i] for i in test], ["default"])["default"]
        price = pool.costs[train].mean(axis=0)
        span = float(np.ptp(price))
        for label, weight in TRADEOFFS.items():
            pick = np.argmax(believed - weight * (price - price.min()) / span, axis=1)
            tally.add(f"open, routed ({label})", test, pool.scores[test, pick], pool.costs[test, pick])
        if pool.answers:
            tally.add("open, consensus of two", test, *consensus(pool, train, test))
    report(data, tally, rivals)


def consensus(pool: Recorded, train: NDArray[np.int64], test: NDArray[np.int64]) -> tuple[Array, Array]:
    """Two open models of different families; where their answers differ, the best open one decides (and is paid).

    The pair is the one that would have done best per dollar on the training part.
    """
    best = int(np.argmax(pool.scores[train].mean(axis=0)))
    family = [name.lower().replace("meta-", "")[:5] for name in pool.models]
    pairs = [
        (a, b) for a in range(len(pool.models)) for b in range(a) if family[a] != family[b] and best not in (a, b)
    ]  # fmt: skip
    span = float(pool.costs[train].mean(axis=0).max())

    def worth(pair: tuple[int, int]) -> float:
        score, cost = _asked(pool, pair, best, train)
        return float(score.mean() - 0.05 * cost.mean() / span)

    return _asked(pool, max(pairs, key=worth), best, test)


def _asked(pool: Recorded, pair: tuple[int, int], best: int, rows: NDArray[np.int64]) -> tuple[Array, Array]:
    a, b = pair
    agree = np.array([normalise(pool.answers[i][a]) == normalise(pool.answers[i][b]) != "" for i in rows])
    score = np.where(agree, pool.scores[rows, a], pool.scores[rows, best])
    cost = pool.costs[rows, a] + pool.costs[rows, b] + np.where(agree, 0.0, pool.costs[rows, best])
    return score, cost


def report(data: Recorded, tally: Tally, rivals: tuple[str, ...]) -> None:
    """Tables per domain and altogether: success, dollars per 1,000 tasks, difference to the routed portfolio."""
    rng = np.random.default_rng(7)
    draws = rng.multinomial(len(data), np.full(len(data), 1 / len(data)), size=DRAWS).astype(float)
    weights = np.concatenate([np.ones((1, len(data))), draws])
    domains = sorted(set(data.categories.tolist())) if data.name == "zeroeval" else []
    for domain in ["all", *domains]:
        marked = weights * (data.categories == domain) if domain != "all" else weights
        print(f"\n### {data.name}, {domain} ({int(marked[0].sum())} prompts)\n")
        print("| | success | $ / 1,000 tasks | ours (best) minus it, points [95 %] | its cost / ours |")
        print("|---|---|---|---|---|")
        for line in _lines(tally, marked, rivals):
            print(line, flush=True)


def _lines(tally: Tally, weights: Array, rivals: tuple[str, ...]) -> Iterator[str]:
    base, spent = tally.means("open, routed (best)", weights)
    names = [name for name in tally.sums if name not in rivals]
    for name in [*names, *sorted(rivals, key=lambda rival: -tally.means(rival, weights)[0][0])]:
        score, cost = tally.means(name, weights)
        low, high = np.percentile((base - score)[1:], [2.5, 97.5]) * 100
        gap = (base - score)[0] * 100
        word = "better" if low > 0 else "worse" if high < 0 else "equal"
        yield (
            f"| {name} | {score[0]:.3f} | {cost[0] * 1000:.3f} | {gap:+.1f} [{low:+.1f}, {high:+.1f}] {word} "
            f"| {cost[0] / spent[0]:.2f} |"
        )


if __name__ == "__main__":
    main()
