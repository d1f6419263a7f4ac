"""How far others can push a user's tasks to a dear model: poisoned memories and padded prompts. `make bench-poison`.

A memory holds honest outcomes of pocket task families: on the nine easy ones the cheap model is right 19 times in 20,
on the three hard ones once in five. Attackers remember rows of their own that say the opposite of the easy ones, which
the victim asks for. Counted is the share of the victim's queries that the dear model gets and would not have got
without the attack. All of it goes through the public memory (built-in embedder), what an orchestrator teaches its
estimators of it, and `decide`; no model is called.
"""

import argparse
import json
import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

from orchestrator_graph.assembly import Assembly
from orchestrator_graph.drive import SYNC, drive
from orchestrator_graph.memory import Lookup, Memory, RunRecord, TaskRecord
from orchestrator_graph.nodes.features import read_features
from orchestrator_graph.pocket.families import FAMILIES, generate
from orchestrator_graph.policy import Policy
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.registry.spec import ModelSpec, Price, Prior
from orchestrator_graph.routing.decide import decide, estimate
from orchestrator_graph.routing.defaults import default_estimators
from orchestrator_graph.routing.estimator import Estimator, Learner
from orchestrator_graph.routing.linear import Linear
from orchestrator_graph.routing.priors import priors
from orchestrator_graph.routing.robust import second_look
from orchestrator_graph.routing.selector import rank
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Candidate, Decision, Estimate, Outcome, new_id

HARD = ("count", "expression", "times")
EASY = tuple(name for name in FAMILIES if name not in HARD)
RIGHT = {"cheap": (0.95, 0.2), "mid": (0.95, 0.4), "dear": (0.97, 0.9)}
"""Model -> how often it is right on easy and on hard families."""
PRICES = {"cheap": 0.1, "mid": 0.5, "dear": 10.0}
PORTFOLIO = Portfolio(
    ModelSpec(f"test:{name}", price=Price(price, price), priors={"*": Prior(quality, 10, "guess")})
    for (name, price), quality in zip(PRICES.items(), (0.7, 0.75, 0.85), strict=True)
)
CANDIDATES = tuple(map(Candidate.single, PORTFOLIO))
POLICY = Policy()
KNN = 20
SANE = 0.5
"""Share of hard tasks that the dear model has to get without an attack: else nothing was learnt to be attacked."""
METHODS = ("plain kNN, k=20", "ridge alone", "ours")
HOUR_S = 3600.0
"""From one remembered task to the next; the last one is an hour old, and the attackers' are the newest."""
PADS = 8
"""Paddings that an attacker tries on each prompt; one that works is enough."""
Row = tuple[str, str, dict[str, float]]
"""(user, text, model -> score)."""


def prompts(families: Sequence[str], n: int, seed: int, joined: int = 1) -> list[tuple[str, str]]:
    """(family, text); with `joined` > 1 so many tasks of one family make one text."""
    rng, made = random.Random(seed), []
    for number in range(n):
        family = rng.choice(families)
        tasks = generate("train", joined, seed=seed * 100_003 + number, families=[family], held_out=None)
        made.append((family, " ".join(task.prompt for task in tasks)))
    return made


def honest(users: Sequence[str], n: int, seed: int, joined: int = 1) -> list[Row]:
    """What honest users remember: every model tried, right as often as it is."""
    rng, rows = random.Random(seed), []
    for number, (family, text) in enumerate(prompts(tuple(FAMILIES), n, seed, joined)):
        hard = family in HARD
        scores = {name: float(rng.random() < right[hard]) for name, right in RIGHT.items()}
        rows.append((users[number % len(users)], text, scores))
    return rows


def poisoned(shape: str, n: int, accounts: int, seed: int) -> list[Row]:
    """Rows that say that only the dear one is right, of so many accounts.

    `near`: near-duplicates of the victim's phrasings; `spread`: over all families; `disguised`: every other row of
    each account is honest.
    """
    families = tuple(FAMILIES) if shape == "spread" else EASY
    lie, truth = {"cheap": 0.0, "mid": 0.0, "dear": 1.0}, {"cheap": 1.0, "mid": 1.0, "dear": 1.0}
    rows = []
    for number, (_, text) in enumerate(prompts(families, n, seed)):
        honestly = shape == "disguised" and number // accounts % 2
        rows.append((f"mallory{number % accounts}", text, truth if honestly else lie))
    return rows


