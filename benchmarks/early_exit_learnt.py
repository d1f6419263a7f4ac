"""Is a limit worth it that is learnt from answers, beyond the exact one? An ablation on stored answers.

The exact limit cuts nothing that would be accepted, whatever is still to come. Two learnt ones cut a bounded share of
it: a quantile of the whole answers' probabilities (a distribution-free tolerance limit: Wilks 1941), and a curve with a
limit for each position, walked upwards on a part of its own while an exact binomial test holds (Learn-then-Test).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import partial

import numpy as np
from numpy.typing import NDArray

from benchmarks.pocket_signals import PocketSignals
from orchestrator_graph.confidence.bounds import p_value
from orchestrator_graph.confidence.calibration import Calibration
from orchestrator_graph.confidence.early import give_up_below
from orchestrator_graph.confidence.signals import signals_of
from orchestrator_graph.gateway.watcher import Watcher

__all__ = ["ablation"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Limits = dict[str, Array]
"""Task type -> log-probability below which an answer is given up, by position."""

THRESHOLD, RISK, FEWEST, LEARNT = 0.8, 0.05, 50, 1_000
SHARES = (0.01, 0.05)
QUANTILES = (0.0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05)
LONGEST: dict[str, int | None] = {"any length": None, "128 tokens (the context)": 128, "16 tokens": 16}
SPLITS = 5


@dataclass(frozen=True)
class Answers:
    """n answers of the first model: running log-probabilities (n, longest; NaN behind the end), what came of them."""

    running: Array
    length: Array
    probability: Array
    mean: Array
    right: Mask
    cost_in: Array
    per_token: Array
    next_right: Mask
    next_cost: Array
    kind: NDArray[np.str_]

    def part(self, where: NDArray[np.int64]) -> "Answers":
        """Those of some tasks."""
        return Answers(*(getattr(self, field.name)[where] for field in fields(self)))


def answers(runs: PocketSignals, first: str, second: str) -> Answers:
    """What is stored of two models."""
    one, two, n = runs.models.index(first), runs.models.index(second), len(runs.tasks)
    length, costs = runs.tokens_out[:, one, 0], runs.costs[:, one, 0]
    running, attempts = np.full((n, int(length.max())), np.nan), [runs.attempt(task, one) for task in range(n)]
    for row, attempt in zip(running, attempts, strict=True):
        watcher = Watcher(0.0)
        for place, token in enumerate(attempt.logprobs):
            watcher.hopeless([token])
            row[place] = watcher.log_probability
    told = [signals_of(attempt) for attempt in attempts]
    price = costs / (runs.tokens_in[:, one, 0] + length)
    probability, mean = (np.array([one.get(name, 0.0) for one in told]) for name in ("probability", "mean"))
    right, kinds = runs.right[:, :, 0] > 0, np.array([features.task_type for features in runs.features])
    cost_in, next_cost = price * runs.tokens_in[:, one, 0], runs.costs[:, two, 0]
    return Answers(
        running, length, probability, mean, right[:, one], cost_in, price, right[:, two], next_cost, kinds
    )  # fmt: skip


class Judge:
    """The calibration of the first model's answers, and which of them it accepts."""

    def __init__(self, train: Answers) -> None:
        self.kinds = [str(kind) for kind in np.unique(train.kind)]
        self.believed = {kind: float(train.right[train.kind == kind].mean()) for kind in self.kinds}
        signals, beliefs = (
            {"probability": train.probability, "mean": train.mean},
            [self.believed[k] for k in train.kind],
        )
        self.calibration = Calibration.fit("m", signals, train.right.astype(float), beliefs, train.kind.tolist())

    def confidence(self, kind: str, signals: Mapping[str, float]) -> float:
        return self.calibration.confidence("m", kind, signals, self.believed[kind]).probability

    def accepts(self, part: Answers) -> Mask:
        rows = zip(part.kind.tolist(), part.probability.tolist(), part.mean.tolist(), strict=True)
        return np.array([self.confidence(k, {"probability": p, "mean": m}) >= THRESHOLD for k, p, m in rows])

    def exact(self, width: int, longest: int | None) -> Limits:
        found = {k: give_up_below(THRESHOLD, partial(self.confidence, k), longest) for k in self.kinds}
        return {kind: np.full(width, np.log(limit) if limit else -np.inf) for kind, limit in found.items()}


