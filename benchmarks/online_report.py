"""Tables of the online benchmark: means over seeds with 95 % t intervals, differences paired by seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from benchmarks.recorded import Recorded

RIVAL = "ParetoBandit's rule"
ALERT, UNALERT = "Thompson", "Thompson, no detector"
WINDOW, MARGIN = 100, 1.1
"""Prompts over which regret is averaged, and how near it must come to that in a world that never was another."""
CHANGED = {"quality halves": "quality is halved", "price rises": "price is high"}


@dataclass(frozen=True)
class Run:
    """One player on one stream.

    Attributes:
        gap: Shape (n,), reward of the best choice for the prompt minus reward of the choice made.
        fixed: Mean reward of the candidate that is best over the whole stream, minus the player's.
        score, cost: Means per prompt.
        over: Share by which the budget was overshot.
        refused: Share of prompts for which nothing fitted under the ceiling.
        target: Dollars a prompt.
    """

    source: str
    scenario: str
    player: str
    seed: int
    gap: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    fixed: float = 0.0
    score: float = 0.0
    cost: float = 0.0
    over: float = 0.0
    refused: float = 0.0
    target: float = 0.0


def interval(values: Sequence[float], digits: int = 1) -> str:
    """Mean and half width of the 95 % t interval."""
    half = float(stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / len(values) ** 0.5)
    return f"{np.mean(values):.{digits}f} ± {half:.{digits}f}"


def report(runs: Sequence[Run], data: Mapping[str, Recorded]) -> str:
    """All tables as Markdown."""
    parts = []
    for source, recorded in data.items():
        own = [run for run in runs if run.source == source]
        parts += [f"### {source}: {len(recorded)} prompts, {len(recorded.models)} candidates", ""]
        parts += [*_regret(own), "", *_recovery(own), *_budget(own, recorded), ""]
    return "\n".join(parts)


def _by_player(runs: Sequence[Run], scenario: str) -> dict[str, list[Run]]:
    found: dict[str, list[Run]] = {}
    for run in sorted(runs, key=lambda r: r.seed):
        if run.scenario == scenario:
            found.setdefault(run.player, []).append(run)
    return found


def _regret(runs: Sequence[Run]) -> list[str]:
    lines = [
        "| as recorded | regret to the best fixed, per 1,000 prompts | to the oracle | the same, last quarter "
        "| score | cost per 1,000, $ | less than ParetoBandit's rule (paired) |",
        "|---|---|---|---|---|---|---|",
    ]
    found = _by_player(runs, "as recorded")
    for player, own in found.items():
        ahead = [(r.gap.mean() - o.gap.mean()) * 1000 for r, o in zip(found[RIVAL], own, strict=True)]
        lines.append(
            f"| {player} | {interval([r.fixed * 1000 for r in own])} | {interval([_rate(r, 0.0) for r in own])} "
            f"| {interval([_rate(r, 0.75) for r in own])} | {interval([r.score for r in own], 4)} "
            f"| {interval([r.cost * 1000 for r in own], 3)} | {'-' if player == RIVAL else interval(ahead)} |"
        )
    return lines


def _rate(run: Run, since: float) -> float:
    return float(run.gap[int(since * len(run.gap)) :].mean()) * 1000


def _recovery(runs: Sequence[Run]) -> list[str]:
    lines = [
        "| from the middle on | "
        + " | ".join(
            f"{name}: prompts to recover (95 %) | regret to the oracle after it, per 1,000 | of it, because of the past"
            for name in CHANGED
        )
        + " |",
        "|---" * 7 + "|",
    ]
    if not any(run.scenario in CHANGED for run in runs):
        return []
    worlds = {name: _by_player(runs, name) for name in (*CHANGED, *CHANGED.values())}
    for player in worlds["quality halves"]:
        cells = []
        for before, steady in CHANGED.items():
            mine = np.array([run.gap for run in worlds[before][player]])
            other = np.array([run.gap for run in worlds[steady][ALERT if player == UNALERT else player]])
            half = mine.shape[1] // 2
            after = mine[:, half:].mean(axis=1) * 1000
            extra = after - other[:, half:].mean(axis=1) * 1000
            cells += [_prompts(mine, other), interval(after.tolist()), interval(extra.tolist())]
        lines.append(f"| {player} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def _prompts(mine: NDArray[np.float32], other: NDArray[np.float32]) -> str:
    """Prompts until the regret of a window is within 10 % of the unchanged world's; bootstrap over seeds."""
    rng, n = np.random.default_rng(0), len(mine)
    drawn = sorted(_recovered(mine[rows], other[rows]) for rows in rng.integers(n, size=(200, n)))
    low, high, most = drawn[4], drawn[195], mine.shape[1] - mine.shape[1] // 2
    here = _recovered(mine, other)
    return " ".join(
        ["never" if here >= most else str(here), f"({low} .. {'never' if high >= most else high})"]
    )  # fmt: skip


def _recovered(mine: NDArray[np.float32], other: NDArray[np.float32]) -> int:
    half = mine.shape[1] // 2
    kernel = np.ones(WINDOW) / WINDOW
    after = np.convolve(mine[:, half:].mean(axis=0), kernel, "valid")
    wanted = np.convolve(other[:, half:].mean(axis=0), kernel, "valid") * MARGIN
    within = np.flatnonzero(after <= wanted)
    return int(within[0]) if len(within) else mine.shape[1] - half


def _budget(runs: Sequence[Run], recorded: Recorded) -> list[str]:
    lines = [
        "| budget | | score | minus the best mix of fixed candidates at that price | cost / budget "
        "| overshoot, %: mean, worst seed | refused, % |",
        "|---|---|---|---|---|---|---|",
    ]
    for scenario in sorted({run.scenario for run in runs if run.scenario.startswith("budget")}):
        for player, own in _by_player(runs, scenario).items():
            target = own[0].target
            mix = _mix(recorded, target)
            lines.append(
                f"| {scenario.removeprefix('budget ')}, ${target * 1000:.2f} per 1,000 | {player} "
                f"| {interval([r.score for r in own], 4)} | {interval([r.score - mix for r in own], 4)} "
                f"| {interval([r.cost / target for r in own], 3)} "
                f"| {100 * np.mean([r.over for r in own]):.2f}, {100 * max(r.over for r in own):.2f} "
                f"| {100 * np.mean([r.refused for r in own]):.2f} |"
            )
    return lines


def _mix(recorded: Recorded, budget: float) -> float:
    """Score of the best random mix of fixed candidates that costs so much on average, read off these very prompts."""
    points = sorted(zip(recorded.costs.mean(axis=0), recorded.scores.mean(axis=0), strict=True))
    best = max(score for cost, score in points if cost <= budget)
    for cheap, low in points:
        for dear, high in points:
            if cheap <= budget < dear:
                best = max(best, low + (high - low) * (budget - cheap) / (dear - cheap))
    return float(best)
