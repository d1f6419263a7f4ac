"""The command line `orchestrator`. The only place besides `bill` that knows typer or rich."""

__all__ = ["main"]


def main() -> None:
    """Entry point: runs the command and leaves with its exit code."""
    from orchestrator_graph.cli.app import app

    app()
