"""Learning while answering, on recorded outcomes: regret, budgets, and recovery from changes. `make bench-online`.

Prompts come in random order, once; only the chosen candidate's score and cost are revealed. Reward = score - lambda x
dollars, with lambda = 10 (a point of quality is worth a tenth of a cent). Expected cost is the announced mean at first
and then a moving average (.05) of what was paid, the same for every player. Task types are the analyzer's own.
"""

import argparse
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.online_report import ALERT, CHANGED, UNALERT, Run, report
from benchmarks.players import Guarded, Optimist, Thompson
from benchmarks.recorded import COMMERCIAL, OPEN, Recorded, read
from benchmarks.rivals import Array, Ask, Greedy, ParetoBandit, Player, TheirPacer
from orchestrator_graph.nodes.features import read_features
from orchestrator_graph.routing.pacing import Pacer

PRICE = 10.0
SOURCES: dict[str, tuple[str, ...]] = {"paretobandit": (), "zeroeval": (*COMMERCIAL, *OPEN)}
FRACTIONS = (0.25, 0.5, 0.75)
SCENARIOS = ("as recorded", "quality halves", "quality is halved", "price rises", "price is high")
"""The third and fifth are the changed world from the first prompt on: what the changed streams are compared with."""
RANDOM, LOG_COST = "random", "ParetoBandit's rule, its cost penalty .3"
LEFT_OUT = (RANDOM, LOG_COST)
"""Not played where the world changes."""


@dataclass(frozen=True)
class Stream:
    """One data set, whitened directions for ParetoBandit's rule, and the analyzer's task types."""

    data: Recorded
    kinds: tuple[str, ...]
    basis: Array


def scenarios(source: str) -> tuple[str, ...]:
    """Changes are played on ParetoBandit only: on ZeroEval's 16 candidates nobody has settled by the middle."""
    return (*SCENARIOS, "budget") if source == "paretobandit" else (SCENARIOS[0], "budget")


def load(folder: Path, source: str) -> Stream:
    """Reads a data set; the directions are of all its prompts, which is generous to ParetoBandit's rule."""
    data = read(folder, source, SOURCES[source])
    centred = data.vectors - data.vectors.mean(axis=0)
    values, directions = np.linalg.eigh(centred.T.astype(np.float64) @ centred / len(data))
    basis = directions[:, :-26:-1] / np.sqrt(values[:-26:-1])
    return Stream(data, tuple(read_features(prompt).task_type for prompt in data.prompts), basis)


def players(stream: Stream, seed: int) -> dict[str, Callable[[], Player]]:
    """Every player, made anew for each stream."""
    arms, announced = len(stream.data.models), stream.data.costs.mean(axis=0)
    return {
        RANDOM: lambda: Greedy(arms, seed),
        "epsilon-greedy .05": lambda: Greedy(arms, seed, 0.05),
        ALERT: lambda: Thompson(arms, seed),
        UNALERT: lambda: Thompson(arms, seed, alert=False),
        "LinUCB": lambda: Optimist(arms, seed),
        "linear + guard": lambda: Guarded(arms, seed),
        "ParetoBandit's rule": lambda: ParetoBandit(seed, stream.basis, announced),
        LOG_COST: lambda: ParetoBandit(seed, stream.basis, announced, 0.3),
    }


