"""Tasks put into a memory as runs and profiles leave them: words, whose they were, how old, what each try was worth."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from orchestrator_graph import Orchestrator
from orchestrator_graph.drive import SYNC, drive
from orchestrator_graph.memory import Memory, RunRecord, TaskRecord
from orchestrator_graph.nodes.features import read_features
from orchestrator_graph.types import Decision, Outcome, new_id

__all__ = ["Past", "decided", "remembered"]

DAY_S = 86_400.0


class Past(NamedTuple):
    """One task of the past and the votes on what the candidates made of it."""

    text: str
    scores: Mapping[str, float]
    user: str = ""
    age_days: float = 0.0
    private: bool = False


def remembered(memory: Memory, past: Sequence[Past], *, source: str = "feedback", tenant: str = "default") -> None:
    """Commits them in one go, and teaches whoever learns from this memory."""
    tasks, outcomes = list[TaskRecord](), list[Outcome]()
    for item in past:
        name, born = new_id(), time.time() - item.age_days * DAY_S
        kind = read_features(item.text).task_type
        tasks.append(TaskRecord(name, name, "1", tenant, item.user, item.text, kind, item.private, born))
        weight = 1.0 if source == "feedback" else 0.9
        outcomes += [Outcome(f"{name}-{who}", name, name, who, s, source, weight) for who, s in item.scores.items()]
    drive(memory.remember(SYNC, RunRecord(tuple(tasks), outcomes=tuple(outcomes))))
    memory.flush()


def decided(orchestrator: Orchestrator, mode: str, text: str, **policy: Any) -> Decision:
    """The advice, sync or async."""
    if mode == "sync":
        return orchestrator.decide(text, policy)
    return asyncio.run(orchestrator.adecide(text, policy))
