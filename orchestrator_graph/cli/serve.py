"""`orchestrator serve`: the pool behind an OpenAI-compatible endpoint, on this machine unless told otherwise."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator_graph.cli import options as opt
from orchestrator_graph.cli.opening import opened
from orchestrator_graph.config import Config, load
from orchestrator_graph.drive import SYNC, drive
from orchestrator_graph.errors import ConfigError, InputError
from orchestrator_graph.policy import Policy

if TYPE_CHECKING:
    from orchestrator_graph.surfaces.server import Keys

__all__ = ["serve"]

GRACE_S = 60
"""How long requests under way may take to end once the server was told to; after a second Ctrl-C: not at all."""
IDLE_S = 75
"""How long a connection is kept open between two requests; longer than clients do (httpx: 5 s), so that they close it:
a request that crosses the server's own closing fails."""


def serve(
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="NUMBER", min=1, max=65535, help="On which port.")] = 4242,
    models: opt.Models = None,
    memory: opt.Memory = None,
    config: Annotated[
        Path | None, typer.Option(metavar="PATH", help="An orchestrator.toml, instead of the one that is found.")
    ] = None,
) -> None:
    """Answers OpenAI clients on http://127.0.0.1:4242/v1 until it is interrupted."""
    try:
        import uvicorn

        from orchestrator_graph.surfaces.server import Keys, create_app
    except ImportError:
        raise InputError('the server needs more packages: pip install "orchestrator-graph[server]"') from None
    told = load(config)
    keys = Keys.of(told.server_keys)
    _check_open(host, keys, told)
    with opened(models, memory, Policy(), told) as orchestrator:
        pool = orchestrator.portfolio()  # whatever is missing is said now, and not to the first caller
        drive(orchestrator.memory.spent_nusd(SYNC, run_id=""))
        typer.echo(f"models: {', '.join(pool)}; keys: {len(told.server_keys) or 'none, open to this machine'}")
        app = create_app(orchestrator, keys, closes=True)
        uvicorn.run(
            app,
            host=host,
            port=port,
            workers=1,  # whatever $WEB_CONCURRENCY says: uvicorn would refuse to start
            access_log=False,
            timeout_keep_alive=IDLE_S,
            timeout_graceful_shutdown=GRACE_S,
        )


def _check_open(host: str, keys: "Keys", config: Config) -> None:
    from orchestrator_graph.surfaces.server.keys import is_loopback

    if not keys and not is_loopback(host):
        where = config.path or "orchestrator.toml"
        raise ConfigError(
            f"--host {host} lets others in, and there are no API keys: add [server.keys.NAME] with "
            f'key_env = "NAME_OF_A_VARIABLE" to {where}, or stay on 127.0.0.1'
        )
