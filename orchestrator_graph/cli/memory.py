"""`orchestrator memory`: looks after what was remembered. Progress goes to standard error, results to the output."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from orchestrator_graph.cli import options as opt
from orchestrator_graph.cli.group import ErrorGroup, console
from orchestrator_graph.config import load, user_folder
from orchestrator_graph.errors import InputError
from orchestrator_graph.types import to_json

if TYPE_CHECKING:
    from orchestrator_graph.memory import Memory

__all__ = ["memory"]

memory = typer.Typer(cls=ErrorGroup, no_args_is_help=True, help="Looks after what was remembered.")

Where = Annotated[str | None, typer.Option("--memory", metavar="WHERE", help="Its folder or URL; default: yours.")]
Index = Annotated[str | None, typer.Option(metavar="URL", help="chroma://host:port, if its index is at a server.")]
Tenant = Annotated[str | None, typer.Option(metavar="NAME", help="Of this tenant alone.")]
Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the parquet files are, or are to be.")]


@memory.command()
def stats(where: Where = None, index: Index = None, tenant: Tenant = None, as_json: opt.Json = False) -> None:
    """Counts what is remembered: by table, by tenant, on disk."""
    from orchestrator_graph.cli.memory_views import stats_view

    with _opened(where, index) as (opened, path):
        sizes = {name: _size(path / name) for name in ("ledger.sqlite", "index")} if path else {}
        tenants = {name: row for name, row in opened.tenants().items() if tenant in (None, name)}
        found = {**opened.stats(), "bytes": sizes, "tenants": tenants}
    _show(found, as_json, stats_view)


@memory.command()
def verify(where: Where = None, index: Index = None, as_json: opt.Json = False) -> None:
    """Checks file, rows, labels, vectors and index. Exit code 1 if something is wrong; it says what mends it."""
    from orchestrator_graph.cli.memory_views import checks_view

    with _opened(where, index) as (opened, _):
        checks = opened.verify()
    wrong = any(check.state == "wrong" for check in checks)
    _show({"whole": not wrong, "checks": [to_json(check) for check in checks]}, as_json, checks_view)
    raise typer.Exit(1 if wrong else 0)


@memory.command()
def rebuild(where: Where = None, index: Index = None, as_json: opt.Json = False) -> None:
    """Removes damaged rows, throws the index away and fills it from the ledger."""
    with _opened(where, index) as (opened, _), _bar("indexing") as progress:
        removed = opened.rebuild(progress)
        indexed = opened.stats()["indexed"]
    said = f"the index holds {indexed} rows; {removed} damaged rows were removed"
    _show({"indexed": indexed, "removed": removed}, as_json, lambda _: said)


@memory.command()
def export(
    folder: Folder,
    with_private: Annotated[bool, typer.Option("--with-private", help="Private tasks too, with their words.")] = False,
    vectors: Annotated[bool, typer.Option("--vectors/--no-vectors", help="With what was embedded, or without.")] = True,
    tenant: Tenant = None,
    where: Where = None,
    as_json: opt.Json = False,
) -> None:
    """Writes what was learnt as parquet files, one per table. Private tasks stay at home unless asked for."""
    with _opened(where, "none") as (opened, _), _bar("exporting") as progress:
        rows = opened.export(folder, tenant=tenant, with_private=with_private, with_vectors=vectors, progress=progress)
    _show({"folder": str(folder), "rows": rows}, as_json, lambda _: f"{folder}: {_listed(rows)}")


@memory.command("import")
def import_(
    folder: Folder,
    tenant: Annotated[
        str | None, typer.Option(metavar="NAME", help="Whose they become; as exported if not said.")
    ] = None,
    where: Where = None,
    as_json: opt.Json = False,
) -> None:
    """Reads exported parquet files. All is checked first; what is there already stays, so it may be repeated."""
    with _opened(where, "none", new=True) as (opened, _), _bar("importing") as progress:
        rows = opened.import_(folder, tenant=tenant, progress=progress)
    _show({"folder": str(folder), "new": rows}, as_json, lambda _: f"new: {_listed(rows)}")


@memory.command()
def forget(
    user: Annotated[
        str | None, typer.Option(metavar="NAME", help="This user's tasks (of --tenant, or default).")
    ] = None,
    tenant: Annotated[
        str | None, typer.Option(metavar="NAME", help="All of this tenant's, or with the others: only its.")
    ] = None,
    older_than: Annotated[float | None, typer.Option(metavar="DAYS", help="Tasks older than that.")] = None,
    keep: Annotated[int | None, typer.Option(metavar="N", help="All but each tenant's newest N tasks.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    where: Where = None,
    index: Index = None,
    as_json: opt.Json = False,
) -> None:
    """Erases tasks from ledger and index, for good. Exit code 1 while another process still holds the index."""
    limits = {"max_age_days": older_than, "max_tasks": keep}
    by_limit = any(limit is not None for limit in limits.values())
    if by_limit and user is not None:
        raise InputError("forget: --user cannot be joined with --older-than or --keep: run it twice")
    with _opened(where, index) as (opened, _):
        erase: Callable[..., Any] = opened.retain if by_limit else opened.forget
        chosen = {"tenant": tenant, **(limits if by_limit else {"user": user})}
        found = erase(**chosen, dry_run=True)
        if not yes:
            typer.confirm(f"Erase {found.tasks} tasks, {found.votes} votes on others', for good?", abort=True, err=True)
        erased = erase(**chosen)
    said = f"erased {erased.tasks} tasks, {erased.votes} votes on others'; their index rows: {erased.index}"
    _show(to_json(erased), as_json, lambda _: said)
    raise typer.Exit(1 if erased.index.startswith("later") else 0)


@contextmanager
def _opened(where: str | None, index: str | None, *, new: bool = False) -> Iterator[tuple["Memory", Path | None]]:
    """The memory that is meant, and its folder if it has one; only `new` ones are made."""
    place = where or load().memory or str(user_folder("data", os.environ) / "memory")
    if place == "none":
        raise InputError("--memory none: in RAM there is nothing to look after; name a folder or URL")
    path = None if "://" in place else Path(place).expanduser()
    if path and not new and not (path / "ledger.sqlite").is_file():
        raise InputError(f"--memory {place}: there is no memory there (no ledger.sqlite)")
    from orchestrator_graph.memory import Memory

    opened = Memory(place, index=index)
    try:
        yield opened, path
    finally:
        opened.close()


@contextmanager
def _bar(doing: str) -> Iterator[Callable[[int, int], None]]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    page = console(stderr=True)
    columns = (TextColumn(doing), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=page, transient=True, disable=not page.is_terminal) as bar:
        task = bar.add_task(doing, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _show(found: Any, as_json: bool, view: Callable[[Any], Any]) -> None:
    if as_json:
        typer.echo(json.dumps(found))
    else:
        shown = view(found)
        console().print(Text(shown) if isinstance(shown, str) else shown, soft_wrap=isinstance(shown, str))


def _listed(rows: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in rows.items())


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in (path, *path.rglob("*")) if file.is_file())