def heard(part: Answers, limits: Limits) -> tuple[Array, Mask]:
    """Tokens of each answer until it falls below its limit, and whether it did before its end."""
    below = part.running < np.array([limits[kind] for kind in part.kind])
    cut: Mask = np.any(below, axis=1)
    return np.where(cut, below.argmax(axis=1) + 1, part.length), cut


def tolerance(part: Answers, accepted: Mask, floor: Limits, share: float) -> Limits:
    """Per task type the highest probability below which, at 95 %, at most this share of the accepted lies."""
    found = dict(floor)
    for kind in floor:
        values = np.sort(part.probability[accepted & (part.kind == kind)])
        rank = 0  # how many of them may lie below: the binomial test, walked upwards
        while rank < len(values) and p_value((np.arange(len(values)) < rank).astype(float), share) <= RISK:
            rank += 1
        if rank:
            found[kind] = np.maximum(floor[kind], np.log(values[rank - 1]))
    return found


def by_position(parts: tuple[Answers, Answers], kept: tuple[Mask, Mask], floor: Limits, share: float) -> Limits:
    """At each position a quantile of the running log-probabilities of what to keep; the second part checks it."""
    best = floor
    for quantile in QUANTILES:
        tried = {kind: limit.copy() for kind, limit in floor.items()}
        for kind, limit in tried.items():
            running = parts[0].running[kept[0] & (parts[0].kind == kind)]
            for place in np.flatnonzero(np.isfinite(running).sum(axis=0) >= FEWEST):
                limit[place] = max(limit[place], np.nanquantile(running[:, place], quantile) - 1e-9)
        if p_value(heard(parts[1], tried)[1][kept[1]].astype(float), share) > RISK:
            break
        best = tried
    return best


def ablation(runs: PocketSignals, first: str = "pocket:small", second: str = "pocket:medium") -> str:
    """Exact and learnt limits on held-out answers, as a markdown table: means over the splits."""
    found, n = answers(runs, first, second), len(runs.tasks)
    rows: dict[str, list[tuple[float, ...]]] = {}
    for seed in range(SPLITS):
        order = np.random.default_rng(seed).permutation(n)
        places = np.split(order, [LEARNT, LEARNT + (n - LEARNT) // 3, LEARNT + 2 * (n - LEARNT) // 3])
        labelled, *parts, test = (found.part(place) for place in places)
        judge = Judge(labelled)
        accepted = judge.accepts(test)
        for name, limits in _variants(judge, (parts[0], parts[1])):
            rows.setdefault(name, []).append(_figures(test, accepted, limits))
    lines = [
        "| limit | output tokens of the first model saved | accepted answers cut | cost of the cascade | accuracy |",
        "|---|---|---|---|---|",
    ]
    base = np.mean(rows["heard out"], axis=0)
    for name, figures in rows.items():
        saved, cut, cost, right = np.mean(figures, axis=0)
        lines.append(f"| {name} | {saved:.1%} | {cut:.2%} | {cost / base[2] - 1:+.2%} | {right - base[3]:+.4f} |")
    return "\n".join(lines)


def _variants(judge: Judge, parts: tuple[Answers, Answers]) -> Iterator[tuple[str, Limits]]:
    width = parts[0].running.shape[1]
    kept = (judge.accepts(parts[0]), judge.accepts(parts[1]))
    yield "heard out", {kind: np.full(width, -np.inf) for kind in judge.kinds}
    for name, longest in LONGEST.items():
        yield f"exact, {name}", judge.exact(width, longest)
    floor = judge.exact(width, 128)
    learn: dict[str, Callable[[float], Limits]] = {
        "quantile of accepted answers": lambda share: tolerance(parts[1], kept[1], floor, share),
        "curve by position": lambda share: by_position(parts, kept, floor, share),
    }
    for name, learnt in learn.items():
        for share in SHARES:
            yield f"learnt, {name}, at most {share:.0%} of them cut", learnt(share)


def _figures(test: Answers, accepted: Mask, limits: Limits) -> tuple[float, ...]:
    tokens, cut = heard(test, limits)
    kept = accepted & ~cut
    cost = test.cost_in + test.per_token * tokens + np.where(kept, 0, test.next_cost)
    right = np.where(kept, test.right, test.next_right)
    lost = (accepted & cut).sum() / max(1, accepted.sum())
    return 1 - tokens.sum() / test.length.sum(), float(lost), float(cost.mean()), float(right.mean())