def world(data: Recorded, scenario: str, order: NDArray[np.int64]) -> tuple[Array, Array]:
    """Scores and costs in the order of the stream; what changes is the candidate with the best mean reward."""
    scores, costs = data.scores[order].copy(), data.costs[order].copy()
    best = int(np.argmax((data.scores - PRICE * data.costs).mean(axis=0)))
    late = slice(len(order) // 2 if scenario in ("quality halves", "price rises") else 0, None)
    if scenario.startswith("quality"):
        scores[late, best] *= 0.5
    elif scenario.startswith("price"):
        costs[late, best] *= 10
    return scores, costs


def play(stream: Stream, player: Player, scenario: str, seed: int) -> tuple[Array, Array, NDArray[np.int64]]:
    """Scores and costs of all candidates in the order of the stream, and what was chosen."""
    data = stream.data
    order = np.random.default_rng(seed).permutation(len(data))
    scores, costs = world(data, scenario, order)
    expected = data.costs.mean(axis=0) * (10 if scenario == "price is high" else 1) ** (
        np.arange(len(data.models)) == np.argmax((data.scores - PRICE * data.costs).mean(axis=0))
    )
    chosen = np.empty(len(order), int)
    for t, i in enumerate(order):
        ask = Ask(data.vectors[i], stream.kinds[i], expected.copy(), PRICE)
        arm = chosen[t] = player.choose(ask)[0]
        player.told(ask, int(arm), float(scores[t, arm]))
        expected[arm] += 0.05 * (costs[t, arm] - expected[arm])
    return scores, costs, chosen


def regrets(stream: Stream, scenario: str, seed: int) -> list[Run]:
    """Every player on one stream."""
    runs = []
    for name, make in players(stream, seed).items():
        if (scenario != SCENARIOS[0] and name in LEFT_OUT) or (scenario in CHANGED.values() and name == UNALERT):
            continue
        scores, costs, chosen = play(stream, make(), scenario, seed)
        rewards, rows = scores - PRICE * costs, np.arange(len(chosen))
        runs.append(
            Run(
                stream.data.name, scenario, name, seed,
                gap=(rewards.max(axis=1) - rewards[rows, chosen]).astype(np.float32),
                fixed=float(rewards.mean(axis=0).max() - rewards[rows, chosen].mean()),
                score=float(scores[rows, chosen].mean()), cost=float(costs[rows, chosen].mean()),
            )
        )  # fmt: skip
    return runs


def budgets(stream: Stream, fraction: float, seed: int) -> list[Run]:
    """Quality within a budget: paced, and with the hard ceiling.

    The budgets lie between the cheapest and the dearest candidate on a logarithmic scale: on a linear one none of them
    binds, since the dearest candidate is hardly worth taking.
    """
    data = stream.data
    means, n, arms = data.costs.mean(axis=0), len(data), len(data.models)
    target = float(means.min() * (means.max() / means.min()) ** fraction)
    pairs: dict[str, tuple[Player, Pacer | TheirPacer]] = {
        "Thompson, paced": (Thompson(arms, seed), Pacer(target * n, n)),
        "Thompson, hard": (Thompson(arms, seed), Pacer(target * n, n)),
        "LinUCB, paced": (Optimist(arms, seed), Pacer(target * n, n)),
        "ParetoBandit's rule and pacer": (ParetoBandit(seed, stream.basis, means, 0.3), TheirPacer(target)),
    }
    return [_spend(stream, name, player, pacer, target, fraction, seed) for name, (player, pacer) in pairs.items()]


def _spend(stream: Stream, name: str, player: Player, pacer: Any, target: float, fraction: float, seed: int) -> Run:
    data, spent, gained, refused = stream.data, 0.0, 0.0, 0
    worst, expected = data.costs.max(axis=0), data.costs.mean(axis=0)
    for i in np.random.default_rng(seed).permutation(len(data)):
        ask = Ask(data.vectors[i], stream.kinds[i], expected.copy(), pacer.price())
        ranking, hard = player.choose(ask), name.endswith("hard")
        arm = next((a for a in ranking if not hard or pacer.reserve(worst[a])), None)
        if arm is None:
            refused += 1
            continue
        cost = float(data.costs[i, arm])
        pacer.settle(float(worst[arm]) if hard else 0.0, cost)
        player.told(ask, arm, float(data.scores[i, arm]))
        expected[arm] += 0.05 * (cost - expected[arm])
        spent, gained = spent + cost, gained + float(data.scores[i, arm])
    over = max(0.0, spent / len(data) / target - 1)
    return Run(
        data.name, f"budget {fraction:.0%}", name, seed,
        score=gained / len(data), cost=spent / len(data), over=over, refused=refused / len(data), target=target,
    )  # fmt: skip


def one(job: tuple[Path, str, str, int]) -> list[Run]:
    """Everything of one data set, scenario and seed."""
    folder, source, scenario, seed = job
    stream = _LOADED.get(source) or _LOADED.setdefault(source, load(folder, source))
    if scenario == "budget":
        return [run for fraction in FRACTIONS for run in budgets(stream, fraction, seed)]
    return regrets(stream, scenario, seed)


_LOADED: dict[str, Stream] = {}


def main() -> None:
    """Runs all, prints the tables of docs/online.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with paretobandit.parquet, zeroeval.parquet and *.minilm.npz")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=2)
    wanted = parser.parse_args()
    began = time.perf_counter()
    jobs = [(wanted.data, s, c, n) for s in SOURCES for c in scenarios(s) for n in range(wanted.seeds)]
    with ProcessPoolExecutor(wanted.jobs) as pool:
        runs = []
        for number, found in enumerate(pool.map(one, jobs), 1):
            runs += found
            print(f"\r{number} of {len(jobs)}, {time.perf_counter() - began:.0f} s", end="", file=sys.stderr)
    streams = {source: load(wanted.data, source).data for source in SOURCES}
    print("\n" + report(runs, streams), file=sys.stdout)
    print(f"\n{time.perf_counter() - began:.0f} s on {wanted.jobs} processes, {wanted.seeds} seeds.")


if __name__ == "__main__":
    main()
