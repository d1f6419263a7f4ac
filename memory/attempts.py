"""How often a promise was tested in vain: whoever tests again and again until it holds has to say so to the test."""

import hashlib
import json
from functools import partial
from typing import TYPE_CHECKING, Any

from orchestrator_graph.drive import Effects

if TYPE_CHECKING:
    from orchestrator_graph.memory.parts import Parts
    from orchestrator_graph.memory.store import Memory

__all__ = ["attempts", "note_attempt"]


async def attempts(fx: Effects, memory: "Memory", promise: str, data: str) -> int:
    """Which attempt a test of this promise on these data is: 1 at first; the same data are the same attempt.

    Raises:
        MemoryStoreError: The ledger cannot be opened or read.
    """
    return await fx.offload(partial(_attempts, await memory._opened(fx), promise, data))


async def note_attempt(fx: Effects, memory: "Memory", promise: str, data: str, number: int) -> None:
    """Commits that an attempt was made in vain; `number=0` begins anew.

    Raises:
        MemoryStoreError: The ledger cannot be opened or written.
    """
    await fx.offload(partial(_note, await memory._opened(fx), promise, data, number))


def _key(promise: str) -> str:
    return f"attempts {hashlib.sha256(promise.encode()).hexdigest()[:32]}"


def _attempts(parts: "Parts", promise: str, data: str) -> int:
    from sqlalchemy import select

    from orchestrator_graph.memory.schema import meta

    with parts.ledger.read("counting attempts") as connection:
        found = connection.execute(select(meta.c.value).where(meta.c.key == _key(promise))).scalar()
    if found is None:
        return 1
    last: dict[str, Any] = json.loads(found)
    return int(last["number"]) + int(last["data"] != data)


def _note(parts: "Parts", promise: str, data: str, number: int) -> None:
    from orchestrator_graph.memory.schema import meta

    with parts.ledger.write("noting an attempt") as connection:
        connection.execute(meta.delete().where(meta.c.key == _key(promise)))
        if number:
            row = {"key": _key(promise), "value": json.dumps({"number": number, "data": data})}
            connection.execute(meta.insert().values(row))
