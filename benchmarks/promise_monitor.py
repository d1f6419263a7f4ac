"""How often the monitor of a promise cries wolf, and how soon it hears one: `python -m benchmarks.promise_monitor`.

Simulated requests whose loss against the reference is -1, 0 or 1; a share of them is audited. Three laws: how often
policy and reference differ at all is what decides how soon a shift can be told from luck. Prints markdown.
"""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from orchestrator_graph.confidence.e_process import EProcess
from orchestrator_graph.confidence.monitor import LOST, NOVEL

__all__ = ["report"]

ALLOWED, SHIFT = 0.02, 0.05
REQUESTS, RUNS, DELAY_RUNS, CHUNK = 10_000, 1_000, 300, 500
SHARES = (0.01, 0.05, 0.1, 1.0)
DIFFER = (0.02, 0.1, 0.3)
"""Share of requests on which exactly one of the two is right."""
QUIET = 2_000
"""Requests before the shift."""
MOST = 8_000
"""Audited requests after the shift that are simulated."""


def losses(rng: np.random.Generator, shape: tuple[int, ...], mean: float, differ: float) -> NDArray[np.float64]:
    """Draws in {-1, 0, 1} with this mean, not 0 in about so many."""
    share, drawn = max(differ, abs(mean)), rng.random(shape)
    lost: NDArray[np.float64] = np.where(drawn < (share + mean) / 2, 1.0, np.where(drawn < share, -1.0, 0.0))
    return lost


def chunks(total: int) -> Iterator[int]:
    """Sizes that sum to the total: not all runs lie in memory at once."""
    return (min(CHUNK, total - start) for start in range(0, total, CHUNK))


def false_alarms(mean: float, differ: float, share: float, seed: int = 0) -> float:
    """Share of runs over 10,000 requests in which a promise that is kept was suspended for its losses."""
    rng, audited = np.random.default_rng(seed), round(REQUESTS * share)
    watch = EProcess(ALLOWED, low=-1.0)
    wrong = sum(
        int((watch.path(losses(rng, (runs, audited), mean, differ)).max(axis=1) >= 1 / LOST).sum())
        for runs in chunks(RUNS)
    )
    return wrong / RUNS


def delay(before: float, differ: float, share: float, seed: int = 1) -> float:
    """Median requests from a shift of 5 points to the suspension; infinite where most runs end without one."""
    rng, watch, found = np.random.default_rng(seed), EProcess(ALLOWED, low=-1.0), list[float]()
    quiet = round(QUIET * share)
    for runs in chunks(DELAY_RUNS):
        calm, wild = losses(rng, (runs, quiet), before, differ), losses(rng, (runs, MOST), before + SHIFT, differ)
        over = watch.path(np.concatenate([calm, wild], axis=1)) >= 1 / LOST
        first = np.where(over.any(axis=1), over.argmax(axis=1) - quiet + 1, np.inf)
        # So many audited requests make about so many requests.
        found += [max(0.0, float(item)) / share for item in first]
    return float(np.median(found))


def novelty(share: float, certified: float, runs: int, seed: int = 2) -> tuple[float, float]:
    """Share of runs that suspend within 10,000 requests of which `share` are outside; median request of it."""
    rng, watch, found = np.random.default_rng(seed), EProcess(certified), list[float]()
    for size in chunks(runs):
        over = watch.path((rng.random((size, REQUESTS)) < share).astype(float)) >= 1 / NOVEL
        found += np.where(over.any(axis=1), over.argmax(axis=1) + 1.0, np.inf).tolist()
    return float(np.isfinite(found).mean()), float(np.median(found))


def report() -> str:
    """The tables as markdown."""
    lines = [
        f"False suspensions in 10,000 requests, {RUNS:,} runs a cell (wanted: at most 5 %), and median requests from a "
        f"shift of {SHIFT * 100:g} points to the suspension, {DELAY_RUNS} runs a cell; at most "
        f"{ALLOWED * 100:g} points are allowed, {QUIET:,} quiet requests go before the shift.",
        "",
        "| differ | audited | false, mean loss 2 points | false, 1 point | false, 0 | delay from 0.5 points | from 2 |",
        "|---|---|---|---|---|---|---|",
    ]
    for differ in DIFFER:
        for share in SHARES:
            rates = (false_alarms(mean, differ, share) for mean in (ALLOWED, 0.01, 0.0))
            delays = (delay(before, differ, share) for before in (0.005, ALLOWED))
            cells = [*(f"{rate:.1%}" for rate in rates), *(_requests(found) for found in delays)]
            lines.append(f"| {differ:.0%} | {share:.0%} | {' | '.join(cells)} |")
    lines += ["", *_novelty()]
    return "\n".join(lines)


def _requests(found: float) -> str:
    return "not within what was simulated" if math.isinf(found) else f"{found:,.0f}"


def _novelty() -> list[str]:
    lines = [
        "Novelty: requests outside the domain, every request counted; suspended in 10,000 requests, and when.",
        "",
        "| certified | outside | suspended | median request |",
        "|---|---|---|---|",
    ]
    for certified, share, runs in ((0.05, 0.05, RUNS), (0.05, 0.03, RUNS), (0.05, 0.1, 100), (0.05, 0.3, 100)):
        rate, median = novelty(share, certified, runs)
        lines.append(
            f"| {certified:.0%} | {share:.0%} | {rate:.1%} | {'-' if math.isinf(median) else f'{median:,.0f}'} |"
        )
    return lines


if __name__ == "__main__":
    print(report())
