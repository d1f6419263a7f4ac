"""One data set at one number of labels: every method on the same splits, the same bootstrap weights for all of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.recorded import Recorded
from benchmarks.routing.baselines import BASELINES
from benchmarks.routing.metrics import aiq, curve, hull_area, pgr
from benchmarks.routing.ours import MIXES, believe, history_of
from orchestrator_graph.nodes.features import read_features
from orchestrator_graph.types import Features

Array = NDArray[np.float64]
Draws = dict[str, Array]
"""Method -> metric, first under equal weights, then per bootstrap draw; shape (draws + 1,), or (.., 101) for PGR."""

__all__ = ["Split", "measure"]

DRAWS = 200


@dataclass(frozen=True)
class Split:
    """Train and test rows of one seed."""

    data: Recorded
    train: NDArray[np.int64]
    test: NDArray[np.int64]
    features: list[Features]
    weights: Array

    @property
    def binary(self) -> bool:
        """RouteLLM's protocol: a weak and a strong model, shares of strong calls."""
        return self.data.name == "routellm"

    def metric(self, believed: Array) -> Array:
        """PGR curves for two models, AIQ for many."""
        scores, costs = self.data.scores[self.test], self.data.costs[self.test]
        if self.binary:
            return pgr(believed[:, 1] - believed[:, 0], scores, self.weights)
        return aiq(curve(believed, self.data.costs[self.train].mean(axis=0)), scores, costs, self.weights)


def splits(data: Recorded, labels: int, seeds: int) -> Iterator[Split]:
    """70 / 30, then at most `labels` of the training part; the weights of a prompt are the same in every seed."""
    features = [read_features(prompt) for prompt in data.prompts]
    rng = np.random.default_rng(12345)
    draws = rng.multinomial(len(data), np.full(len(data), 1 / len(data)), size=DRAWS).astype(float)
    weights = np.concatenate([np.ones((1, len(data))), draws])
    for seed in range(seeds):
        order = np.random.default_rng(seed).permutation(len(data))
        cut = int(0.7 * len(data))
        train, test = order[:cut][:labels], order[cut:]
        yield Split(data, train, test, features, weights[:, test])


def measure(data: Recorded, labels: int, seeds: int, say: Callable[[str], None]) -> Draws:
    """Each method's metric, averaged over the seeds draw by draw."""
    sums: Draws = {}
    for number, split in enumerate(splits(data, labels, seeds), 1):
        for name, values in _methods(split):
            sums[name] = sums.get(name, 0.0) + values / seeds
        say(f"{data.name} {labels} labels: seed {number} of {seeds}")
    return sums


def _methods(split: Split) -> Iterator[tuple[str, Array]]:
    data, x, test = split.data, split.data.vectors[split.train], split.data.vectors[split.test]
    y = data.scores[split.train]
    before, after = [split.features[i] for i in split.train], [split.features[i] for i in split.test]
    for name, baseline in BASELINES.items():
        yield name, split.metric(baseline(x, y, test))
    for name, believed in believe(history_of(data.models, x, y, before), test, after, list(MIXES)).items():
        yield name, split.metric(believed)
    shuffled = y[np.random.default_rng(len(y)).permutation(len(y))]
    control = history_of(data.models, x, shuffled, before)
    yield "shuffled labels", split.metric(believe(control, test, after, ["default"])["default"])
    if split.binary:
        lengths = np.array([len(data.prompts[i]) for i in split.test], float)
        yield "prompt length", split.metric(np.stack([-lengths, lengths], axis=1))
        yield "random mix", np.tile(np.linspace(0, 1, 101), (len(split.weights), 1))
        yield "oracle", split.metric(data.scores[split.test])
        return
    yield from _mixes(split, y)


def _mixes(split: Split, y: Array) -> Iterator[tuple[str, Array]]:
    """Mixtures of single models, and the oracle."""
    data, weights = split.data, split.weights
    scores, costs = data.scores[split.test], data.costs[split.test]
    total = weights.sum(axis=1, keepdims=True)
    quality, cost = weights @ scores / total, weights @ costs / total
    chosen = hull_members(data.costs[split.train].mean(axis=0), y.mean(axis=0))
    ends = [int(np.argmin(data.costs[split.train].mean(axis=0))), int(np.argmax(y.mean(axis=0)))]

    def area(columns: list[int]) -> Array:
        return np.array([
            path_area(c[columns], q[columns], c.min(), c.max()) for c, q in zip(cost, quality, strict=True)
        ])  # fmt: skip

    yield "zero router (fair)", area(chosen)
    yield "random mix", area(ends)
    yield "best single (its quality)", quality[:, ends[1]]
    yield "zero router (read off test)", np.array([
        hull_area(c, q, float(c.min()), float(c.max())) for c, q in zip(cost, quality, strict=True)
    ])  # fmt: skip
    # The cheapest right model per prompt: quality is nearly free, so that price only breaks ties.
    best = np.argmax(scores - 1e-6 * costs / costs.max(), axis=1)
    yield "oracle", aiq(np.stack([best, np.full(len(best), ends[0])]), scores, costs, weights)


def hull_members(cost: Array, quality: Array) -> list[int]:
    """The models on the train means' non-decreasing concave hull, cheapest first."""
    kept: list[int] = []
    for i in np.lexsort((-quality, cost)).tolist():
        if kept and quality[i] <= quality[kept[-1]]:
            continue
        while len(kept) > 1 and _slope(cost, quality, kept[-2], kept[-1]) <= _slope(cost, quality, kept[-2], i):
            kept.pop()
        kept.append(i)
    return kept


def _slope(cost: Array, quality: Array, a: int, b: int) -> float:
    return float((quality[b] - quality[a]) / max(cost[b] - cost[a], 1e-15))


def path_area(cost: Array, quality: Array, low: float, high: float) -> float:
    """Area under a path that was fixed beforehand: mixtures of neighbours in the order given, then flat."""
    order = np.argsort(cost)
    grid = np.unique(np.concatenate([[low, high], np.clip(cost, low, high)]))
    return float(np.trapezoid(np.interp(grid, cost[order], quality[order]), grid)) / (high - low)
