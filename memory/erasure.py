"""Takes tasks out of ledger and index: those of a tenant or user, or those beyond an age or a count.

With a task go its decisions, outcomes and vectors, with a user the votes on other people's tasks. A task's calls stay,
for the bill: they hold amounts and names of models, no words, and with the task the only link to a person is gone.
SQLite's file is rewritten, so that no freed page keeps the bytes; PostgreSQL's and a Chroma server's files are their
operator's.
"""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Select, delete, false, func, or_, select

from orchestrator_graph.errors import InputError, MemoryStoreError
from orchestrator_graph.memory import schema
from orchestrator_graph.memory.generation import advance
from orchestrator_graph.memory.ledger import Ledger
from orchestrator_graph.memory.renewal import empty_server, renew
from orchestrator_graph.memory.rows import storable

if TYPE_CHECKING:
    from orchestrator_graph.memory.parts import Parts

__all__ = ["Erased", "begin_scrub", "beyond", "erase", "of_owner", "of_voter", "scrub", "scrub_due"]

DAY_S = 86_400.0
SCRUB = "scrub_due"

_tasks, _outcomes, _meta = schema.tasks, schema.outcomes, schema.meta
_certificates = schema.certificates
Ids = Select[tuple[str]]


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure removed.

    Attributes:
        tasks: How many, with all that hung on them.
        index: `erased`, `as it was`, or why its files follow later: they do when their holder next writes or opens it.
        votes: How many, on other people's tasks.
    """

    tasks: int
    index: str
    votes: int = 0


def of_owner(tenant: str | None, user: str | None) -> Ids:
    """The ids of a tenant's tasks, or of one user's within the tenant (`default` if not named).

    Raises:
        InputError: Neither is named.
    """
    if tenant is None and user is None:
        raise InputError("forget: name a tenant, or a user (and the tenant, if it is not 'default')")
    ids = select(_tasks.c.id).where(_tasks.c.tenant == storable(tenant or "default"))
    return ids if user is None else ids.where(_tasks.c.user_id == storable(user))


def of_voter(tenant: str | None, user: str | None) -> Ids:
    """The ids of a user's votes on other people's tasks of the tenant; none, where no user is named."""
    if user is None:
        return select(_outcomes.c.id).where(false())
    others = (_tasks.c.tenant == storable(tenant or "default"), _tasks.c.user_id != storable(user))
    ids = select(_outcomes.c.id).join(_tasks, _tasks.c.id == _outcomes.c.task_id)
    return ids.where(_outcomes.c.voter == storable(user), *others)


def beyond(tenant: str | None, max_age_days: float | None, max_tasks: int | None) -> Ids:
    """The ids of tasks older than that, and of all but a tenant's newest so many. `tenant=None`: in each tenant.

    Raises:
        InputError: No limit is named, or one is no number of at least 0.
    """
    limits = {"max_age_days": max_age_days, "max_tasks": max_tasks}
    if all(limit is None for limit in limits.values()):
        raise InputError("retain: name max_age_days, max_tasks or both")
    for name, limit in limits.items():
        if limit is not None and not 0 <= limit < float("inf"):
            raise InputError(f"retain: {name}={limit!r} is no number of at least 0")
    newest = (_tasks.c.created_at.desc(), _tasks.c.id.desc())
    place = func.row_number().over(partition_by=_tasks.c.tenant, order_by=newest).label("place")
    ranked = select(_tasks.c.id, _tasks.c.tenant, _tasks.c.created_at, place).subquery()
    tests = []
    if max_age_days is not None:
        tests.append(ranked.c.created_at < time.time() - max_age_days * DAY_S)
    if max_tasks is not None:
        tests.append(ranked.c.place > max_tasks)
    ids = select(ranked.c.id).where(or_(*tests))
    return ids if tenant is None else ids.where(ranked.c.tenant == storable(tenant))


def erase(parts: "Parts", ids: Ids, votes: Ids, *, whole: str | None = None, dry_run: bool = False) -> Erased:
    """Removes tasks and votes: from the ledger and its file when it returns, from the index as `Erased.index` says.

    With the whole of a tenant, which `whole` names, go its certificates: they hold what was learnt from its vectors.

    Raises:
        MemoryStoreError: The ledger cannot be written, a Chroma server is away (nothing is erased then), or another
            process kept the ledger from rewriting its file (the rows are gone; repeat it).
    """
    if dry_run:
        with parts.ledger.read("counting tasks") as connection:
            found = [
                connection.execute(select(func.count()).select_from(chosen.subquery())).scalar_one()
                for chosen in (ids, votes)
            ]
        return Erased(found[0], "as it was", found[1])
    empty_server(parts, ids)
    with parts.ledger.write("erasing") as connection:
        voted = connection.execute(delete(_outcomes).where(_outcomes.c.id.in_(votes))).rowcount
        for table in schema.OF_A_TASK:
            connection.execute(delete(table).where(table.c.task_id.in_(ids)))
        if whole is not None:
            connection.execute(delete(_certificates).where(_certificates.c.tenant == storable(whole)))
        removed = connection.execute(delete(_tasks).where(_tasks.c.id.in_(ids))).rowcount
        if removed:
            advance(connection, parts.index.address)
        if removed or voted:
            begin_scrub(connection)
    parts.public.clear()
    parts.private.clear()
    parts.indexer.drop_erased()
    scrub(parts.ledger)
    state = renew(parts)
    parts.learning.flush()
    return Erased(removed, state, voted)


def begin_scrub(connection: Connection) -> None:
    """Notes, in the erasing transaction, that the ledger's file is yet to follow."""
    connection.execute(delete(_meta).where(_meta.c.key == SCRUB))
    connection.execute(_meta.insert().values(key=SCRUB, value=str(time.time())))


def scrub_due(ledger: Ledger) -> bool:
    """True while the ledger's file may hold bytes of erased rows."""
    with ledger.read("reading what is due") as connection:
        return connection.execute(select(_meta.c.value).where(_meta.c.key == SCRUB)).first() is not None


def scrub(ledger: Ledger) -> None:
    """Rewrites SQLite's file without its freed pages and empties its log, if an erasure left that to do.

    Raises:
        MemoryStoreError: No room for the second copy, or another process was reading for too long: repeat it.
    """
    if not scrub_due(ledger):
        return
    doing = "rewriting the file (the rows are gone; their bytes are once this was repeated)"
    with ledger.read(doing) as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("VACUUM")
            busy: Any = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0]
            if busy:
                raise MemoryStoreError(f"memory: {doing} failed: another process is reading {ledger.where}")
    with ledger.write("noting that the file is clean") as connection:
        connection.execute(delete(_meta).where(_meta.c.key == SCRUB))
