"""`orchestrator models`: the portfolio, and what Ollama holds in memory."""

import json
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from orchestrator_graph.cli import options as opt
from orchestrator_graph.cli.group import console
from orchestrator_graph.cli.opening import opened
from orchestrator_graph.config import load as load_config
from orchestrator_graph.drive import SYNC, drive
from orchestrator_graph.errors import RegistryError
from orchestrator_graph.policy import Policy
from orchestrator_graph.types import to_json

if TYPE_CHECKING:
    from orchestrator_graph.gateway.keeper import Keeper
    from orchestrator_graph.gateway.lifecycle import Change, ModelState
    from orchestrator_graph.registry.spec import ModelSpec

__all__ = ["models"]

models = typer.Typer(help="Lists the models; loads, keeps and unloads those of Ollama.", invoke_without_command=True)

Model = Annotated[str, typer.Argument(metavar="ollama:NAME", help="A model that was pulled.")]
MB = 1e6


@models.callback()
def listed(context: typer.Context, models: opt.Models = None, as_json: opt.Json = False) -> None:
    """Lists the models: price, latency, context, capabilities, what for."""
    if context.invoked_subcommand is None:
        portfolio(models, as_json)


@models.command("list")
def portfolio(models: opt.Models = None, as_json: opt.Json = False) -> None:
    """Lists the models: price, latency, context, capabilities, what for."""
    from orchestrator_graph.cli.views import portfolio_rows, portfolio_view
    from orchestrator_graph.registry.catalogue import Catalogue

    with opened(models, "none", Policy()) as orchestrator:
        found = orchestrator.portfolio()
    what_for = Catalogue().what_for
    if as_json:
        typer.echo(json.dumps({"models": portfolio_rows(found, what_for), "notes": list(found.notes)}))
    else:
        console().print(portfolio_view(found, what_for))


@models.command()
def status(models: opt.Models = None, as_json: opt.Json = False) -> None:
    """Says of Ollama's models whether they are pulled, loaded, warm or in use."""
    with opened(models, "none", Policy()) as orchestrator:
        orchestrator.portfolio()
        states = drive(orchestrator.gateway.models.states(SYNC))
    if as_json:
        typer.echo(json.dumps({"models": [to_json(state) for state in states]}))
    else:
        console().print(_states_view(states))


@models.command()
def load(model: Model, as_json: opt.Json = False) -> None:
    """Loads a model with its one context, so that its first call need not wait."""
    _act(model, as_json, lambda keeper, spec: keeper.load(SYNC, spec))


@models.command()
def keep(
    model: Model,
    time: Annotated[str, typer.Option("--for", metavar="TIME", help="30m, 2h, seconds; -1: for ever.")] = "-1",
    as_json: opt.Json = False,
) -> None:
    """Loads a model and keeps it loaded for so long after each call."""
    _act(model, as_json, lambda keeper, spec: keeper.keep(SYNC, spec, time))


@models.command()
def unload(
    model: Model,
    force: Annotated[bool, typer.Option("--force", help="Also what another program used just now or keeps.")] = False,
    as_json: opt.Json = False,
) -> None:
    """Unloads a model, unless it is in use. An answer under way always ends first."""
    _act(model, as_json, lambda keeper, spec: keeper.unload(SYNC, spec, force=force))


def _act(model: str, as_json: bool, action: "Callable[[Keeper, str | ModelSpec], Coroutine[Any, Any, Change]]") -> None:
    from orchestrator_graph.gateway.door import Gateway

    if not model.startswith("ollama:") or model == "ollama:":
        raise RegistryError(f"{model!r} is no model of Ollama: only those are loaded and unloaded. Write ollama:NAME")
    described = {spec.id: spec for spec in load_config().model_specs}
    gateway = Gateway([])
    try:
        change = drive(action(gateway.models, described.get(model, model)))
    finally:
        gateway.close()
    if as_json:
        typer.echo(json.dumps(to_json(change)))
    else:
        console().print(Text(_sentence(change)))
    raise typer.Exit(0 if change.done else 1)


def _sentence(change: "Change") -> str:
    turn = change.after if change.before == change.after else f"{change.before} -> {change.after}"
    why = f": {change.why}" if change.why else ""
    return f"{change.model} {turn} ({'' if change.done else 'not done, '}{change.action}, {change.seconds:.1f} s){why}"


def _states_view(states: "list[ModelState]") -> Table:
    table = Table(title="In Ollama", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for name in ("model", "state", "MB", "on a graphics card", "context", "unloaded in"):
        table.add_column(name, overflow="fold")
    for item in states:
        left = item.expires_in_s
        until = "-" if left is None else "never" if left > 1e8 else f"{left:.0f} s"
        sizes = (f"{item.size / MB:.0f}", f"{item.size_vram / MB:.0f}") if item.size else ("-", "-")
        table.add_row(*map(Text, (item.model, item.state, *sizes, str(item.context or "-"), until)))
    return table
