"""What profiling a model needs to know of the memory: the vectors of past tasks, and which tries were scored before."""

import hashlib
from collections.abc import Container, Sequence
from functools import partial
from typing import TYPE_CHECKING

from orchestrator_graph.drive import Effects

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from orchestrator_graph.memory.parts import Parts
    from orchestrator_graph.memory.store import Memory

__all__ = ["PROFILE", "past_vectors", "scored", "try_id"]

PROFILE = "profile"
"""Run id of the tasks and key of the outcomes that a profile leaves behind."""
RECENT = 2_000
BATCH = 500


def try_id(task_id: str, candidate: str) -> str:
    """The outcome's id of a candidate on a task of a profile: a repeated profile writes no second one."""
    return hashlib.sha256(f"{task_id} {candidate}".encode()).hexdigest()[:32]


async def past_vectors(
    fx: Effects, memory: "Memory", tenant: str, space: str, without: Container[str]
) -> "NDArray[np.float32] | None":
    """The newest 2,000 or so vectors of a space but those of some tasks, shape (n, d); `None` where there are none.

    Raises:
        MemoryStoreError: The ledger cannot be read.
    """
    parts = await memory._opened(fx)

    def read() -> "NDArray[np.float32] | None":
        newest = parts.ledger.census(tenant, space)[1]
        found = parts.ledger.newer(tenant, space, max(0, newest - RECENT))
        kept = [place for place, name in enumerate(found.ids) if name not in without]
        return found.matrix[kept] if found.matrix is not None and kept else None

    return await fx.offload(read)


async def scored(fx: Effects, memory: "Memory", ids: Sequence[str]) -> dict[str, float]:
    """Outcome id -> score, of those tries that are remembered.

    Raises:
        MemoryStoreError: The ledger cannot be read.
    """
    parts = await memory._opened(fx)
    return await fx.offload(partial(_scored, parts, ids))


def _scored(parts: "Parts", ids: Sequence[str]) -> dict[str, float]:
    from sqlalchemy import select

    from orchestrator_graph.memory.schema import outcomes

    found: dict[str, float] = {}
    with parts.ledger.read("reading a profile") as connection:
        for start in range(0, len(ids), BATCH):
            query = select(outcomes.c.id, outcomes.c.score).where(outcomes.c.id.in_(ids[start : start + BATCH]))
            found.update((row.id, row.score) for row in connection.execute(query))
    return found
