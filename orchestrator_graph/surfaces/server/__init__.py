"""The pool behind an OpenAI-compatible endpoint, for clients that know nothing of us. Extra `[server]`."""

try:
    import prometheus_client  # noqa: F401
    import starlette  # noqa: F401
except ImportError as error:
    raise ImportError(f'the server needs more packages: pip install "orchestrator-graph[server]" ({error})') from error

from orchestrator_graph.surfaces.server.app import create_app
from orchestrator_graph.surfaces.server.keys import Keys

__all__ = ["Keys", "create_app"]
