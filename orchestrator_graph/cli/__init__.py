"""The command line `orchestrator`. The only place besides `bill` that knows typer or rich."""

from orchestrator_graph.cli.interrupt import Interrupt

__all__ = ["main"]


def main() -> None:
    """Entry point: runs the command and leaves with its exit code; interrupted, at any moment, with 130."""
    interrupt = Interrupt()
    interrupt.install()
    try:
        from orchestrator_graph.cli.app import app

        app()
    except BaseException as error:
        if interrupt.came or isinstance(error, KeyboardInterrupt):
            interrupt.leave(said=isinstance(error, SystemExit) and error.code == Interrupt.CODE)
        raise
