"""`orchestrator models profile`: what a model is worth on tasks of yours, within a budget, remembered for routing."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from orchestrator_graph.bill import format_usd
from orchestrator_graph.cli import options as opt
from orchestrator_graph.cli.group import console
from orchestrator_graph.cli.opening import opened
from orchestrator_graph.drive import SYNC, drive
from orchestrator_graph.policy import Policy
from orchestrator_graph.types import to_json

if TYPE_CHECKING:
    from orchestrator_graph.evaluation.plan import ProfilePlan
    from orchestrator_graph.evaluation.report import Cell, ProfileReport

__all__ = ["profile", "report_view"]


def profile(
    model: Annotated[str, typer.Argument(metavar="PROVIDER:NAME", help="The model to get to know.")],
    tasks: Annotated[
        Path,
        typer.Option(metavar="PATH", help='JSON lines: {"task": ..., "answer": ...}, or "check" in place of "answer".'),
    ],
    budget: Annotated[float | None, typer.Option(metavar="USD", help="Never spent beyond; needed if billed.")] = None,
    beside: Annotated[
        list[str] | None,
        typer.Option(metavar="PROVIDER:NAME", help="Ask this one too: pairs, for guard=strict. Repeatable."),
    ] = None,
    models: opt.Models = None,
    memory: opt.Memory = None,
    as_json: opt.Json = False,
) -> None:
    """Asks a model tasks with known answers, spread over their kinds, and remembers how it did. Can be resumed."""
    from orchestrator_graph.evaluation.plan import plan_profile
    from orchestrator_graph.evaluation.profile import carry_out
    from orchestrator_graph.evaluation.tasks import read_tasks

    checked = read_tasks(tasks)
    others = beside or []
    with opened(models or [model, *others], memory, Policy()) as orchestrator:
        services = orchestrator.services
        plan = drive(plan_profile(SYNC, services, model, checked, budget, others))
        said = console(stderr=True)
        said.print(Text(_quote(plan)))
        report = drive(carry_out(SYNC, services, plan, lambda *now: said.print(Text(_progress(*now)))))
    if as_json:
        typer.echo(json.dumps({"model": model, **to_json(report)}))
    else:
        console().print(report_view(report))
    raise typer.Exit(0 if report.missing == 0 else 1)


def report_view(report: "ProfileReport") -> Group:
    """A table per model, the pairs, what failed, and the bill."""
    parts: list[Table | Text] = [
        _table(name, [cell for cell in report.cells if cell.model == name])
        for name in dict.fromkeys(cell.model for cell in report.cells)
    ]
    for pair in report.pairs:
        spread = "" if pair.se is None else f" ± {pair.se:.3f}"
        parts.append(Text(f"{pair.first} - {pair.second} on {pair.n} same tasks: {pair.difference:+.3f}{spread}"))
    parts += [Text(f"Note: {note}") for note in report.notes]
    parts += [Text(f"Failed: {kind} ({count})") for kind, count in report.failed.items()]
    parts.append(Text(_bill(report), style="bold"))
    return Group(*parts)


def _table(model: str, cells: Iterable["Cell"]) -> Table:
    table = Table(title=model, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("by", "kind", "n", "measured", "prior", "prior's n", "prior's source"):
        table.add_column(name, overflow="fold")
    for cell in cells:
        measured = "-" if cell.quality is None else f"{cell.quality:.2f} ± {cell.se:.2f}"
        prior = f"{cell.prior:.2f} ± {cell.prior_se:.2f}"
        values = (cell.by, cell.name, str(cell.n), measured, prior, str(cell.prior_n), cell.prior_source)
        table.add_row(*map(Text, values))
    return table


def _quote(plan: "ProfilePlan") -> str:
    names, done = " and ".join(plan.models), len(plan.known)
    before = f"; {done} tries are known from before" if done else ""
    quote = f"about {format_usd(plan.quote_nusd)}"
    return f"{len(plan.asks)} of {len(plan.tasks)} tasks for {names}, expected to cost {quote}{before}"


def _progress(done: int, of: int, spent_nusd: int) -> str:
    return f"  {done}/{of} tasks, {format_usd(spent_nusd)}"


def _bill(report: "ProfileReport") -> str:
    said = f"{report.calls} calls, {format_usd(report.spent_nusd)} (quoted {format_usd(report.quote_nusd)}"
    limit = f", budget {format_usd(report.budget_nusd)}" if report.budget_nusd is not None else ""
    missing = f"; {report.missing} tries without a score: run it again" if report.missing else ""
    return f"{said}{limit}); {report.scored} scores remembered{missing}"
