"""Pocket models: tiny byte-level language models that run inside the process, and tasks to measure them by.

They are a wind tunnel, not a product: real inference, real mistakes and known truth on a machine that has nothing else.
Importing this package loads nothing; each name is loaded when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrator_graph.pocket.chat import PocketChat
    from orchestrator_graph.pocket.compounds import CompoundTask, compound
    from orchestrator_graph.pocket.families import FAMILIES, PocketTask, check, generate
    from orchestrator_graph.pocket.gguf import GgufError
    from orchestrator_graph.pocket.runtime import ContextOverflow
    from orchestrator_graph.pocket.weights import NAMES, load_portfolio, modelfile, weights_path

__all__ = [
    "FAMILIES",
    "NAMES",
    "CompoundTask",
    "ContextOverflow",
    "GgufError",
    "PocketChat",
    "PocketTask",
    "check",
    "compound",
    "generate",
    "load_portfolio",
    "modelfile",
    "weights_path",
]

_HOMES = {
    "chat": ("PocketChat",),
    "compounds": ("CompoundTask", "compound"),
    "families": ("FAMILIES", "PocketTask", "check", "generate"),
    "gguf": ("GgufError",),
    "runtime": ("ContextOverflow",),
    "weights": ("NAMES", "load_portfolio", "modelfile", "weights_path"),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
