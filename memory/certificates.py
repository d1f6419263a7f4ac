"""Promises in the ledger: stored once, suspended with a reason, never changed. What they say is not read here."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from orchestrator_graph.drive import Effects
from orchestrator_graph.memory.rows import storable

if TYPE_CHECKING:
    from orchestrator_graph.memory.parts import Parts
    from orchestrator_graph.memory.store import Memory

__all__ = ["Stored", "newest", "store", "stored", "suspend"]


@dataclass(frozen=True, slots=True)
class Stored:
    """A certificate as it lies in the ledger.

    Attributes:
        content: Its file, word for word.
        created_at: When it was made, seconds since the epoch.
        suspended: Why it is not believed any more; `""` while it is.
    """

    id: str
    tenant: str
    content: str
    created_at: float
    suspended: str = ""


async def store(fx: Effects, memory: "Memory", certificate: Stored) -> None:
    """Commits a certificate; one of that id stays as it was, suspension included.

    Raises:
        MemoryStoreError: The ledger cannot be opened or written.
    """
    from orchestrator_graph.memory.schema import certificates

    row = {
        "id": certificate.id,
        "tenant": certificate.tenant,
        "content": certificate.content,
        "created_at": certificate.created_at,
        "suspended": certificate.suspended or None,
    }
    parts = await memory._opened(fx)
    await fx.offload(partial(parts.ledger.insert, [(certificates, [row])]))


async def newest(fx: Effects, memory: "Memory", tenant: str) -> Stored | None:
    """The tenant's newest certificate, suspended or not: an older one does not stand in for it.

    Raises:
        MemoryStoreError: The ledger cannot be opened or read.
    """
    found = await stored(fx, memory, tenant=tenant, limit=1)
    return found[0] if found else None


async def stored(
    fx: Effects, memory: "Memory", *, tenant: str | None = None, name: str | None = None, limit: int = 100
) -> list[Stored]:
    """The certificates of a tenant, or of that id; the newest first.

    Raises:
        MemoryStoreError: The ledger cannot be opened or read.
    """
    parts = await memory._opened(fx)
    return await fx.offload(partial(_stored, parts, tenant, name, limit))


async def suspend(fx: Effects, memory: "Memory", name: str, reason: str) -> bool:
    """Says why a certificate is not believed any more, to every process; False where it was suspended or is unknown.

    Raises:
        MemoryStoreError: The ledger cannot be opened or written.
    """
    parts = await memory._opened(fx)
    return await fx.offload(partial(_suspend, parts, name, reason))


def _stored(parts: "Parts", tenant: str | None, name: str | None, limit: int) -> list[Stored]:
    from sqlalchemy import select

    from orchestrator_graph.memory.schema import certificates

    query = select(certificates).order_by(certificates.c.created_at.desc(), certificates.c.id).limit(limit)
    if tenant is not None:
        query = query.where(certificates.c.tenant == storable(tenant))
    if name is not None:
        query = query.where(certificates.c.id == storable(name))
    with parts.ledger.read("reading certificates") as connection:
        return [_value(row) for row in connection.execute(query)]


def _value(row: Any) -> Stored:
    return Stored(row.id, row.tenant, row.content, row.created_at, row.suspended or "")


def _suspend(parts: "Parts", name: str, reason: str) -> bool:
    from orchestrator_graph.memory.schema import certificates

    still = certificates.c.id == storable(name), certificates.c.suspended.is_(None)
    said = storable(reason) or "no reason was given"
    with parts.ledger.write("suspending a certificate") as connection:
        return bool(connection.execute(certificates.update().where(*still).values(suspended=said)).rowcount)
