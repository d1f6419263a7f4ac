"""The ledger's tables and the migrations that lead to them. One row per task, decision, call and outcome.

Tables are plain SQLAlchemy Core, valid on SQLite and PostgreSQL. Money is integer nano-dollars, times are seconds.
"""

from collections.abc import Callable

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    select,
    text,
)

from orchestrator_graph.errors import MemoryStoreError
from orchestrator_graph.types import new_id

__all__ = [
    "MIGRATIONS", "OF_A_TASK", "calls", "certificates", "decisions", "embeddings", "meta", "migrate", "outcomes",
    "reservations", "tasks",
]  # fmt: skip

_tables = MetaData()


def _text(name: str, **options: bool) -> "Column[str]":
    return Column(name, Text, nullable=options.get("nullable", False))


def _flag(name: str) -> "Column[bool]":
    return Column(name, Boolean, nullable=False)


def _float(name: str, *, nullable: bool = False) -> "Column[float]":
    return Column(name, Float(53), nullable=nullable)


def _whole(name: str) -> "Column[int]":
    return Column(name, BigInteger, nullable=False)


meta = Table("meta", _tables, Column("key", String(64), primary_key=True), _text("value"))

tasks = Table(
    "tasks", _tables, Column("id", String(64), primary_key=True),
    _text("run_id"), _text("subtask_id"), _text("tenant"), _text("user_id"), _text("text"), _text("task_type"),
    _flag("private"), _float("created_at"),
    Index("tasks_by_tenant", "tenant", "private"), Index("tasks_by_run", "run_id"),
)  # fmt: skip

decisions = Table(
    "decisions", _tables, Column("id", String(64), primary_key=True),
    _text("task_id"), _text("subtask_id"), _text("chosen"), _text("why"), _flag("proved"), _text("memory_state"),
    _text("policy_fingerprint"), _text("registry_fingerprint"),
    _text("ranking"), _text("excluded"), _text("propensities"), _text("neighbours"), _float("created_at"),
    Index("decisions_by_task", "task_id"),
)  # fmt: skip

calls = Table(
    "calls", _tables, Column("id", String(64), primary_key=True),
    _text("task_id"), _text("run_id"), _text("subtask_id"), _text("budget", nullable=True),
    _text("model"), _text("answered_by"), _text("purpose"), _text("failure", nullable=True), _text("finish"),
    _whole("input_tokens"), _whole("output_tokens"), _whole("cached_tokens"), _whole("reasoning_tokens"),
    _flag("usage_measured"), _whole("cost_nusd"), _flag("billed"), _flag("cost_measured"),
    _float("latency_s"), _float("queued_s"), _float("first_token_s", nullable=True),
    _float("energy_j", nullable=True), _whole("tries"), _float("created_at"),
    Index("calls_by_budget", "budget", "created_at"), Index("calls_by_run", "run_id"),
    Index("calls_by_task", "task_id"),
)  # fmt: skip

outcomes = Table(
    "outcomes", _tables, Column("id", String(64), primary_key=True),
    _text("task_id"), _text("decision_id"), _text("candidate"), _float("score"), _text("source"), _float("weight"),
    _whole("cost_nusd"), _float("latency_s"), _float("energy_j", nullable=True), _float("created_at"),
    _text("key", nullable=True), _text("comment", nullable=True), _text("voter", nullable=True),
    _text("signals", nullable=True), _text("said", nullable=True),
    Index("outcomes_by_task", "task_id"),
)  # fmt: skip

embeddings = Table(
    "embeddings", _tables,
    # `seq` grows in commit order (one writer at a time): readers and the index ask for what is newer than they know.
    Column("seq", Integer, primary_key=True, autoincrement=True),
    _text("task_id"), _text("tenant"), _text("fingerprint"), _whole("dimension"),
    Column("vector", LargeBinary, nullable=False),
    UniqueConstraint("task_id", "fingerprint"), Index("embeddings_by_space", "tenant", "fingerprint", "seq"),
    sqlite_autoincrement=True,
)  # fmt: skip

reservations = Table(
    "reservations", _tables, Column("id", String(64), primary_key=True),
    # `period` is where it begins; one settled row per budget and period holds the sum of what was spent.
    _text("budget"), _float("period"), _whole("nusd"), _float("created_at"), _float("expires_at"), _flag("settled"),
    Index("reservations_by_budget", "budget", "period"),
)  # fmt: skip

certificates = Table(
    "certificates", _tables, Column("id", String(64), primary_key=True),
    # `content` is the certificate's file, word for word; `suspended` says why it is not believed any more.
    _text("tenant"), _text("content"), _float("created_at"), _text("suspended", nullable=True),
    Index("certificates_by_tenant", "tenant", "created_at"),
)  # fmt: skip

OF_A_TASK = (decisions, outcomes, embeddings)
"""Tables whose rows go with their task."""

Migration = Callable[[Connection], None]
MIGRATIONS: list[Migration] = []
"""Migration i leads from version i + 1 to i + 2 (an empty database gets the newest tables at once). Only append."""


def _migration(step: Migration) -> Migration:
    MIGRATIONS.append(step)
    return step


@_migration
def _feedback_and_reservations(connection: Connection) -> None:
    for name in ("key", "comment", "voter"):
        connection.execute(text(f"ALTER TABLE outcomes ADD COLUMN {name} TEXT"))
    connection.execute(text("CREATE INDEX tasks_by_run ON tasks (run_id)"))
    connection.execute(text("CREATE INDEX calls_by_task ON calls (task_id)"))
    _tables.create_all(connection, tables=[reservations])
    _name(connection)


@_migration
def _signals_and_certificates(connection: Connection) -> None:
    for name in ("signals", "said"):
        connection.execute(text(f"ALTER TABLE outcomes ADD COLUMN {name} TEXT"))
    _tables.create_all(connection, tables=[certificates])


def _name(connection: Connection) -> None:
    """Gives the ledger an id: a Chroma server may serve several."""
    connection.execute(meta.insert().values(key="ledger_id", value=new_id()))


def migrate(connection: Connection) -> int:
    """Brings the ledger to the newest version and returns it; the caller holds the only writing transaction.

    Raises:
        MemoryStoreError: A newer release wrote this ledger.
    """
    newest = len(MIGRATIONS) + 1
    if not connection.dialect.has_table(connection, "meta"):
        _tables.create_all(connection)
        connection.execute(meta.insert().values(key="schema_version", value=str(newest)))
        _name(connection)
        return newest
    version = int(connection.execute(select(meta.c.value).where(meta.c.key == "schema_version")).scalar_one())
    if version > newest:
        raise MemoryStoreError(
            f"the ledger has schema version {version}, this release knows {newest}: upgrade orchestrator-graph"
        )
    for step in MIGRATIONS[version - 1 :]:
        step(connection)
    if version < newest:
        connection.execute(meta.update().where(meta.c.key == "schema_version").values(value=str(newest)))
    return newest
