"""An LLM as selector beside the router: what a choice takes, and how good it is on the outcomes of the pocket models.

SmolLM2 in Ollama ($OLLAMA_HOST) is asked by the product's own decider which model shall do a task. Its choice stands as
it is, unmixed with other estimates. The router is `Orchestrator.decide`: signals, embedding, look-up, decision.
"""

import os
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.latency_decisions import POLICY, spread
from benchmarks.learning import family_table
from benchmarks.pocket_runs import PocketRuns, pocket_runs
from orchestrator_graph import Orchestrator
from orchestrator_graph.drive import SYNC, drive
from orchestrator_graph.gateway.pocket import pocket_specs
from orchestrator_graph.memory import Memory, RunRecord, TaskRecord
from orchestrator_graph.nodes.decider import ask_decider
from orchestrator_graph.nodes.io import LENT, Io
from orchestrator_graph.nodes.situation import situation
from orchestrator_graph.routing.decider import Decider
from orchestrator_graph.routing.defaults import default_estimators
from orchestrator_graph.types import Candidate, Outcome, Subtask, new_id

__all__ = ["MODEL", "SKIPPED", "selection"]

Array = NDArray[np.float64]

WATTS = 15.0
"""Assumed of one busy core: energies are CPU seconds times this, measured nowhere."""
SKIPPED = "skipped: no Ollama ($OLLAMA_HOST)"
MODEL = "ollama:smollm2"
TASKS, REMEMBERED = 600, 300
Style = Literal["descriptions", "figures"]
ASKS: tuple[tuple[Style, int, bool], ...] = (
    ("descriptions", 0, False), ("figures", 0, False), ("figures", REMEMBERED, False), ("figures", REMEMBERED, True),
)  # fmt: skip
"""What the question says of the models, after so many remembered tasks, with the models in another order each time."""
HEAD = (
    "selector", "right [95 %]", "points under the router after 300 [95 %]", "cost of the answer, nano-dollars",
    "ms a choice, p50 / p99", "J a choice (ESTIMATED)", "J with the answer (ESTIMATED)", "most frequent choice",
)  # fmt: skip


@dataclass
class Chosen:
    """The model chosen for each task (its column), wall seconds of each choice, CPU seconds of all."""

    name: str
    picks: NDArray[np.int64]
    seconds: Array | None = None
    cpu_s: float = 0.0
    silent: int = 0


def selection(folder: Path, asked: int) -> Iterator[str]:
    """All selectors on the same tasks."""
    runs = pocket_runs(TASKS, held_out=False, folder=folder)
    rows = np.arange(REMEMBERED, REMEMBERED + min(asked, TASKS - REMEMBERED))
    warm = _ours(runs, rows, REMEMBERED)
    yield f"| {' | '.join(HEAD)} |"
    yield "|---" * len(HEAD) + "|"
    for each in (_ours(runs, rows, 0), warm):
        yield _line(runs, rows, each, warm)
    if os.environ.get("OLLAMA_HOST"):
        for style, seen, mixed in ASKS:
            yield _line(runs, rows, _llm(runs, rows, style, seen, mixed), warm)
    else:
        yield f"| SmolLM2 as selector | {SKIPPED} |"
    for each in _fixed(runs, rows):
        yield _line(runs, rows, each, warm)


def _fixed(runs: PocketRuns, rows: NDArray[np.int64]) -> Iterator[Chosen]:
    """What needs no time."""
    table, n = family_table(runs, np.arange(REMEMBERED)), len(rows)
    for i, name in enumerate(runs.models):
        yield Chosen(f"always {name}", np.full(n, i))
    yield Chosen("random", np.random.default_rng(0).integers(0, len(runs.models), n))
    picks = np.array([table[runs.tasks[i].family] for i in rows])
    yield Chosen(f"family table of {REMEMBERED}, label given", picks)
    yield Chosen("oracle", np.argmax(runs.scores[rows] - 1e-9 * runs.costs[rows], axis=1))


def _line(runs: PocketRuns, rows: NDArray[np.int64], one: Chosen, ours: Chosen) -> str:
    right, best = runs.scores[rows, one.picks], runs.scores[rows, ours.picks]
    joules = WATTS * runs.seconds[rows, one.picks].mean()
    choice = WATTS * one.cpu_s / len(rows)
    often = np.bincount(one.picks, minlength=len(runs.models))
    cells = (
        one.name + (f" (no choice made: {one.silent})" if one.silent else ""),
        "{:.3f} [{:.3f}, {:.3f}]".format(*_interval(right)),
        "-" if one is ours else "{:+.1f} [{:+.1f}, {:+.1f}]".format(*_interval((best - right) * 100)),
        f"{runs.costs[rows, one.picks].mean():,.0f}",
        "-" if one.seconds is None else spread(one.seconds),
        "-" if one.seconds is None else f"{choice:.3g}",
        f"{choice + joules:.3g}",
        f"{runs.models[int(often.argmax())]} {often.max() / len(rows):.0%}",
    )
    return f"| {' | '.join(cells)} |"


