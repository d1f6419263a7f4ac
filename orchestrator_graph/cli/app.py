"""The commands. Each reads its options, asks the orchestrator, and prints; what it prints lives beside it."""

import json
from pathlib import Path
from typing import Annotated

import typer

from orchestrator_graph.cli import options as opt
from orchestrator_graph.cli.audit import audit
from orchestrator_graph.cli.certify import certify
from orchestrator_graph.cli.feedback import feedback
from orchestrator_graph.cli.group import ErrorGroup, console
from orchestrator_graph.cli.memory import memory as memory_app
from orchestrator_graph.cli.models import models as models_app
from orchestrator_graph.cli.opening import opened
from orchestrator_graph.cli.profile import profile
from orchestrator_graph.cli.serve import serve
from orchestrator_graph.config import FILE_NAME, template
from orchestrator_graph.errors import ConfigError
from orchestrator_graph.types import to_json

__all__ = ["app"]

app = typer.Typer(
    cls=ErrorGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Decides which language model does which part of a job, with the bill and the reasons.",
    epilog=(
        "Exit codes: 0 done, 1 incomplete, 2 a wrong task or option, 3 orchestrator.toml, 4 no such model, "
        "5 no candidate left, 6 private text refused, 7 the memory, 8 a certificate, "
        "130 interrupted."
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
    with opened(models, memory, policy) as orchestrator:
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
    with opened(models, memory, policy) as orchestrator:
        decision = orchestrator.decide(task)
    if as_json:
        typer.echo(json.dumps(to_json(decision)))
    else:
        console().print(decision_view(decision))


app.command()(feedback)
app.command()(certify)
app.command()(audit)
app.command()(serve)
app.add_typer(memory_app, name="memory")
models_app.command("profile")(profile)
app.add_typer(models_app, name="models")


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
