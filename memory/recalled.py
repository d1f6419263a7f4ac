"""Remembered tasks as neighbours: their words, whose they were, and what each try was worth."""

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import bindparam, select

from orchestrator_graph.memory import schema
from orchestrator_graph.memory.ledger import Ledger
from orchestrator_graph.memory.records import Lookup
from orchestrator_graph.memory.worth import HALF_LIFE_S, Rates, fade, settled
from orchestrator_graph.types import Neighbour

if TYPE_CHECKING:
    from orchestrator_graph.memory.parts import Parts
    from orchestrator_graph.memory.vectors import Embedded

__all__ = ["read_neighbours", "search"]

SHOWN = 120

_tasks, _outcomes = schema.tasks, schema.outcomes
_mine = (_tasks.c.tenant == bindparam("tenant"), _tasks.c.id.in_(bindparam("ids", expanding=True)))
_TASKS = select(
    _tasks.c.id, _tasks.c.text, _tasks.c.private, _tasks.c.user_id, _tasks.c.task_type, _tasks.c.created_at
).where(*_mine)
_OUTCOMES = (
    select(_outcomes.c.task_id, _outcomes.c.candidate, _outcomes.c.score, _outcomes.c.weight, _outcomes.c.source)
    .join(_tasks, _tasks.c.id == _outcomes.c.task_id)
    .where(*_mine)
    .order_by(_outcomes.c.created_at, _outcomes.c.id)
)


def search(parts: "Parts", embedded: "Embedded", tenant: str, k: int, floor: float, private: bool) -> list[Lookup]:
    """For each vector the k nearest tasks of this tenant that are at least so similar, nearest first.

    Raises:
        MemoryStoreError: The ledger cannot be read.
    """
    space, place = parts.space(tenant, embedded), (tenant, embedded.fingerprint)
    learning = parts.learning
    learning.ensure(place)
    hits, state = space.search(embedded.matrix, k, private=private)
    if not space.attached and (state != "empty" or parts.lacks(space.key)):
        parts.indexer.wake()
    near = [[hit for hit in line if hit[1] >= floor] for line in hits]
    ids = list({task_id for line in near for task_id, _ in line})
    known = read_neighbours(parts.ledger, tenant, ids, learning.rates(place), learning.half_life_s)
    if len(known) < len(ids) and parts.indexer.drop_erased():  # they were in the place of others
        return search(parts, embedded, tenant, k, floor, private)
    if failed := learning.failed(place):
        state += f"; learning failed ({failed})"
    return [
        Lookup(
            tuple(replace(known[task_id], similarity=cosine) for task_id, cosine in line if task_id in known),
            state,
            embed_model=embedded.fingerprint,
            vector=vector,
            appetites=learning.appetites(place),
        )
        for line, vector in zip(near, embedded.matrix, strict=True)
    ]


def read_neighbours(
    ledger: Ledger, tenant: str, ids: list[str], rates: Rates | None = None, half_life_s: float = HALF_LIFE_S
) -> dict[str, Neighbour]:
    """The tasks with their outcomes, by id, similarity 0; a private task's words are left out.

    Args:
        ledger: Where they are.
        tenant: Whose they are.
        ids: Of the tasks.
        rates: The judges' error rates; measured on these few labels unless given.
        half_life_s: What halves a label's weight.

    Raises:
        MemoryStoreError: The ledger cannot be read.
    """
    if not ids:
        return {}
    with ledger.read("reading outcomes") as connection:
        rows = connection.execute(_TASKS, {"tenant": tenant, "ids": ids}).all()
        labels = connection.execute(_OUTCOMES, {"tenant": tenant, "ids": ids}).all()
    tries: dict[str, list[tuple[str, float, float]]] = {}
    ages = time.time() - np.array([row.created_at for row in rows])
    left = dict(zip([row.id for row in rows], fade(ages, half_life_s).tolist(), strict=True))
    for (task_id, candidate), (score, weight) in settled(labels, rates).items():
        tries.setdefault(task_id, []).append((candidate, score, weight * left[task_id]))
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
