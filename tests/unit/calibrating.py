"""A history of two models whose calibration is known."""

from dataclasses import replace
from typing import Any

import numpy as np

from orchestrator_graph.types.history import History

__all__ = ["HONEST", "PROUD", "past"]

HONEST, PROUD = "honest", "proud"


def past(n: int, seed: int = 0, **changes: Any) -> History:
    """An honest model, and one that is always sure and right in maths only; both say so of half of their answers."""
    rng = np.random.default_rng(seed)
    maths = rng.random(n) < 0.5
    said = np.stack([rng.random(n), 0.9 + 0.1 * rng.random(n)], axis=1)
    right = np.stack([rng.random(n) < said[:, 0], rng.random(n) < np.where(maths, 0.9, 0.2)], axis=1)
    vectors = np.eye(2, dtype=np.float32)[maths.astype(int)] + 0.1 * rng.normal(size=(n, 2)).astype(np.float32)
    made = History(
        vectors=(vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32),
        scores=right.astype(float),
        weights=np.full((n, 2), 0.9),
        candidates=(HONEST, PROUD),
        task_types=tuple(np.where(maths, "maths", "text").tolist()),
        users=("",) * n,
        times=np.arange(n, dtype=float),
        space="s",
        signals={"probability": said},
    )
    return replace(made, **changes)
