"""`orchestrator certify`: a promise about quality from what is remembered, or what it would take to make one."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from orchestrator_graph.bill import format_usd
from orchestrator_graph.cli import options as opt
from orchestrator_graph.cli.group import console
from orchestrator_graph.cli.opening import opened
from orchestrator_graph.types import to_json

if TYPE_CHECKING:
    from orchestrator_graph.confidence.certificate import Certificate, Refusal

__all__ = ["certify", "verdict_lines"]

DAY_S = 86_400.0


def certify(
    max_loss: Annotated[
        float, typer.Option(metavar="SHARE", help="Points that may be lost on average; 0.02 is two points.")
    ] = 0.02,
    confidence: Annotated[float, typer.Option(metavar="SHARE", help="How sure the promise has to be.")] = 0.95,
    reference: Annotated[
        str | None, typer.Option(metavar="PROVIDER:NAME", help="Against whom; default: the model of the best prior.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="PATH", help="Write the certificate to this file, too.")] = None,
    life_days: Annotated[float, typer.Option(metavar="DAYS", help="How long it holds.")] = 90.0,
    setting: opt.Setting = None,
    models: opt.Models = None,
    memory: opt.Memory = None,
    as_json: opt.Json = False,
) -> None:
    """Promises "at most so much worse than the reference" where the labels allow it; exit code 1 where they do not."""
    from orchestrator_graph.confidence.certificate import Certificate

    with opened(models, memory, opt.chosen_policy(setting)) as orchestrator:
        made = orchestrator.certify(max_loss, confidence, reference=reference, out=out, life_days=life_days)
    granted = isinstance(made, Certificate)
    if as_json:
        typer.echo(json.dumps({"granted": granted, "certificate" if granted else "refusal": to_json(made)}))
    else:
        for line in verdict_lines(made):
            console().print(Text(line))
        if out is not None and granted:
            typer.echo(f"wrote {out}")
    raise typer.Exit(0 if granted else 1)


def verdict_lines(made: "Certificate | Refusal") -> list[str]:
    """The promise, or what is missing, in a few lines."""
    from orchestrator_graph.confidence.certificate import Refusal

    if isinstance(made, Refusal):
        lines = [f"No promise: {made.reason} ({made.n} paired labels)"]
        lines += [f"  needed: about {count} more {kind}" for kind, count in made.needed.items()]
        if made.needed:
            cost = "at prices that are not known" if made.cost_nusd is None else f"about {format_usd(made.cost_nusd)}"
            lines.append(
                f"  collecting them is expected to cost {cost}: orchestrator audit, or models profile --beside"
            )
        return lines
    days = (made.expires_at - made.created_at) / DAY_S
    share = float(made.domain.get("inside", 1.0))
    return [
        f"Promised: at most {made.max_loss * 100:g} points below {made.reference} with {made.confidence * 100:g} %",
        f"  on these {made.n} paired labels it looks like {made.bound * 100:.2f} at most, which is not promised",
        f"  saves {made.saving:.0%} of what {made.reference} would cost on such tasks",
        f"  holds for tenant {made.tenant}, on tasks like {share:.0%} of those remembered, for {days:.0f} days",
        f"  certificate {made.id}",
    ]
