"""The options that commands share, and the task and policy that they make. Calls nothing."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from orchestrator_graph.errors import InputError, PolicyError
from orchestrator_graph.policy import Policy

__all__ = [
    "Deadline",
    "File",
    "Json",
    "MaxCost",
    "Memory",
    "Models",
    "Private",
    "Setting",
    "Strategy",
    "Task",
    "Tradeoff",
    "chosen_policy",
    "read_task",
]

Task = Annotated[str | None, typer.Argument(help="What to do. Without it: --file, or standard input.")]
File = Annotated[Path | None, typer.Option("--file", "-f", metavar="PATH", help="Read the task from this file.")]
Tradeoff = Annotated[
    str | None, typer.Option(metavar="NAME|NUMBER", help="cheap, balanced, best, or a number from 0 to 1.")
]
MaxCost = Annotated[float | None, typer.Option(metavar="USD", help="Hard limit of the bill in US dollars.")]
Deadline = Annotated[float | None, typer.Option(metavar="SECONDS", help="Seconds until the answer must be there.")]
Private = Annotated[bool, typer.Option("--private", help="The text never leaves this machine.")]
Strategy = Annotated[str | None, typer.Option(metavar="NAME", help="auto, route, cascade, best_of_n or consensus.")]
Setting = Annotated[
    list[str] | None, typer.Option("--policy", metavar="KEY=VALUE", help="Any other field of the policy; repeatable.")
]
Models = Annotated[
    list[str] | None,
    typer.Option(metavar="PROVIDER:NAME", help="A model to choose from; repeatable. pocket: the embedded ones."),
]
Memory = Annotated[
    str | None,
    typer.Option(metavar="WHERE", help="Folder or URL of the memory; none: in RAM only. Default: your data folder."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


def read_task(text: str | None, file: Path | None) -> str:
    """The task from the argument, the file, or standard input.

    Raises:
        InputError: None or two of them were given, or the text cannot be read or is empty.
    """
    task = _raw_task(text, file)
    if not task.strip():
        raise InputError("the task is empty: give it as text, --file, or standard input")
    return task


def _raw_task(text: str | None, file: Path | None) -> str:
    if text is not None and file is not None:
        raise InputError("the task was given twice, as text and as --file: leave one of them out")
    if text is not None:
        return text
    if file is None and sys.stdin.isatty():
        raise InputError('no task: orchestrator run "what to do", or --file PATH, or pipe it in')
    try:
        data = sys.stdin.buffer.read() if file is None else file.read_bytes()
        return data.decode("utf-8")
    except OSError as error:
        raise InputError(f"--file {file}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{file or 'standard input'}: not UTF-8 text (byte {error.start})") from None


def chosen_policy(settings: list[str] | None, **named: Any) -> Policy:
    """The policy fields that the command line sets; None and False are not set.

    Raises:
        PolicyError: A field is unknown, named twice, or out of range.
    """
    fields = {name: value for name, value in named.items() if value is not None and value is not False}
    if "tradeoff" in fields:
        fields["tradeoff"] = _value("tradeoff", fields["tradeoff"])
    for setting in settings or ():
        key, equals, raw = setting.partition("=")
        if not equals or key in fields:
            problem = "was given twice" if equals else "is no KEY=VALUE, such as min_confidence=0.9"
            raise PolicyError(f"--policy {setting!r} {problem}")
        fields[key] = _value(key, raw)
    return Policy.parse(fields)


def _value(key: str, raw: str) -> Any:
    """What was typed, as the field wants it; an unknown field is left for the policy to refuse."""
    field = Policy.model_fields.get(key)
    if field is not None and field.annotation == list[str]:
        return [part.strip() for part in raw.split(",") if part.strip()]
    if field is not None and field.annotation in (str, str | None):
        return raw
    try:
        return json.loads(raw)
    except ValueError:
        return raw
