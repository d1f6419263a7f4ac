"""Opens the ledger's database: SQLite in RAM or in a folder (WAL, every commit synced), or PostgreSQL by URL."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import QueuePool, StaticPool

from orchestrator_graph.errors import MemoryStoreError
from orchestrator_graph.memory.schema import migrate

__all__ = ["Database", "open_database", "typed_errors"]

LIKE = "postgresql://user:password@host:5432/name"
WAITS = {
    "connect_timeout": "5",
    "tcp_user_timeout": "10000",
    "options": "-c lock_timeout=10s -c statement_timeout=60s",
}
"""What the URL may set otherwise: nobody waits for ever."""
BEGIN = {
    "sqlite": "BEGIN IMMEDIATE",
    # One writer at a time, so that `embeddings.seq` grows in the order of commits. Given back by the commit.
    "postgresql": "SELECT pg_advisory_xact_lock(7241094103551)",
}


@dataclass(frozen=True, slots=True)
class Database:
    """Where to read and where to write.

    Attributes:
        writer: Its transactions hold the ledger's one writing lock.
        where: For people; without a password.
    """

    reader: Engine
    writer: Engine
    where: str


@contextmanager
def typed_errors(doing: str) -> Iterator[None]:
    """Turns database and file errors into `MemoryStoreError`, naming what was being done."""
    try:
        yield
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        raise MemoryStoreError(f"memory: {doing} failed: {type(cause).__name__}: {cause}") from error
    except (OSError, Timeout, UnicodeError) as error:
        raise MemoryStoreError(f"memory: {doing} failed: {type(error).__name__}: {error}") from error


def open_database(place: Path | str | None) -> Database:
    """The database, migrated to the newest schema.

    Args:
        place: A folder, a `postgresql://` URL, or `None` for RAM, shared by all threads.

    Raises:
        MemoryStoreError: It cannot be made, reached, read or locked, or is of a newer release.
    """
    if place is None:
        engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
        return _prepared(engine, "RAM", {})
    if isinstance(place, Path):
        return _in_folder(place)
    url = _url(place)
    where = _shown(url.set(drivername="postgresql"))
    with typed_errors(f"opening {where}"):
        patient = url.update_query_dict({**WAITS, **url.query})
        try:
            engine = create_engine(patient, pool_size=4, max_overflow=4, pool_timeout=10, pool_pre_ping=True)
        except ModuleNotFoundError as error:
            raise MemoryStoreError(
                f'memory={where!r} needs a driver: pip install "orchestrator-graph[postgres]"'
            ) from error
        return _prepared(engine, where, {})


def _url(text: str) -> URL:
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):  # its message may hold the password
        raise MemoryStoreError(f"memory: this is no database URL; one looks like {LIKE}") from None
    if url.drivername not in ("postgresql", "postgres", "postgresql+psycopg"):
        raise MemoryStoreError(f"memory={_shown(url)!r}: only a folder, {LIKE}, or None for RAM, can be opened")
    return url.set(drivername="postgresql+psycopg")


def _shown(url: URL) -> str:
    """Without a password, which may also be among the options."""
    return url.set(query={}).render_as_string()


def _in_folder(folder: Path) -> Database:
    path = folder / "ledger.sqlite"
    with typed_errors(f"opening {path}"):
        folder.mkdir(parents=True, exist_ok=True)
        engine = create_engine(f"sqlite:///{path}", poolclass=QueuePool, pool_size=8, max_overflow=56)
        # SQLite's busy timeout does not cover the switch to WAL: two first openings would collide.
        with FileLock(folder / "ledger.lock", timeout=10):
            return _prepared(engine, str(path), {"journal_mode": "WAL", "synchronous": "FULL", "busy_timeout": "10000"})


def _prepared(engine: Engine, where: str, pragmas: dict[str, str]) -> Database:
    kind = engine.dialect.name
    if kind == "sqlite":
        _set_up_sqlite(engine, pragmas)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A single SELECT needs no transaction; writers say `begin=`.
        if statement := connection.get_execution_options().get("begin"):
            connection.exec_driver_sql(str(statement))

    writer = engine.execution_options(begin=BEGIN[kind])
    try:
        with writer.begin() as connection:
            migrate(connection)
    except BaseException:
        engine.dispose()
        raise
    reader = engine if kind == "sqlite" else engine.execution_options(isolation_level="AUTOCOMMIT")
    return Database(reader, writer, where)


def _set_up_sqlite(engine: Engine, pragmas: dict[str, str]) -> None:
    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver's implicit BEGIN leaves DDL outside of the transaction
        for name, value in pragmas.items():
            connection.execute(f"PRAGMA {name}={value}").close()
