"""What `langgraph.json` points at: the bare graph, without checkpointer or store (the server brings its own)."""

import os
from functools import cache
from typing import Any

from orchestrator_graph.create import create_orchestrator

__all__ = ["graph"]


@cache
def graph() -> Any:
    """The graph on pocket models when ORCHESTRATOR_DEMO is set, else on what is found here."""
    return create_orchestrator("pocket" if os.environ.get("ORCHESTRATOR_DEMO") else None)
