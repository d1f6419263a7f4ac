"""Remembered tasks as neighbours: their words, whose they were, and what each try was worth."""

from sqlalchemy import bindparam, select

from orchestrator_graph.memory import schema
from orchestrator_graph.memory.ledger import Ledger
from orchestrator_graph.memory.worth import settled
from orchestrator_graph.types import Neighbour

__all__ = ["read_neighbours"]

SHOWN = 120

_tasks, _outcomes = schema.tasks, schema.outcomes
_mine = (_tasks.c.tenant == bindparam("tenant"), _tasks.c.id.in_(bindparam("ids", expanding=True)))
_TASKS = select(_tasks.c.id, _tasks.c.text, _tasks.c.private, _tasks.c.user_id, _tasks.c.task_type).where(*_mine)
_OUTCOMES = (
    select(_outcomes.c.task_id, _outcomes.c.candidate, _outcomes.c.score, _outcomes.c.weight, _outcomes.c.source)
    .join(_tasks, _tasks.c.id == _outcomes.c.task_id)
    .where(*_mine)
    .order_by(_outcomes.c.created_at, _outcomes.c.id)
)


def read_neighbours(ledger: Ledger, tenant: str, ids: list[str]) -> dict[str, Neighbour]:
    """The tasks with their outcomes, by id, similarity 0; a private task's words are left out.

    Raises:
        MemoryStoreError: The ledger cannot be read.
    """
    if not ids:
        return {}
    with ledger.read("reading outcomes") as connection:
        rows = connection.execute(_TASKS, {"tenant": tenant, "ids": ids}).all()
        labels = connection.execute(_OUTCOMES, {"tenant": tenant, "ids": ids}).all()
    tries: dict[str, list[tuple[str, float, float]]] = {}
    for (task_id, candidate), (score, weight) in settled(labels).items():
        tries.setdefault(task_id, []).append((candidate, score, weight))
    return {
        row.id: Neighbour(
            row.id,
            "" if row.private else row.text[:SHOWN],
            0.0,
            row.user_id,
            row.task_type,
            tuple(tries.get(row.id, ())),
        )
        for row in rows
    }
