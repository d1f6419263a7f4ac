"""`orchestrator feedback`: says what an answer was worth, of any run that this memory holds."""

import json
from typing import Annotated

import typer

from orchestrator_graph.cli import options as opt
from orchestrator_graph.cli.opening import opened
from orchestrator_graph.policy import Policy

__all__ = ["feedback"]


def feedback(
    target: Annotated[str, typer.Argument(metavar="ID", help="Id of a run or of a decision.")],
    score: Annotated[float, typer.Argument(metavar="SCORE", help="From 0 (useless) to 1 (right).")],
    key: Annotated[
        str, typer.Option(metavar="NAME", help="What it is about; the newest vote under it counts.")
    ] = "user",
    comment: Annotated[str | None, typer.Option(metavar="TEXT", help="Kept beside the score.")] = None,
    subtask: Annotated[str | None, typer.Option(metavar="ID", help="Only this subtask of the run.")] = None,
    user: Annotated[str | None, typer.Option(metavar="NAME", help="Who says so; default: whoever asked.")] = None,
    memory: opt.Memory = None,
    as_json: opt.Json = False,
) -> None:
    """Says what an answer was worth; the next decision knows of it. May be given late, and again."""
    with opened(None, memory, Policy()) as orchestrator:
        noted = orchestrator.feedback(target, score, key, comment, subtask, user=user)
    if as_json:
        typer.echo(json.dumps({"id": target, "score": score, "key": key, "answers": noted}))
        return
    for name, candidate in noted.items():
        typer.echo(f"noted: subtask {name}, answered by {candidate}: {score:g} ({key})")
