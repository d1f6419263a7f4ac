"""The commands. Each reads its options, asks the orchestrator, and prints; what it prints lives beside it."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator_graph.cli import options as opt
from orchestrator_graph.cli.group import ErrorGroup, console
from orchestrator_graph.config import FILE_NAME, load, template, user_folder
from orchestrator_graph.errors import ConfigError, MemoryStoreError
from orchestrator_graph.policy import Policy
from orchestrator_graph.types import to_json

if TYPE_CHECKING:
    from orchestrator_graph.orchestrator import Orchestrator

__all__ = ["app"]

app = typer.Typer(
    cls=ErrorGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Decides which language model does which part of a job, with the bill and the reasons.",
    epilog=(
        "Exit codes: 0 done, 1 incomplete, 2 a wrong task or option, 3 orchestrator.toml, 4 no such model, "
        "5 no candidate left, 6 private text refused, 7 the memory, 130 interrupted."
    ),
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"orchestrator-graph {version('orchestrator-graph')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    """Decides which language model does which part of a job, with the bill and the reasons."""


@app.command()
def init(
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file that is there.")] = False,
    folder: Annotated[Path, typer.Option(metavar="PATH", help="Where to write it.")] = Path(),
) -> None:
    """Writes a commented orchestrator.toml."""
    path = folder / FILE_NAME
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(template())
    except FileExistsError:
        raise ConfigError(f"{path} is there already: edit it, or overwrite it with --force") from None
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    typer.echo(f"wrote {path}")


@app.command()
def demo() -> None:
    """Shows the main job on the embedded models: no network, no key, no server."""
    from orchestrator_graph import demo as script

    raise typer.Exit(script.run(console()))


@app.command()
def run(
    text: opt.Task = None,
    file: opt.File = None,
    tradeoff: opt.Tradeoff = None,
    max_cost: opt.MaxCost = None,
    deadline: opt.Deadline = None,
    private: opt.Private = False,
    strategy: opt.Strategy = None,
    setting: opt.Setting = None,
    models: opt.Models = None,
    memory: opt.Memory = None,
    as_json: opt.Json = False,
    stream: Annotated[bool, typer.Option("--stream", help="Print the answer's text as it comes.")] = False,
) -> None:
    """Works on a task: the answer, who did what and why, and the bill."""
    from orchestrator_graph.cli.live import watch

    named = {"tradeoff": tradeoff, "max_cost_usd": max_cost, "deadline_s": deadline, "strategy": strategy}
    policy = opt.chosen_policy(setting, private=private, **named)
    task = opt.read_task(text, file)
    with _open(models, memory, policy) as orchestrator:
        out = watch(orchestrator, task, as_json=as_json, stream=stream)
    unfinished = not out["results"] or any(result["status"] == "failed" for result in out["results"].values())
    raise typer.Exit(1 if unfinished else 0)


@app.command()
def decide(
    text: opt.Task = None,
    file: opt.File = None,
    tradeoff: opt.Tradeoff = None,
    max_cost: opt.MaxCost = None,
    deadline: opt.Deadline = None,
    private: opt.Private = False,
    strategy: opt.Strategy = None,
    setting: opt.Setting = None,
    models: opt.Models = None,
    memory: opt.Memory = None,
    as_json: opt.Json = False,
) -> None:
    """Ranks the candidates for a task and says why. Calls none of them."""
    from orchestrator_graph.cli.views import decision_view

    named = {"tradeoff": tradeoff, "max_cost_usd": max_cost, "deadline_s": deadline, "strategy": strategy}
    policy = opt.chosen_policy(setting, private=private, **named)
    task = opt.read_task(text, file)
    with _open(models, memory, policy) as orchestrator:
        decision = orchestrator.decide(task)
    if as_json:
        typer.echo(json.dumps(to_json(decision)))
    else:
        console().print(decision_view(decision))


@app.command("models")
def portfolio(models: opt.Models = None, as_json: opt.Json = False) -> None:
    """Lists the models: price, latency, context, capabilities, what for."""
    from orchestrator_graph.cli.views import portfolio_rows, portfolio_view
    from orchestrator_graph.registry.catalogue import Catalogue

    with _open(models, "none", Policy()) as orchestrator:
        found = orchestrator.portfolio()
    what_for = Catalogue().what_for
    if as_json:
        typer.echo(json.dumps({"models": portfolio_rows(found, what_for), "notes": list(found.notes)}))
    else:
        console().print(portfolio_view(found, what_for))


@app.command()
def doctor(as_json: opt.Json = False) -> None:
    """Says what was found, what is missing, and the one command that would mend it."""
    from orchestrator_graph.cli.doctor import examine, findings_view

    findings = examine()
    if as_json:
        typer.echo(json.dumps({"findings": [to_json(finding) for finding in findings]}))
    else:
        console().print(findings_view(findings))
    raise typer.Exit(1 if any(finding.state == "missing" for finding in findings) else 0)


def _open(models: list[str] | None, memory: str | None, policy: Policy) -> "Orchestrator":
    """The orchestrator that file and command line describe; the command line wins."""
    config = load()
    described = {spec.id: spec for spec in config.model_specs}
    wanted = [described.get(name, name) for name in models] if models else config.models
    where = memory or config.memory or str(user_folder("data", os.environ) / "memory")

    from orchestrator_graph.orchestrator import Orchestrator

    orchestrator = Orchestrator(
        models="pocket" if wanted == ["pocket"] else wanted,
        memory=None if where == "none" else where,
        policy=policy,
        config=config,
    )
    if memory and memory != "none":
        _check_memory(orchestrator, memory)
    return orchestrator


def _check_memory(orchestrator: "Orchestrator", where: str) -> None:
    """Opens the memory that was asked for by name: without it the task is not begun."""
    from orchestrator_graph.drive import SYNC, drive

    try:
        drive(orchestrator.memory.spent_nusd(SYNC, run_id=""))
    except MemoryStoreError as error:
        raise MemoryStoreError(f"--memory {where}: {error}") from None
