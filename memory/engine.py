"""Opens the ledger's database: SQLite in RAM or in a folder (WAL, every commit synced)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import QueuePool, StaticPool

from orchestrator_graph.errors import MemoryStoreError
from orchestrator_graph.memory.schema import migrate

__all__ = ["open_engine", "typed_errors"]


@contextmanager
def typed_errors(doing: str) -> Iterator[None]:
    """Turns database and file errors into `MemoryStoreError`, naming what was being done."""
    try:
        yield
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        raise MemoryStoreError(f"memory: {doing} failed: {type(cause).__name__}: {cause}") from error
    except (OSError, Timeout) as error:
        raise MemoryStoreError(f"memory: {doing} failed: {type(error).__name__}: {error}") from error


def open_engine(folder: Path | None) -> Engine:
    """The engine, migrated to the newest schema. `folder=None` keeps everything in RAM, shared by all threads.

    Raises:
        MemoryStoreError: The folder cannot be made, read, locked or is of a newer release.
    """
    if folder is None:
        engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
        _prepare(engine, {})
        return engine
    with typed_errors(f"opening {folder / 'ledger.sqlite'}"):
        folder.mkdir(parents=True, exist_ok=True)
        url = f"sqlite:///{folder / 'ledger.sqlite'}"
        engine = create_engine(url, poolclass=QueuePool, pool_size=8, max_overflow=56)
        try:
            # SQLite's busy timeout does not cover the switch to WAL: two first openings would collide.
            with FileLock(folder / "ledger.lock", timeout=10):
                _prepare(engine, {"journal_mode": "WAL", "synchronous": "FULL", "busy_timeout": "10000"})
        except BaseException:
            engine.dispose()
            raise
    return engine


def _prepare(engine: Engine, pragmas: dict[str, str]) -> None:
    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver's implicit BEGIN leaves DDL outside of the transaction
        for name, value in pragmas.items():
            connection.execute(f"PRAGMA {name}={value}").close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A single SELECT needs no transaction; writers say `begin=`.
        if statement := connection.get_execution_options().get("begin"):
            connection.exec_driver_sql(str(statement))

    with engine.connect().execution_options(begin="BEGIN IMMEDIATE") as connection, connection.begin():
        migrate(connection)
