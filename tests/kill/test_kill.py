"""A hundred kill -9 at random moments: nothing acknowledged is lost, it opens again, and finds what NumPy finds."""

import os
import random
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from orchestrator_graph.memory import Memory
from tests.kill.support import Application, Truth, compare, generations, index_ids, unreachable

pytestmark = [pytest.mark.kill, pytest.mark.timeout(1_500)]

KILLS = int(os.environ.get("ORCHESTRATOR_KILLS", "104"))
LIFE, LANES = 8, 2
"""Kills of one folder; folders at a time."""
OLD_LEDGER = Path(__file__).parents[1] / "contract" / "ledger_v1.sql"


@dataclass
class Tally:
    """What was seen, summed over lanes."""

    kills: int = 0
    while_opening: int = 0
    while_indexing: int = 0
    acknowledged: int = 0
    lost: int = 0
    wrong: int = 0
    hits_by_scan: int = 0
    missed_by_scan: int = 0
    hits_by_index: int = 0
    missed_by_index: int = 0
    unreachable: int = 0
    rebuilds: int = 0
    crashes: list[str] = field(default_factory=list)

    def compare(self, memory: Memory, truth: Truth) -> str:
        """Adds how far its answers are from NumPy's; the memory's state."""
        state, hits, missed, wrong = compare(memory, truth)
        assert state in {"ok", "empty"} or state.startswith("exact scan"), state
        self.wrong += wrong
        if state == "ok":
            self.hits_by_index, self.missed_by_index = self.hits_by_index + hits, self.missed_by_index + missed
        else:
            self.hits_by_scan, self.missed_by_scan = self.hits_by_scan + hits, self.missed_by_scan + missed
        return state

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(**{name: value + getattr(other, name) for name, value in vars(self).items()})


def indexing(application: Application) -> bool:
    words = application.line("indexed").split()
    return bool(words) and int(words[1]) > 0 and int(words[3]) > 0


def run_until_killed(folder: Path, moment: random.Random, kind: str, tally: Tally) -> set[tuple[str, str]]:
    """What it acknowledged before it was killed: while it opens, while it writes, or while Chroma writes."""
    application = Application(folder)
    application.say()
    if kind == "opening":
        time.sleep(moment.uniform(0, 0.06))
    else:
        busy = (lambda: indexing(application)) if kind == "indexing" else (lambda: len(application.acknowledged) > 20)
        application.wait(busy)
        time.sleep(moment.uniform(0, 1))
    code = application.kill()
    if code != -9:
        tally.crashes.append(f"{folder.name}: exit code {code} before the kill")
    tally.kills += 1
    tally.while_opening += not application.acknowledged
    tally.while_indexing += indexing(application)
    return set(application.acknowledged)


def check(folder: Path, promised: set[tuple[str, str]], tally: Tally) -> None:
    """Opens it again and compares: ids, then hits by scan, then hits by the index once it holds everything."""
    before = generations(folder)
    memory = Memory(folder)
    try:
        memory.stats()
        truth = Truth.of(folder)
        ids = set(truth.ids)
        tally.lost = max(tally.lost, sum(one not in truth.kept or one[0] not in ids for one in promised))
        tally.compare(memory, truth)
        memory.flush(120)
        assert tally.compare(memory, truth) == ("ok" if truth.ids else "empty"), memory.stats()
        assert memory.stats()["waiting"] == 0
        tally.unreachable = max(tally.unreachable, unreachable(memory, truth))
    finally:
        memory.close()
    tally.rebuilds += bool(before) and before != generations(folder)


def of_an_older_release(folder: Path) -> set[tuple[str, str]]:
    """Makes a ledger that is yet to be migrated; what it holds."""
    folder.mkdir()
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as ledger:
        ledger.executescript(OLD_LEDGER.read_text(encoding="utf-8"))
    return Truth.of(folder).kept


def live(folder: Path, seed: int, kills: int) -> Tally:
    """One folder's life; some kills follow one upon the other, so that it opens what nobody repaired."""
    moment, tally = random.Random(seed), Tally()
    promised = of_an_older_release(folder) if seed % 2 else set[tuple[str, str]]()
    for kill in range(kills):
        kind = "opening" if kill < 2 else moment.choice(("opening", "writing", "indexing", "indexing"))
        promised |= run_until_killed(folder, moment, kind, tally)
        if kill == kills - 1 or moment.random() < 0.75:
            check(folder, promised, tally)
        elif promised:
            tally.lost = max(tally.lost, len(promised - Truth.of(folder).kept))
    tally.acknowledged = len(promised)
    if promised and (held := index_ids(folder)) != set(Truth.of(folder).ids):
        tally.crashes.append(f"{folder.name}: the index holds {len(held)} rows at the end")
    return tally


def test_a_hundred_kills_lose_nothing(tmp_path: Path) -> None:
    seed, begun = random.randrange(10**6), time.monotonic()
    sizes = [min(LIFE, KILLS - at) for at in range(0, KILLS, LIFE)]
    with ThreadPoolExecutor(LANES) as pool:
        lives = [pool.submit(live, tmp_path / f"life-{i}", seed + i, size) for i, size in enumerate(sizes)]
        total = sum((one.result() for one in lives), Tally())
    figures = {**vars(total), "seconds": round(time.monotonic() - begun), "seed": seed}
    print("\n" + ", ".join(f"{name} {value}" for name, value in figures.items()))  # noqa: T201 - shown by make test-kill
    assert (total.kills, total.lost, total.crashes, total.wrong, total.missed_by_scan) == (KILLS, 0, [], 0, 0)
    assert total.while_indexing >= KILLS // 5
    # HNSW is approximate by design: a neighbour may be missed, a row that is asked for by its own words may not.
    assert total.unreachable == 0
    assert total.missed_by_index <= 0.005 * total.hits_by_index
