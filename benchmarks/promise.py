"""`make bench-promise`: is "at most 2 points worse, with 95 %" kept, and what does it save?

Two kinds of simulated users. *All from n*: of the user's n labels a part teaches the policy, the rest certifies it.
*Learnt before*: the policy was taught by other labels (half of the source), and all n certify. Either way the labels
that certify are drawn with replacement from the population, which is all prompts that did not teach the policy, and
the truth is that population's mean. A promise is broken if the mean loss there exceeds 2 points. Users who get no
promise save nothing, and count.
"""

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.promise_sources import NAMES, Source, source
from benchmarks.promise_ways import WAYS, Way
from orchestrator_graph.routing.gate import Gate

Array = NDArray[np.float64]
Result = tuple[bool, float, float]
"""Granted, true mean loss, true saving."""
User = dict[str, Result]
SIZES = (100, 300, 1_000, 3_000)
ALLOWED = 0.02
POLICIES = 10
"""Policies learnt before, each for a share of the users."""


def main() -> None:
    """Simulates, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--users", type=int, default=500)
    parser.add_argument("--only", nargs="*", default=NAMES)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--protocol", nargs="*", default=["learnt before"])
    options = parser.parse_args()
    with ProcessPoolExecutor(options.processes) as pool:
        for protocol in options.protocol:
            print(f"\n## {protocol.capitalize()}\n\n| source | n | " + " | ".join(WAYS) + " |")
            print("|---|---|" + "---|" * len(WAYS))
            for name in options.only:
                jobs = (repeat(name), repeat(options.data), repeat(protocol), _batches(options.users))
                found: dict[int, list[User]] = {}
                for batch in pool.map(_users, *jobs):
                    for n, user in batch:
                        found.setdefault(n, []).append(user)
                for n, users in sorted(found.items()):
                    print(f"| {name} | {n:,} | " + " | ".join(_cell(users, way) for way in WAYS) + " |", flush=True)


def _batches(users: int) -> list[range]:
    size = -(-users // POLICIES)
    return [range(start, min(users, start + size)) for start in range(0, users, size)]


def _cell(users: list[User], way: str) -> str:
    """Share of broken promises with its standard error / mean saving / share of users with a promise."""
    granted, losses, savings = (np.array([user[way][i] for user in users], float) for i in range(3))
    broken = losses > ALLOWED
    error = (broken.mean() * (1 - broken.mean()) / len(users)) ** 0.5
    spread = savings.std() / len(users) ** 0.5
    return f"{broken.mean():.1%} ± {error:.1%} / {savings.mean():.1%} ± {spread:.1%} / {granted.mean():.0%}"


def _users(name: str, data: Path, protocol: str, numbers: range) -> list[tuple[int, User]]:
    """(n, results by way) of a batch of users, for each n; a policy that was learnt before is theirs together."""
    world, found = source(name, data), list[tuple[int, User]]()
    sizes = [n for n in SIZES if n <= 0.9 * len(world)]
    if protocol == "all from n":
        return [(n, _alone(world, n, number)) for n in sizes for number in numbers]
    before = np.random.default_rng([7, numbers.start]).permutation(len(world))[: len(world) // 2]
    population = np.setdiff1d(np.arange(len(world)), before)
    gates = {title: way.learn(world, before) for title, way in WAYS.items()}
    for n in sizes:
        for number in numbers:
            user = User()
            for title, way in WAYS.items():
                drawn = np.random.default_rng([n, number]).choice(population, n)
                user[title] = _truth(world, way.choose(world, gates[title], drawn), population, way)
            found.append((n, user))
    return found


def _alone(world: Source, n: int, number: int) -> User:
    """Some of the user's labels teach, the others certify."""
    user = User()
    for title, way in WAYS.items():
        rng, cut = np.random.default_rng([n, number]), int(n * way.teaches)
        order = rng.permutation(len(world))
        teaches, population = order[:cut], order[cut:]
        gate = way.learn(world, teaches)
        chosen = way.choose(world, gate, rng.choice(population, n - cut))
        user[title] = _truth(world, chosen, population, way)
    return user


def _truth(world: Source, gate: Gate | None, population: NDArray[np.int64], way: Way) -> Result:
    """What the policy really loses and saves on the population."""
    if gate is None:
        return False, 0.0, 0.0
    picks = way.picks(world, gate, population)
    lost = world.loss(gate, picks, population)
    return True, float(lost.mean()), world.saving(gate, picks, population)


if __name__ == "__main__":
    main()
