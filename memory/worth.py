"""What a try was worth when several sources speak: the most trustworthy counts, of equals the newest."""

from collections.abc import Iterable
from typing import Any, Protocol

__all__ = ["RANKS", "settled"]

RANKS = {"feedback": 5, "verified": 4, "judge": 3, "verdict": 2, "implicit": 1}
"""Somebody said so > a deterministic check > a judge model > our own confidence > what the next turn suggests."""


class Label(Protocol):
    """A row of `outcomes`."""

    task_id: Any
    candidate: Any
    score: Any
    weight: Any
    source: Any


def settled(labels: Iterable[Label]) -> dict[tuple[str, str], tuple[float, float]]:
    """(task id, candidate) -> (score, weight); labels come oldest first."""
    best: dict[tuple[str, str], tuple[int, float, float]] = {}
    for label in labels:
        key, rank = (label.task_id, label.candidate), RANKS.get(label.source, 0)
        if key not in best or rank >= best[key][0]:
            best[key] = (rank, label.score, label.weight)
    return {key: (score, weight) for key, (_, score, weight) in best.items()}