def _interval(values: Array) -> tuple[float, float, float]:
    """Mean and 95 % by bootstrap over tasks."""
    draws = np.random.default_rng(1).multinomial(len(values), np.full(len(values), 1 / len(values)), size=2_000)
    low, high = np.percentile(draws @ values / len(values), [2.5, 97.5])
    return float(values.mean()), float(low), float(high)


def _memory(runs: PocketRuns, seen: int) -> Memory:
    """So many tasks remembered, every model tried on each and checked."""
    memory = Memory(index="none")
    for i in range(seen):
        features, run = runs.features[i], new_id()
        task = TaskRecord(new_id(), run, "1", "default", "", features.text, features.task_type, False, time.time())
        tries = zip(runs.models, runs.scores[i].tolist(), runs.costs[i].tolist(), runs.seconds[i].tolist(), strict=True)
        outcomes = tuple(
            Outcome(new_id(), task.id, "", name, score, "verified", 0.9, round(cost), took)
            for name, score, cost, took in tries
        )
        drive(memory.remember(SYNC, RunRecord((task,), outcomes=outcomes)))
    return memory


def _ours(runs: PocketRuns, rows: NDArray[np.int64], seen: int) -> Chosen:
    """The default router."""
    column = {name: i for i, name in enumerate(runs.models)}
    picks, seconds = [], []
    with Orchestrator("pocket", memory=_memory(runs, seen), policy=POLICY) as orchestrator:
        orchestrator.decide("first")
        cpu = time.process_time()
        for i in rows:
            began = time.perf_counter()
            decision = orchestrator.decide(runs.tasks[i].prompt)
            seconds.append(time.perf_counter() - began)
            picks.append(column[decision.ranking[0].candidate.members[0].model])
        cpu = time.process_time() - cpu
    return Chosen(f"our router, {seen} remembered", np.array(picks), np.array(seconds), cpu)


def _llm(runs: PocketRuns, rows: NDArray[np.int64], style: Style, seen: int, mixed: bool) -> Chosen:
    """SmolLM2, told what is known of each model, or the router's own figures; `mixed`: in another order each time."""
    order = random.Random(0)
    estimators = [*default_estimators(), Decider(MODEL, ask="choice", style=style)]
    picks, seconds, silent = [], [], 0
    models: list[Any] = [*pocket_specs().values(), MODEL]
    with Orchestrator(models, memory=_memory(runs, seen), policy=POLICY, estimators=estimators) as orchestrator:
        ask = partial(_ask, Io(SYNC, orchestrator.services, inner=True), runs)
        ask(int(rows[0]), runs.models)  # loads the model
        cpu = time.process_time() + _ollama_s()
        for i in rows.tolist():
            began = time.perf_counter()
            answers = ask(i, order.sample(runs.models, len(runs.models)) if mixed else runs.models)
            seconds.append(time.perf_counter() - began)
            silent += not answers
            picks.append(max(range(len(runs.models)), key=lambda j: answers.get(runs.models[j], (0.0, 0))[0]))
        cpu = time.process_time() + (_ollama_s() or sum(seconds)) - cpu  # elsewhere: one core all the time
    facts = "model descriptions" if style == "descriptions" else f"figures, {seen} remembered"
    return Chosen(
        f"SmolLM2, {facts}{', in mixed order' if mixed else ''}", np.array(picks), np.array(seconds), cpu, silent
    )


def _ask(io: Io, runs: PocketRuns, i: int, names: Sequence[str]) -> Any:
    """What the deciding model says of each pocket model."""
    features = runs.features[i]
    run_id = new_id()
    task = {"run_id": run_id, "policy": POLICY.model_dump(exclude_unset=True), "spent_nusd": 0}
    lent = LENT.set(lambda _: None)  # no graph runs here that events could go to
    lookup = drive(io.services.memory.lookup(SYNC, [features.text], tenant="default"))[0]
    now = drive(situation(io, task, private=False, lookup=lookup))
    now = replace(now, portfolio=drive(io.portfolio()))
    subtask = Subtask("1", features.text, features)
    answers, _ = drive(ask_decider(io, task, subtask, [Candidate.single(name) for name in names], now))
    LENT.reset(lent)
    io.services.gateway.release(run_id)
    return answers


def _ollama_s() -> float:
    """CPU seconds so far of that Ollama's processes, as Linux shows them; 0 where they run elsewhere."""
    here = f"OLLAMA_HOST={os.environ['OLLAMA_HOST'].removeprefix('http://')}".encode()
    ticks = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            name, _, rest = (folder / "stat").read_text().rpartition(")")
            ours = name.endswith("(ollama") and here in (folder / "environ").read_bytes().split(b"\0")
        except OSError:  # it has just ended, or is somebody else's
            continue
        ticks += sum(map(int, rest.split()[11:13])) if ours else 0
    return ticks / os.sysconf("SC_CLK_TCK")
