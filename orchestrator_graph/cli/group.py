"""What every command shares: a user's mistake is one clear line and an exit code, never a traceback."""

import os
import sys
from typing import Any

import typer
from rich.console import Console
from rich.text import Text
from typer.core import TyperGroup

from orchestrator_graph.cli.interrupt import Interrupt
from orchestrator_graph.errors import EXIT_CODES, NoCandidateError, OrchestratorError

__all__ = ["ErrorGroup", "console", "exit_code"]

WIDTH = 110
NOISE = "Value error, "
"""What pydantic puts before the sentence of a check of ours."""


class ErrorGroup(TyperGroup):
    """A command group that turns this package's errors into exit codes."""

    def invoke(self, ctx: Any) -> Any:
        """Runs the command.

        Raises:
            typer.Exit: With the error's code, or 130 when interrupted.
        """
        try:
            return super().invoke(ctx)
        except OrchestratorError as error:
            _report(error)
            raise typer.Exit(exit_code(error)) from None
        except KeyboardInterrupt:
            console(stderr=True).print("\ninterrupted", style="red")
            raise typer.Exit(Interrupt.CODE) from None


def exit_code(error: OrchestratorError) -> int:
    """The code of the most specific class.

    >>> from orchestrator_graph.errors import PrivacyError
    >>> exit_code(PrivacyError("x"))
    6
    """
    return next((EXIT_CODES[cls] for cls in type(error).__mro__ if cls in EXIT_CODES), 1)


def console(*, stderr: bool = False) -> Console:
    """A console on the stream as it is now; 110 columns where there is no terminal to ask."""
    stream = sys.stderr if stderr else sys.stdout
    known = stream.isatty() or "COLUMNS" in os.environ
    return Console(stderr=stderr, width=None if known else WIDTH, highlight=False)


def _report(error: OrchestratorError) -> None:
    out = console(stderr=True)
    said = str(error).replace(NOISE, "", 1)
    out.print(Text(f"error: {said}", style="red"), soft_wrap=True)
    for candidate, constraint in getattr(error, "excluded", {}).items() if isinstance(error, NoCandidateError) else ():
        if candidate not in str(error):
            out.print(Text(f"  {candidate}: {constraint}"), soft_wrap=True)
