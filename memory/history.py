"""Reads what may be learnt from out of the ledger: the newest labelled tasks of a vector space, as arrays."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sqlalchemy import and_, bindparam, select

from orchestrator_graph.memory import schema
from orchestrator_graph.memory.ledger import Ledger
from orchestrator_graph.memory.worth import settled
from orchestrator_graph.types.history import History

__all__ = ["WINDOW", "read_history"]

WINDOW = 8_000
"""Tasks that are learnt from, the newest ones: it bounds memory (12 MB at 384 dimensions) and the time of a fit."""

_tasks, _outcomes, _embeddings = schema.tasks, schema.outcomes, schema.embeddings
_in_space = and_(_embeddings.c.tenant == bindparam("tenant"), _embeddings.c.fingerprint == bindparam("fingerprint"))
_labelled = select(_outcomes.c.id).where(_outcomes.c.task_id == _embeddings.c.task_id, _outcomes.c.weight > 0).exists()
_TASKS = (
    select(
        _embeddings.c.seq, _embeddings.c.task_id, _embeddings.c.vector,
        _tasks.c.task_type, _tasks.c.user_id, _tasks.c.created_at,
    )
    .join(_tasks, _tasks.c.id == _embeddings.c.task_id)
    .where(_in_space, _labelled)
    .order_by(_embeddings.c.seq.desc())
    .limit(bindparam("limit"))
)  # fmt: skip
_OUTCOMES = (
    select(
        _outcomes.c.task_id, _outcomes.c.candidate, _outcomes.c.score, _outcomes.c.weight, _outcomes.c.source,
    )
    .join(_embeddings, _embeddings.c.task_id == _outcomes.c.task_id)
    .where(_in_space, _embeddings.c.seq >= bindparam("first"), _outcomes.c.weight > 0)
    .order_by(_outcomes.c.created_at, _outcomes.c.id)
)  # fmt: skip


def read_history(ledger: Ledger, tenant: str, fingerprint: str, limit: int = WINDOW) -> History | None:
    """The newest labelled tasks, oldest first; `None` where there are none.

    Raises:
        MemoryStoreError: The ledger cannot be read.
    """
    space = {"tenant": tenant, "fingerprint": fingerprint}
    with ledger.read("reading the history") as connection:
        rows = connection.execute(_TASKS, {**space, "limit": limit}).all()[::-1]
        if not rows:
            return None
        labels = connection.execute(_OUTCOMES, {**space, "first": rows[0].seq}).all()
    return _history(rows, labels, tenant, fingerprint)


def _history(
    rows: Sequence[Any],
    labels: Sequence[Any],
    tenant: str,
    fingerprint: str,
) -> History:
    place = {row.task_id: number for number, row in enumerate(rows)}
    names = sorted({label.candidate for label in labels if label.task_id in place})
    column = {name: number for number, name in enumerate(names)}
    scores = np.full((len(rows), len(names)), np.nan)
    weights = np.zeros((len(rows), len(names)))
    for (task_id, candidate), (score, weight) in settled(labels).items():
        if task_id in place:
            scores[place[task_id], column[candidate]] = score
            weights[place[task_id], column[candidate]] = weight
    flat = np.frombuffer(b"".join(row.vector for row in rows), "<f4").astype(np.float32, copy=False)
    return History(
        vectors=flat.reshape(len(rows), -1),
        scores=scores,
        weights=weights,
        candidates=tuple(names),
        task_types=tuple(row.task_type for row in rows),
        users=tuple(row.user_id for row in rows),
        times=np.array([row.created_at for row in rows]),
        tenant=tenant,
        space=fingerprint,
        version=f"{rows[-1].seq}-{len(labels)}",
    )
