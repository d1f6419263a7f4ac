"""Counts what is remembered of each tenant."""

from typing import Any

from sqlalchemy import func, select

from orchestrator_graph.memory import schema
from orchestrator_graph.memory.ledger import Ledger

__all__ = ["census"]

_tasks, _outcomes, _embeddings = schema.tasks, schema.outcomes, schema.embeddings
_TASKS = select(
    _tasks.c.tenant,
    func.count().label("tasks"),
    func.count(_tasks.c.user_id.distinct()).label("users"),
    func.min(_tasks.c.created_at).label("first"),
    func.max(_tasks.c.created_at).label("last"),
).group_by(_tasks.c.tenant)
_LABELLED = (
    select(_tasks.c.tenant, func.count(_tasks.c.id.distinct()))
    .join(_outcomes, _outcomes.c.task_id == _tasks.c.id)
    .where(_outcomes.c.weight > 0)
    .group_by(_tasks.c.tenant)
)
_VECTORS = select(_embeddings.c.tenant, _embeddings.c.fingerprint, func.count()).group_by(
    _embeddings.c.tenant, _embeddings.c.fingerprint
)


def census(ledger: Ledger) -> dict[str, dict[str, Any]]:
    """By tenant: tasks, users, labelled tasks, vectors by embedder, and the times of the first and last task.

    Raises:
        MemoryStoreError: The ledger cannot be read.
    """
    with ledger.read("counting tasks") as connection:
        labelled = {row[0]: row[1] for row in connection.execute(_LABELLED)}
        vectors: dict[str, dict[str, int]] = {}
        for tenant, fingerprint, number in connection.execute(_VECTORS):
            vectors.setdefault(tenant, {})[fingerprint] = number
        return {
            row.tenant: {
                "tasks": row.tasks,
                "users": row.users,
                "labelled": labelled.get(row.tenant, 0),
                "vectors": vectors.get(row.tenant, {}),
                "first": row.first,
                "last": row.last,
            }
            for row in connection.execute(_TASKS.order_by(_tasks.c.tenant)).all()
        }
