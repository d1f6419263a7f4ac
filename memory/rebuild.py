"""Mends a memory: removes rows that cannot be right, throws the index away and fills it from the ledger."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import delete

from orchestrator_graph.errors import MemoryStoreError
from orchestrator_graph.memory.damage import damage, spaces_of
from orchestrator_graph.memory.erasure import begin_scrub, scrub
from orchestrator_graph.memory.generation import advance
from orchestrator_graph.memory.space import Key, Space
from orchestrator_graph.memory.vectors import Embedded

if TYPE_CHECKING:
    from orchestrator_graph.memory.parts import Parts

__all__ = ["Progress", "rebuild"]

Progress = Callable[[int, int], None]
"""Is told how much is done, of how much."""

STALLED_S = 120.0


def rebuild(parts: "Parts", progress: Progress) -> int:
    """Returns how many damaged rows were removed; a vector among them is made again where its embedder is at hand.

    Raises:
        MemoryStoreError: The ledger cannot be written, another process holds the index, or something was erased in this
            process (`generation`).
    """
    if parts.generation.tainted():
        raise MemoryStoreError("memory: something was erased in this process: rebuild the index in a new one")
    rows = [row for found in damage(parts.ledger).values() for row in found]
    with parts.ledger.write("removing damaged rows") as connection:
        for table, key in rows:
            connection.execute(delete(table).where(table.primary_key.columns[0] == key))
        advance(connection)
        begin_scrub(connection)
    parts.generation.adopt()
    scrub(parts.ledger)
    _refill(parts, [_space(parts, key) for key in spaces_of(parts.ledger)], progress)
    return len(rows)


def _space(parts: "Parts", key: Key) -> Space:
    if key[1] in (parts.public.fingerprint, parts.private.fingerprint):
        return parts.space(key[0], Embedded(np.empty((0, key[2]), np.float32), key[1]))
    # another embedder's: its vectors are all there is
    return parts.spaces.setdefault(key, Space(key, parts.ledger, parts.index))


def _refill(parts: "Parts", spaces: list[Space], progress: Progress) -> None:
    for space in spaces:
        space.detach()
        space.fill()
    moved, since = -1, time.monotonic()
    while True:
        parts.indexer.wake(now=True)
        time.sleep(0.05)
        done = 0 if parts.generation.outdated() else sum(space.indexed for space in spaces)
        waiting = sum(space.waiting() for space in spaces)
        progress(done, done + waiting)
        if not waiting and not parts.generation.outdated() and all(space.attached for space in spaces):
            return
        if done != moved:
            moved, since = done, time.monotonic()
        idle = time.monotonic() - since
        if idle > STALLED_S or (parts.index.locked and idle > 1.0):
            raise MemoryStoreError(f"memory: the index was not rebuilt: {parts.index.away or 'it stands still'}")
