"""The live view of a run: plan, subtasks and spending, fed by the graph's custom events."""

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import typer
from rich import box
from rich.console import RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from orchestrator_graph.bill import bill_renderable, format_usd
from orchestrator_graph.cli.group import console

if TYPE_CHECKING:
    from orchestrator_graph.orchestrator import Orchestrator

__all__ = ["Progress", "follow", "watch"]

OUTPUT = ("messages", "plan", "results", "bill")
STYLES = {"accepted": "green", "unsure": "yellow", "failed": "red"}


@dataclass(slots=True)
class Row:
    """One subtask as far as it is known."""

    brief: str = ""
    state: str = "waiting"
    candidate: str = ""
    confidence: str = ""
    calls: int = 0


@dataclass(slots=True)
class Progress:
    """What has happened so far; a rich renderable."""

    rows: dict[str, Row] = field(default_factory=dict)
    spent_nusd: int = 0
    calls: int = 0

    def apply(self, event: Mapping[str, Any]) -> None:
        """Takes one custom event in; kinds that it does not know change nothing."""
        kind = event.get("event")
        if kind == "plan":
            self.rows.update({step["id"]: Row(step["brief"]) for step in event["plan"]})
        elif kind == "call":
            self._call(event)
        elif kind in {"decision", "verdict", "escalate", "result"}:
            row = self.rows.setdefault(event["subtask"], Row())
            getattr(self, f"_{kind}")(row, event)

    def _call(self, event: Mapping[str, Any]) -> None:
        self.calls += 1
        self.spent_nusd = max(self.spent_nusd, event["spent_nusd"])
        row = self.rows.get(event["subtask"])
        if row is not None:
            row.calls += 1
            row.state = f"{event['purpose']}: {'answered' if event['ok'] else event['failure']}"

    def _decision(self, row: Row, event: Mapping[str, Any]) -> None:
        row.candidate, row.state = event["candidate"], "running"

    def _verdict(self, row: Row, event: Mapping[str, Any]) -> None:
        row.confidence, row.state = f"{event['confidence']:.2f}", event["action"]

    def _escalate(self, row: Row, event: Mapping[str, Any]) -> None:
        row.candidate, row.state = event["to"] or row.candidate, "escalated"

    def _result(self, row: Row, event: Mapping[str, Any]) -> None:
        row.state = event["status"]

    def __rich__(self) -> RenderableType:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title_justify="left")
        table.title = f"{self.calls} calls, spent {format_usd(self.spent_nusd)}"
        for name in ("", "subtask", "candidate", "state", "confidence", "calls"):
            table.add_column(name, max_width=40, no_wrap=name != "subtask")
        for key, row in self.rows.items():
            cells = (key, row.brief, row.candidate, row.state, row.confidence, str(row.calls))
            table.add_row(*map(Text, cells), style=STYLES.get(row.state))
        return table


def follow(
    stream: Iterable[tuple[str, Any]], progress: Progress, on_text: Callable[[str], None] | None = None
) -> dict[str, Any]:
    """Walks a run's stream to its end and returns the output.

    Args:
        stream: `Orchestrator.stream(...)`.
        progress: Is told every custom event.
        on_text: Is given every piece of text of the message stream.
    """
    out: dict[str, Any] = {}
    for mode, chunk in stream:
        if mode == "custom":
            progress.apply(chunk)
        elif mode == "values":
            out = {key: chunk[key] for key in OUTPUT if key in chunk}  # LangGraph streams the whole state
        elif on_text is not None:
            on_text(str(chunk[0].text))
    return out


def watch(orchestrator: "Orchestrator", task: str, *, as_json: bool, stream: bool) -> dict[str, Any]:
    """Runs the task and prints what was asked for; the live view goes to standard error."""
    progress, written = Progress(), [""]

    def show(text: str) -> None:
        written.append(text)
        typer.echo(text, nl=False)

    errors = console(stderr=True)
    quiet = as_json or stream or not sys.stderr.isatty()
    with nullcontext() if quiet else Live(progress, console=errors, transient=True, refresh_per_second=8):
        out = follow(orchestrator.stream(task), progress, show if stream and not as_json else None)
    if as_json:
        typer.echo(json.dumps(out, default=_message))
        return out
    answer = str(out["messages"][-1].text)
    shown = "".join(written).rstrip().endswith(answer.strip())
    if stream:
        typer.echo("")
    page = console()
    page.print(bill_renderable(out))
    if not shown:
        page.print()
        page.print(Text(answer), soft_wrap=True)
    return out


def _message(value: Any) -> Any:
    """A message as JSON."""
    return {"type": value.type, "content": value.content}
