"""What is learnt: a SQL ledger (the truth) and a Chroma index over it (rebuildable).

Nothing is opened, and neither chromadb nor SQLAlchemy is imported, before a `Memory` is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if __name__ != "orchestrator_graph.memory":
    raise ImportError(
        f"this folder is the package orchestrator_graph.memory, not {__name__!r}: "
        "import it under that name, else every class would exist twice"
    )

if TYPE_CHECKING:
    from orchestrator_graph.memory.embedder import HashedEmbedder
    from orchestrator_graph.memory.onnx import onnx_embedder
    from orchestrator_graph.memory.records import Lookup, RunRecord, TaskRecord
    from orchestrator_graph.memory.store import Memory

__all__ = ["HashedEmbedder", "Lookup", "Memory", "RunRecord", "TaskRecord", "onnx_embedder"]

_HOME = {
    "HashedEmbedder": "embedder",
    "Lookup": "records",
    "Memory": "store",
    "RunRecord": "records",
    "TaskRecord": "records",
    "onnx_embedder": "onnx",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
