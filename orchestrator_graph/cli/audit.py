"""`orchestrator audit`: the reference beside the policy on a share of tasks, within a budget that is quoted first."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from orchestrator_graph.bill import format_usd
from orchestrator_graph.cli import options as opt
from orchestrator_graph.cli.group import console
from orchestrator_graph.cli.opening import opened
from orchestrator_graph.drive import SYNC, drive
from orchestrator_graph.types import Decision, to_json

if TYPE_CHECKING:
    from orchestrator_graph.evaluation.audit import AuditPlan, AuditReport
    from orchestrator_graph.evaluation.second_opinion import OpinionPlan
    from orchestrator_graph.orchestrator import Orchestrator

__all__ = ["audit", "report_lines"]

SHOWN = 200


def audit(
    tasks: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help='JSON lines: {"task": ..., "answer": ...}. Without: remembered tasks.'),
    ] = None,
    reference: Annotated[
        str | None, typer.Option(metavar="PROVIDER:NAME", help="Against whom; default: the model of the best prior.")
    ] = None,
    share: Annotated[float, typer.Option(metavar="SHARE", help="Of the tasks, above 0 and at most 1.")] = 0.1,
    budget: Annotated[float | None, typer.Option(metavar="USD", help="Never spent beyond; needed if billed.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would ask and cost.")] = False,
    setting: opt.Setting = None,
    models: opt.Models = None,
    memory: opt.Memory = None,
    as_json: opt.Json = False,
) -> None:
    """Collects the pairs that a promise is made of. Resumed where it stopped; repeated, it asks nothing twice."""
    with opened(models, memory, opt.chosen_policy(setting)) as orchestrator:
        plan = _plan(orchestrator, tasks, reference, share, budget)
        if not as_json:
            console().print(Text(_quote(plan)))
        if dry_run:
            if as_json:
                typer.echo(json.dumps({"asks": _asks(plan), "quote_nusd": plan.quote_nusd, "sampled": plan.sampled}))
            return
        report = _carried_out(orchestrator, plan, quiet=as_json)
    if as_json:
        typer.echo(json.dumps(to_json(report)))
        return
    for line in report_lines(report):
        console().print(Text(line))


def _plan(
    orchestrator: "Orchestrator", tasks: Path | None, reference: str | None, share: float, budget: float | None
) -> "AuditPlan | OpinionPlan":
    from orchestrator_graph.evaluation.audit import plan_audit
    from orchestrator_graph.evaluation.second_opinion import plan_opinion
    from orchestrator_graph.evaluation.tasks import read_tasks
    from orchestrator_graph.routing.guard import default_reference

    services = orchestrator.services
    checked = read_tasks(tasks) if tasks is not None else []
    kinds = [task.features.task_type for task in checked]
    name = reference or default_reference(orchestrator.portfolio(), services.policy, kinds)

    async def choose(text: str) -> Decision:
        return orchestrator.decide(text)

    if tasks is None:
        return drive(plan_opinion(SYNC, services, name, share, budget))
    return drive(plan_audit(SYNC, services, checked, name, share, budget, choose))


def _carried_out(orchestrator: "Orchestrator", plan: "AuditPlan | OpinionPlan", *, quiet: bool) -> "AuditReport":
    from orchestrator_graph.evaluation.audit import AuditPlan, audit
    from orchestrator_graph.evaluation.second_opinion import ask_again

    def progress(done: int, of: int, spent_nusd: int) -> None:
        if not quiet:
            typer.echo(f"  {done}/{of} tasks, {format_usd(spent_nusd)}", err=True)

    if isinstance(plan, AuditPlan):
        return drive(audit(SYNC, orchestrator.services, plan, progress))
    return drive(ask_again(SYNC, orchestrator.services, plan, progress))


def _asks(plan: "AuditPlan | OpinionPlan") -> int:
    from orchestrator_graph.evaluation.audit import AuditPlan

    return plan.asks if isinstance(plan, AuditPlan) else len(plan.tasks)


def _quote(plan: "AuditPlan | OpinionPlan") -> str:
    sample = f"{plan.sampled} of {plan.of} tasks sampled, {plan.same} of them answered by {plan.reference} anyway"
    limit = "" if plan.budget_nusd is None else f", budget {format_usd(plan.budget_nusd)}"
    return f"{sample}; {_asks(plan)} to be asked about, expected to cost about {format_usd(plan.quote_nusd)}{limit}"


def report_lines(report: "AuditReport") -> list[str]:
    """What was found, in lines."""
    lost = "" if report.loss is None else f", on which {report.loss * 100:.2f} points were lost on average"
    spent = f"{format_usd(report.spent_nusd)} (quoted {format_usd(report.quote_nusd)}"
    limit = "" if report.budget_nusd is None else f", budget {format_usd(report.budget_nusd)}"
    lines = [
        f"{report.pairs} pairs{lost}; {report.free} of their labels cost nothing; {report.same} need none",
        f"{report.calls} calls, {report.failed} failed, {spent}{limit})",
        *(f"Note: {note}" for note in report.notes),
    ]
    if report.unlabelled:
        lines.append(f"{len(report.unlabelled)} answers need your label (orchestrator feedback ID SCORE):")
    for item in report.unlabelled:
        answer = f" -> {item.answer[:SHOWN]!r}" if item.answer else ""
        lines.append(f"  {item.id} {item.task[:SHOWN]!r}{answer}")
    return lines
