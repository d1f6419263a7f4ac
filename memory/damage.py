"""Finds rows of the ledger that cannot be right. Reads only."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from sqlalchemy import Select, Table, func, or_, select

from orchestrator_graph.memory import schema
from orchestrator_graph.memory.ledger import Ledger
from orchestrator_graph.memory.space import Key

__all__ = ["Damage", "damage", "spaces_of"]

Damage = dict[str, list[tuple[Table, str | int]]]
"""What should hold -> the rows for which it does not, by primary key."""

CHUNK = 2_000
ROUNDING = 1e-3

_tasks, _outcomes, _embeddings = schema.tasks, schema.outcomes, schema.embeddings


def damage(ledger: Ledger) -> Damage:
    """Rows of no task, labels out of range, and vectors that are not finite, of unit length and of one size.

    Raises:
        MemoryStoreError: The ledger cannot be read.
    """
    # `not between` is true of infinity and, on PostgreSQL, of NaN; SQLite stores no NaN
    range_ = or_(*(~column.between(0.0, 1.0) for column in (_outcomes.c.score, _outcomes.c.weight)))
    with ledger.read("checking the rows") as connection:
        strays = [(table, key) for table in schema.OF_A_TASK for key in connection.execute(_strays(table)).scalars()]
        labels = [(_outcomes, key) for key in connection.execute(select(_outcomes.c.id).where(range_)).scalars()]
    return {
        "rows of a task": strays,
        "labels between 0 and 1": labels,
        "vectors finite, unit, of one size": [(_embeddings, seq) for seq in _bad_vectors(ledger)],
    }


def _strays(table: Table) -> Select[Any]:
    mine = _tasks.c.id == table.c.task_id
    if "tenant" in table.c:
        mine &= _tasks.c.tenant == table.c.tenant
    return select(table.primary_key.columns[0]).where(~select(_tasks.c.id).where(mine).exists())


def _bad_vectors(ledger: Ledger) -> Iterator[int]:
    usual: dict[str, int] = {}
    for tenant, fingerprint, dimension in spaces_of(ledger):
        size = usual.setdefault(fingerprint, dimension)
        for seq, blob in _vectors(ledger, (tenant, fingerprint, dimension)):
            vector = np.frombuffer(blob, "<f4") if len(blob) == 4 * size == 4 * dimension else np.empty(0)
            if not abs(float(vector @ vector) - 1.0) < ROUNDING:  # so that NaN is bad, too
                yield seq


def spaces_of(ledger: Ledger) -> list[Key]:
    """(tenant, fingerprint, dimension) of every vector space; of a fingerprint's sizes the commonest comes first."""
    columns = (_embeddings.c.tenant, _embeddings.c.fingerprint, _embeddings.c.dimension)
    query = select(*columns).group_by(*columns).order_by(func.count().desc(), *columns)
    with ledger.read("reading the vector spaces") as connection:
        return [(row[0], row[1], row[2]) for row in connection.execute(query)]


def _vectors(ledger: Ledger, key: Key) -> Iterator[tuple[int, bytes]]:
    after = 0
    mine = (_embeddings.c.tenant == key[0], _embeddings.c.fingerprint == key[1], _embeddings.c.dimension == key[2])
    query = select(_embeddings.c.seq, _embeddings.c.vector).where(*mine).order_by(_embeddings.c.seq).limit(CHUNK)
    while True:
        with ledger.read("reading vectors") as connection:
            rows = connection.execute(query.where(_embeddings.c.seq > after)).all()
        if not rows:
            return
        yield from ((row[0], row[1]) for row in rows)
        after = rows[-1][0]
