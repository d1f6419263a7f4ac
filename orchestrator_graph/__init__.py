"""Decides, inside a LangChain or LangGraph app, which language model does which part of a job, and says why.

>>> import orchestrator_graph
>>> "create_orchestrator" in orchestrator_graph.__all__
True
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrator_graph.bill import format_bill
    from orchestrator_graph.config import Config
    from orchestrator_graph.create import create_orchestrator
    from orchestrator_graph.errors import OrchestratorError
    from orchestrator_graph.orchestrator import Orchestrator
    from orchestrator_graph.policy import Policy
    from orchestrator_graph.registry.spec import ModelSpec, Price, Prior
    from orchestrator_graph.surfaces.chat_model import ChatOrchestrator
    from orchestrator_graph.surfaces.middleware import OrchestratorMiddleware
    from orchestrator_graph.types import Decision

__all__ = [
    "ChatOrchestrator",
    "Config",
    "Decision",
    "ModelSpec",
    "Orchestrator",
    "OrchestratorError",
    "OrchestratorMiddleware",
    "Policy",
    "Price",
    "Prior",
    "__version__",
    "create_orchestrator",
    "format_bill",
]

_HOME = {
    "ChatOrchestrator": "surfaces.chat_model",
    "Config": "config",
    "Decision": "types",
    "ModelSpec": "registry.spec",
    "Orchestrator": "orchestrator",
    "OrchestratorError": "errors",
    "OrchestratorMiddleware": "surfaces.middleware",
    "Policy": "policy",
    "Price": "registry.spec",
    "Prior": "registry.spec",
    "create_orchestrator": "create",
    "format_bill": "bill",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("orchestrator-graph")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
