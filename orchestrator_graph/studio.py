"""What `langgraph.json` points at: the bare graph, without checkpointer or store (the server brings its own)."""

import os
from collections.abc import Callable, Mapping
from functools import cache
from threading import Lock
from typing import Any

from langgraph_sdk.runtime import ServerRuntime

from orchestrator_graph.create import create_orchestrator
from orchestrator_graph.policy import Policy

__all__ = ["checked", "graph"]

SERVERS_OWN = frozenset(
    {"thread_id", "checkpoint_id", "checkpoint_ns", "checkpoint_map", "run_id", "graph_id", "cron_id"}
)
"""What a server puts beside the caller's fields where a run came with `configurable` instead of a context."""


def checked(make: Callable[[], Any]) -> Callable[[ServerRuntime[Any]], Any]:
    """A graph for `langgraph.json` whose runs name a wrong policy field.

    The server drops context fields that the form does not know, without a word: `privat: true` would be a public run.
    Read in langgraph-api 0.16 (`stream._filter_context_by_schema`); a factory sees the context before that.

    Args:
        make: Makes the graph, e.g. `lambda: create_orchestrator([...])`; called once, when it is first asked for.

    Returns:
        A factory as the server takes it. It raises `PolicyError` where a run's context is no policy.
    """
    made, one_at_a_time = cache(make), Lock()  # a server may run its loops in several threads

    def served(runtime: ServerRuntime[Any]) -> Any:
        running = runtime.execution_runtime
        if running is not None and isinstance(running.context, Mapping):
            Policy.parse({name: value for name, value in running.context.items() if not _servers_own(name)})
        with one_at_a_time:
            return made()

    return served


def _servers_own(name: str) -> bool:
    return name in SERVERS_OWN or name.startswith(("__", "langgraph_"))


@checked
def graph() -> Any:
    """The graph on pocket models when ORCHESTRATOR_DEMO is set, else on what is found here."""
    return create_orchestrator("pocket" if os.environ.get("ORCHESTRATOR_DEMO") else None)