def remembered(rows: Iterable[Row], *more: Learner) -> tuple[Memory, tuple[Estimator, ...]]:
    """A memory in RAM that holds the rows, and the default estimators, taught as an orchestrator teaches them."""
    estimators = default_estimators()
    memory = Assembly(list(PORTFOLIO.values()), memory=Memory(), estimators=(*estimators, *more)).memory
    rows, tasks, outcomes = list(rows), [], []
    for age, (user, text, scores) in zip(range(len(rows), 0, -1), rows, strict=True):
        features, name = read_features(text), new_id()
        born = time.time() - age * HOUR_S
        tasks.append(TaskRecord(name, name, "1", "default", user, features.text, features.task_type, False, born))
        outcomes += [
            Outcome(new_id(), name, name, f"test:{model}", score, "feedback", 1.0) for model, score in scores.items()
        ]
    drive(memory.remember(SYNC, RunRecord(tuple(tasks), outcomes=tuple(outcomes))))
    return memory, estimators


def situation(found: Lookup) -> Situation:
    """The moment of the victim's decision."""
    return Situation(
        neighbours=found.neighbours,
        memory_state=found.state,
        vector=found.vector,
        space=found.embed_model,
        user_id="victim",
    )


def plain_knn(found: Lookup, now: Situation, text: str) -> str:
    """The baseline: the mean score of the twenty nearest rows, whoever wrote them."""
    features, chosen = read_features(text), []
    for item in estimate(features, CANDIDATES, replace(now, portfolio=PORTFOLIO), ()):
        scores = [s for near in found.neighbours for name, s, _ in near.outcomes if name == item.candidate.id]
        chosen.append(replace(item, quality=sum(scores) / len(scores) if scores else 0.5))
    return _first(rank(chosen, POLICY, now, features.task_type)[0])


def _first(ranking: Sequence[Estimate]) -> str:
    return ranking[0].candidate.id.removeprefix("test:")


def upgraded(rows: Iterable[Row], queries: Sequence[str]) -> dict[str, set[str]]:
    """The queries that the dear one gets: by plain kNN, by the ridge regression alone, by our whole decision."""
    linear = Linear()
    memory, estimators = remembered(rows, linear)
    wide = drive(memory.lookup(SYNC, queries, tenant="default", k=KNN, min_similarity=-1.0))
    near = drive(memory.lookup(SYNC, queries, tenant="default"))
    dear: dict[str, set[str]] = {name: set() for name in METHODS}
    for text, far, found in zip(queries, wide, near, strict=True):
        features, now = read_features(text), replace(situation(found), portfolio=PORTFOLIO)
        alone = estimate(features, CANDIDATES, now, (priors, linear))
        picks = (
            plain_knn(far, now, text),
            _first(rank(alone, POLICY, now, features.task_type)[0]),
            _first(decide("1", features, PORTFOLIO, POLICY, now, estimators).ranking),
        )
        for name, pick in zip(METHODS, picks, strict=True):
            dear[name] |= {text} if pick == "dear" else set()
    memory.close()
    return dear


