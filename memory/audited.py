"""Remembered tasks whose given answer somebody judged: what an audit may ask the reference about."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from orchestrator_graph.drive import Effects
from orchestrator_graph.memory.rows import storable
from orchestrator_graph.memory.worth import ANSWER, settled
from orchestrator_graph.types.history import TRUSTED

if TYPE_CHECKING:
    from orchestrator_graph.memory.parts import Parts
    from orchestrator_graph.memory.store import Memory

__all__ = ["Judged", "judged"]

NEWEST = 8_000


@dataclass(frozen=True, slots=True)
class Judged:
    """A task with the answer that was given.

    Attributes:
        candidate: Whose answer it was.
        score: What it was worth, in [0, 1], by a label that can be trusted.
        said: Fingerprint of the answer; `""` where it cannot be compared.
        tried: Candidates that have such a label on this task.
        waiting: Candidates that were audited on it and wait for somebody's word.
    """

    task_id: str
    text: str
    private: bool
    candidate: str
    score: float
    said: str
    tried: frozenset[str]
    waiting: frozenset[str] = frozenset()


async def judged(fx: Effects, memory: "Memory", tenant: str) -> list[Judged]:
    """The newest of a tenant's tasks whose given answer has a label that can be trusted; oldest first.

    Raises:
        MemoryStoreError: The ledger cannot be opened or read.
    """
    return await fx.offload(partial(_judged, await memory._opened(fx), tenant))


def _judged(parts: "Parts", tenant: str) -> list[Judged]:
    from sqlalchemy import select

    from orchestrator_graph.memory.schema import outcomes, tasks

    mine = tasks.c.tenant == storable(tenant)
    given = select(outcomes.c.id).where(outcomes.c.task_id == tasks.c.id, outcomes.c.key == ANSWER).exists()
    newest = select(tasks.c.id, tasks.c.text, tasks.c.private).where(mine, given)
    newest = newest.order_by(tasks.c.created_at.desc(), tasks.c.id).limit(NEWEST)
    chosen = select(newest.subquery().c.id)
    with parts.ledger.read("reading judged tasks") as connection:
        rows = connection.execute(newest).all()
        labels = connection.execute(select(outcomes).where(outcomes.c.task_id.in_(chosen))).all()
    worth = settled(label for label in labels if label.weight > 0)
    by_task: dict[str, list[Any]] = {}
    for label in labels:
        by_task.setdefault(label.task_id, []).append(label)
    found = (_of(row, by_task.get(row.id, ()), worth) for row in reversed(rows))
    return [task for task in found if task is not None]


def _of(row: Any, labels: Sequence[Any], worth: dict[tuple[str, str], tuple[float, float]]) -> Judged | None:
    # An audit's decision about a task has another id than the task; the answer that was given has the same.
    own = [label for label in labels if label.key == ANSWER and label.decision_id == row.id]
    if not own or worth.get((row.id, own[0].candidate), (0.0, 0.0))[1] < TRUSTED:
        return None
    names = {label.candidate for label in labels}
    trusted = {name for name in names if worth.get((row.id, name), (0.0, 0.0))[1] >= TRUSTED}
    audited = {label.candidate for label in labels if label.key == ANSWER}
    answer = own[0]
    score, said = worth[row.id, answer.candidate][0], answer.said or ""
    waiting = frozenset(audited - trusted)
    return Judged(row.id, row.text, row.private, answer.candidate, score, said, frozenset(trusted), waiting)
