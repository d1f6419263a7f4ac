"""What an erasure does to the index: an embedded one is thrown away, a server is told which rows to delete.

A server that this process does not use is emptied: whoever uses it fills it again.
"""

import time
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Select, select

from orchestrator_graph.errors import MemoryStoreError
from orchestrator_graph.memory import schema
from orchestrator_graph.memory.embedded import EmbeddedIndex
from orchestrator_graph.memory.generation import Generation, servers
from orchestrator_graph.memory.ledger import Ledger
from orchestrator_graph.memory.server import ServerIndex

if TYPE_CHECKING:
    from orchestrator_graph.memory.parts import Parts
    from orchestrator_graph.memory.space import Key

__all__ = ["empty_server", "renew"]

PATIENCE_S = 60.0
LEAVING_S = 1.0
"""The holder of the index may have left since: so long it is asked for again."""
PAGE = 1_000

_embeddings = schema.embeddings


def empty_server(parts: "Parts", ids: Select[tuple[str]]) -> None:
    """Deletes the tasks' rows at a Chroma server, before the ledger forgets which they were.

    Raises:
        MemoryStoreError: The server is away.
    """
    if parts.index.kind != "server":
        return
    columns = (_embeddings.c.tenant, _embeddings.c.fingerprint, _embeddings.c.dimension, _embeddings.c.task_id)
    with parts.ledger.read("reading what to erase") as connection:
        rows = connection.execute(select(*columns).where(_embeddings.c.task_id.in_(ids))).all()
    doomed: dict[Key, list[str]] = {}
    for *key, task_id in rows:
        doomed.setdefault((key[0], key[1], key[2]), []).append(task_id)
    try:
        if doomed and not parts.index.claim():
            raise ConnectionError(parts.index.away)
        for place, held in doomed.items():
            parts.index.open()
            collection = parts.index.collection(*place)
            for start in range(0, len(held), PAGE):
                collection.delete(ids=held[start : start + PAGE])
    except Exception as error:
        raise MemoryStoreError(f"memory: nothing was erased, the index server failed: {error}") from error


def renew(parts: "Parts") -> str:
    """Has every index of an older generation thrown away; `erased`, or why that follows later."""
    whys = "; ".join(why for why in (_thrown_away(parts), _emptied(parts.ledger)) if why)
    return f"later ({whys}: it is renewed there at the next write or opening)" if whys else "erased"


def _emptied(ledger: Ledger) -> str:
    """Has the servers emptied that may hold what was erased, whoever gave it to them; which are away, or ""."""
    with ledger.read("reading the index servers") as connection:
        due = [url for url, outdated in servers(connection).items() if outdated]
    away = list[str]()
    for url in due:
        server = ServerIndex(url, ledger)
        try:
            server.open()
        except Exception as error:  # noqa: BLE001 - Chroma raises its own and Rust's
            away.append(f"{url} failed, {type(error).__name__}")
        finally:
            server.close()
    return ", ".join(away)


def _thrown_away(parts: "Parts") -> str:
    if parts.folder and parts.index.kind != "embedded" and not _left_behind(parts.ledger, parts.folder):
        return "another process holds it"
    begun = time.monotonic()
    while parts.generation.outdated():
        waited = time.monotonic() - begun
        if parts.index.resting and not parts.index.locked:
            parts.generation.renewed()
        elif waited > PATIENCE_S or (parts.index.locked and waited > LEAVING_S):
            return "another process holds it" if parts.index.locked else "it is being written"
        parts.indexer.wake(now=True)
        time.sleep(0.02)
    return ""


def _left_behind(ledger: Ledger, folder: Path) -> bool:
    """Throws away the folder of an embedded index that is no longer used; False where another process holds it."""
    index = EmbeddedIndex(folder)
    if not index.claim():
        return False
    try:
        index.reset()
        Generation(ledger, folder).renewed()
    finally:
        index.close()
    return True
