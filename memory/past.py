"""All labelled tasks of a tenant at once, for what is made of them offline: calibration, certificates."""

import math
from functools import partial
from typing import TYPE_CHECKING

from orchestrator_graph.drive import Effects

if TYPE_CHECKING:
    from orchestrator_graph.memory.parts import Parts
    from orchestrator_graph.memory.store import Memory
    from orchestrator_graph.types.history import History

__all__ = ["past", "sizes", "space_in_use"]

PROBE = "certificate"


async def space_in_use(fx: Effects, memory: "Memory") -> str:
    """Fingerprint of the embedder that tasks without private words are given to; asks it once where it must.

    Raises:
        MemoryStoreError: The ledger cannot be opened, or the embedder fails.
    """
    parts = await memory._opened(fx)
    return parts.public.fingerprint or (await parts.public.embed(fx, [PROBE])).fingerprint


async def past(fx: Effects, memory: "Memory", tenant: str, at_best: str | None = None) -> "History":
    """The newest 8,000 labelled tasks of a tenant in the space in use. Labels do not fade here.

    `at_best`: as `read_history`.

    Raises:
        MemoryStoreError: The ledger cannot be read, or the embedder fails.
    """
    from orchestrator_graph.memory.history import read_history

    parts, space = await memory._opened(fx), await space_in_use(fx, memory)
    read = partial(read_history, parts.ledger, tenant, space, math.inf, at_best=at_best)
    history, _ = await fx.offload(read)
    return history


async def sizes(fx: Effects, memory: "Memory", tenant: str) -> dict[str, tuple[float, int]]:
    """Task type -> (mean characters of a task's words, n) of a tenant's tasks.

    Raises:
        MemoryStoreError: The ledger cannot be read.
    """
    return await fx.offload(partial(_sizes, await memory._opened(fx), tenant))


def _sizes(parts: "Parts", tenant: str) -> dict[str, tuple[float, int]]:
    from sqlalchemy import func, select

    from orchestrator_graph.memory.schema import tasks

    mean = func.avg(func.length(tasks.c.text))
    query = select(tasks.c.task_type, mean, func.count()).where(tasks.c.tenant == tenant).group_by(tasks.c.task_type)
    with parts.ledger.read("measuring tasks") as connection:
        return {kind: (float(size or 0), int(n)) for kind, size, n in connection.execute(query)}
