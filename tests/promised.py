"""A certificate made by hand, and a gate that always chooses the same."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from orchestrator_graph.confidence.certificate import Certificate
from orchestrator_graph.memory.embedder import HashedEmbedder
from orchestrator_graph.routing.gate import Gate

__all__ = ["HandGate", "certificate", "gate_json"]

KINDS = ("code", "extraction", "logic", "maths", "qa", "summary", "text", "translation", "writing")
DIMENSION = HashedEmbedder().dimension


@dataclass(frozen=True)
class HandGate:
    """Always the same choice; what it is told lies outside is the reference's."""

    reference: str = "test:dear"
    choice: str = "test:cheap"
    space: str = "s"
    inside: bool = True
    alternatives: tuple[str, ...] = ("test:cheap",)

    def choose(self, vector: Any, task_type: str) -> tuple[str, bool]:
        """The choice, inside."""
        return (self.choice, True) if self.inside else (self.reference, False)


def certificate(**changes: Any) -> Certificate:
    """A promise of 2 points against `test:dear`."""
    fields: dict[str, Any] = {
        "id": "ab" * 16,
        "tenant": "default",
        "reference": "test:dear",
        "max_loss": 0.02,
        "confidence": 0.95,
        "n": 400,
        "bound": 0.015,
        "saving": 0.4,
        "gate": {"reference": "test:dear", "space": "s", "alternatives": ["test:cheap"]},
        "data_fingerprint": "d",
        "models": {"test:dear": "x", "test:cheap": "y"},
        "domain": {"inside": 0.95, "deviates": 0.5, "n": 400},
        "created_at": time.time(),
    }
    return Certificate(**{**fields, **changes})


def gate_json(space: str, *, inside: bool = True) -> dict[str, Any]:
    """A gate that chooses `test:cheap` for every task, or finds none inside its domain."""
    kinds = KINDS if inside else ("none",)
    gate = Gate(
        reference="test:dear",
        alternatives=("test:cheap",),
        saved=(0.99,),
        space=space,
        kinds=kinds,
        centre=np.zeros(DIMENSION + len(kinds)),
        bias=np.array([-1.0]),
        weights=np.zeros((DIMENSION + len(kinds), 1)),
        landmarks=np.zeros((0, DIMENSION), np.float32),
        threshold=0.0,
    )
    return gate.to_json()