def attacks(n: int, seeds: Sequence[int]) -> list[dict[str, object]]:
    """What each attack adds, to a victim with a memory of its own and to one that is new; first without any attack."""
    lines: list[dict[str, object]] = []
    for owner, users in (("own memory", ("victim",)), ("new, 20 others", tuple(f"user{i}" for i in range(20)))):
        worlds = [(honest(users, 300, s), [text for _, text in prompts(EASY, n, s + 50)]) for s in seeds]
        before = [upgraded(rows, queries) for rows, queries in worlds]
        hard = [text for _, text in prompts(HARD, n, 7)]
        right = {name: len(found) / len(set(hard)) for name, found in upgraded(worlds[0][0], hard).items()}
        _told(lines, victim=owner, attack="none, hard tasks", rows=0, accounts=0, **right)
        if right["ours"] < SANE:
            raise SystemExit(f"without an attack only {right['ours']:.0%} of the hard tasks get the dear model")
        total = sum(len(set(queries)) for _, queries in worlds)
        shares = {name: sum(len(run[name]) for run in before) / total for name in METHODS}
        _told(lines, victim=owner, attack="none", rows=0, accounts=0, **shares)
        for shape, size, accounts in product(("near", "spread", "disguised"), (10, 50, 200), (1, 5)):
            forced = dict.fromkeys(METHODS, 0)
            for seed, (rows, queries), was in zip(seeds, worlds, before, strict=True):
                now = upgraded([*rows, *poisoned(shape, size, accounts, seed + 90)], queries)
                forced = {name: forced[name] + len(now[name] - was[name]) for name in METHODS}
            shares = {name: count / total for name, count in forced.items()}
            _told(lines, victim=owner, attack=shape, rows=size, accounts=accounts, **shares)
    return lines


def _told(lines: list[dict[str, object]], **line: object) -> None:
    lines.append(line)
    print("| " + " | ".join(f"{v:.1%}" if isinstance(v, float) else str(v) for v in line.values()) + " |", flush=True)


def padding(n: int, seed: int) -> list[dict[str, object]]:
    """Share of easy prompts that words of some hard one upgrade, with and without the second look."""
    memory, estimators = remembered(honest(("victim",), 500, seed, joined=4))

    def decided(text: str) -> Decision:
        found = drive(memory.lookup(SYNC, [text], tenant="default"))[0]
        return decide("1", read_features(text), PORTFOLIO, POLICY, situation(found), estimators)

    easy = [text for _, text in prompts(EASY, n, seed + 1, joined=4)]
    hard = [text for _, text in prompts(HARD, n, seed + 2, joined=4)]
    lines: list[dict[str, object]] = []
    for where, share in [("none", 0.0), *((w, s) for w in ("before", "behind", "both") for s in (0.1, 0.2, 0.4))]:
        tried = [_padded(text, pad, where, share) for text in easy for pad in hard[: PADS if share else 1]]
        _told(lines, padding=where, share=share, **_shares(tried, len(easy), decided))
    _told(lines, padding="none, hard tasks", share=0.0, **_shares(hard, n, decided))
    memory.close()
    return lines


def _shares(texts: Sequence[str], n: int, decided: Callable[[str], Decision]) -> dict[str, float]:
    """Of n tasks, each with as many texts in a row, the share of which some text gets the dear one."""

    async def again(text: str) -> Decision:
        return decided(text)

    upgraded = {"without": [False] * n, "with": [False] * n}
    for number, text in enumerate(texts):
        decision = decided(text)
        settled = drive(second_look(decision, text, POLICY, again))
        for name, item in (("without", decision), ("with", settled)):
            upgraded[name][number * n // len(texts)] |= _first(item.ranking) == "dear"
    return {name: sum(flags) / n for name, flags in upgraded.items()}


def _padded(text: str, pad: str, where: str, share: float) -> str:
    """The text with words of another one that make up `share` of the whole, before, behind or at either end."""
    words = pad.split()[: round(share / (1 - share) * len(text.split()))]
    half = {"before": len(words), "both": len(words) // 2}.get(where, 0)
    return " ".join([*words[:half], text, *words[half:]])


def main() -> None:
    """Runs all attacks and prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--out", type=Path, help="JSON file for the figures")
    options = parser.parse_args()
    started = time.perf_counter()
    print(
        "Share of the victim's queries that the attack forces to the dear model (lines 'none': dear without any attack)"
    )
    print("| victim | attack | rows | accounts | " + " | ".join(METHODS) + " |")
    figures = {"poison": attacks(options.queries, range(options.seeds)), "padding": padding(options.queries // 2, 7)}
    print(f"{time.perf_counter() - started:.0f} s")
    if options.out:
        options.out.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
