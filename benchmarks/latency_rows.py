"""What `latency` decides over: a memory filled through the ledger's write path, portfolios of 5 and 16 models."""

import random
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.memory_tasks import texts
from orchestrator_graph.drive import SYNC, drive
from orchestrator_graph.gateway.pocket import pocket_specs
from orchestrator_graph.memory import Memory, RunRecord, TaskRecord
from orchestrator_graph.nodes.features import read_features
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.registry.spec import ModelSpec, Price, Prior
from orchestrator_graph.routing.rules import Rule, Rules
from orchestrator_graph.types import Attempt, Candidate, Decision, Estimate, Outcome, Usage, new_id

__all__ = ["TENANT", "filled", "indexed", "portfolios", "recorded", "twenty_rules"]

TENANT, USERS, BATCH = "t", 5, 100


def portfolios() -> dict[str, Portfolio]:
    """The pocket models, and 16 models: these and eleven cloud models with prices and priors (made up)."""
    pocket = list(pocket_specs().values())
    cloud = [
        ModelSpec(
            f"cloud:model-{i}",
            price=Price(0.05 * 1.6**i, 0.2 * 1.6**i),
            priors={"*": Prior(0.5 + 0.04 * i, 40, "made up")},
        )
        for i in range(11)
    ]
    return {"pocket, 5 models": Portfolio(pocket), "16 models": Portfolio([*pocket, *cloud])}


def twenty_rules() -> Rules:
    """Ten that prefer by task type, six that deny by words or expressions, two floors, two pins."""
    kinds = ("maths", "code", "translation", "summary", "extraction", "planning", "logic", "text", "writing", "qa")
    words = ("refund", "invoice", "password", "urgent")
    deny = [Rule(when={"words": [word], "tokens": {"min": 5}}, deny="*:small", name=word) for word in words]
    codes = [Rule(when={"regex": rf"{code}-[0-9]{{4}}"}, deny="*:small", name=code) for code in ("INC", "REQ")]
    floors = [Rule(when={"difficulty": {"min": least}}, floor=least / 2, name=f"floor {least}") for least in (0.6, 0.8)]
    pins = [Rule(when={"language": code}, pin="pocket:text", name=f"pin {code}") for code in ("de", "fr")]
    prefer = [Rule(when={"task_type": kind}, prefer="pocket:m*", name=kind) for kind in kinds]
    return Rules([*prefer, *deny, *codes, *floors, *pins])


def recorded(task: TaskRecord, decision: Decision, score: float) -> RunRecord:
    """The run that a decision leads to: one call, one judged answer."""
    chosen = decision.ranking[0].candidate.id
    call = Attempt(new_id(), chosen, "execute", usage=Usage(90, 40), cost_nusd=900)
    outcome = Outcome(new_id(), task.id, decision.id, chosen, score, "judge", 0.5, 900, 1.2)
    return RunRecord((task,), ((task.id, decision),), ((task.id, call),), (outcome,))


def _rows(first: int, count: int) -> Iterator[RunRecord]:
    """Made-up runs: a model drawn at random is right the more often, the later in the list; some kinds are harder."""
    names = list(portfolios()["16 models"])
    draw = random.Random(first)
    for number, text in enumerate(texts(first + 1, count)):
        features, name = read_features(text), draw.randrange(len(names))
        ranking = tuple(
            Estimate(Candidate.single(n), 0.8, 0.1, 9, "prior+neighbours", 900, True, 1.2)
            for n in (names[name], *names[:4])
        )
        odds = 0.3 + 0.04 * name + (0.2 if len(features.task_type) % 2 else -0.1)
        task = TaskRecord(
            new_id(), new_id(), "1", TENANT, f"u{number % USERS}", text, features.task_type, False, time.time()
        )
        decision = Decision(new_id(), "1", ranking, (), {ranking[0].candidate.id: 1.0}, "cheapest that is good")
        yield recorded(task, decision, float(draw.random() < odds))


def _joined(runs: Sequence[RunRecord]) -> RunRecord:
    fields = ("tasks", "decisions", "calls", "outcomes")
    rows: dict[str, Any] = {name: tuple(row for run in runs for row in getattr(run, name)) for name in fields}
    return RunRecord(**rows)


def filled(home: Path, rows: int) -> Path:
    """The folder with so many remembered tasks; kept, so that it is filled once."""
    folder = home / f"rows-{rows}"
    memory = Memory(folder, index="none")
    have = memory.stats()["tasks"]
    if have > rows:
        raise SystemExit(f"{folder} holds {have} tasks: remove it")
    if have < rows:
        print(f"{time.strftime('%T')} filling {folder} from {have} to {rows}", file=sys.stderr, flush=True)
    runs = list(_rows(have, rows - have))
    for at in range(0, len(runs), BATCH):
        drive(memory.remember(SYNC, _joined(runs[at : at + BATCH])))
    memory.close()
    return folder


def indexed(folder: Path, limit_s: float) -> bool:
    """Whether Chroma's index beside the ledger holds every row, after at most so many seconds of building."""
    memory = Memory(folder)
    drive(memory.lookup(SYNC, ["first"], tenant=TENANT))
    memory.flush(limit_s)
    waiting = memory.stats()["waiting"]
    memory.close()
    return not waiting
