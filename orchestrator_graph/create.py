"""`create_orchestrator`, the one function: models in, a compiled LangGraph out."""

import weakref
from typing import TYPE_CHECKING, Any

from orchestrator_graph.gateway.door import Gateway
from orchestrator_graph.memory import Memory
from orchestrator_graph.orchestrator import Orchestrator

if TYPE_CHECKING:
    from orchestrator_graph.assembly import Graph, Models

__all__ = ["create_orchestrator"]


def create_orchestrator(models: "Models" = None, **options: Any) -> "Graph":
    """A compiled LangGraph that plans, routes, runs, judges and bills a task.

    Args:
        models: As for `Orchestrator`.
        options: All other arguments of `Orchestrator`, by keyword.

    Returns:
        A `CompiledStateGraph`; its clients are closed when it is collected, at the latest at exit.

    Raises:
        TypeError: An unknown option.
    """
    orchestrator = Orchestrator(models, **options)
    graph = orchestrator.graph
    # Every copy of the graph (`with_config`, as a node) holds the services: they outlive this first object.
    weakref.finalize(orchestrator.services, _close, orchestrator.gateway, orchestrator.memory)
    return graph


def _close(gateway: Gateway, memory: Memory) -> None:
    memory.close()
    gateway.close()
