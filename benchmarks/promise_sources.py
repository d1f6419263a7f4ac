"""Where the promises of `benchmarks.promise` are tested: recorded outcomes of real models, and the pocket models'."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.pocket_signals import pocket_signals
from benchmarks.recorded import read
from orchestrator_graph.memory import HashedEmbedder
from orchestrator_graph.nodes.features import read_features
from orchestrator_graph.routing.gate import Gate
from orchestrator_graph.types.history import History

__all__ = ["NAMES", "Source", "source"]

Array = NDArray[np.float64]
Rows = NDArray[np.int64]
SONNET, MINI, DEEP = "claude-3-5-sonnet-20240620", "gpt-4o-mini-2024-07-18", "deepseek-v2.5-0908"
PRO, MISTRAL = "google/gemini-2.5-pro", "mistralai/mistral-large-2512"
PAIRS = {
    "MMLU gpt-4 > Mixtral": ("routellm", "gpt-4-1106-preview", "Mixtral-8x7B-Instruct-v0.1", ("mmlu",)),
    "ZeroEval sonnet > gpt-4o-mini": ("zeroeval", SONNET, MINI, ()),
    "ZeroEval sonnet > deepseek-v2.5": ("zeroeval", SONNET, DEEP, ()),
    "ParetoBandit gemini-pro > mistral-large": ("paretobandit", PRO, MISTRAL, ()),
}
POCKET = "pocket medium > the four others"
NAMES = (*PAIRS, POCKET)


@dataclass(frozen=True)
class Source:
    """All prompts of a source as one history; every model was asked every prompt.

    Attributes:
        reference: Who is measured against.
        costs: Shape (n, m).
    """

    history: History
    reference: str
    costs: Array

    def __len__(self) -> int:
        return len(self.history)

    @property
    def saved(self) -> dict[str, float]:
        """Alternative -> share of the reference's mean cost that it saves."""
        means = dict(zip(self.history.candidates, self.costs.mean(axis=0), strict=True))
        return {
            name: 1 - cost / means[self.reference]
            for name, cost in means.items()
            if name != self.reference and cost < means[self.reference]
        }

    def kinds(self, rows: Rows) -> tuple[str, ...]:
        """Task types of these prompts."""
        return tuple(self.history.task_types[i] for i in rows)

    def loss(self, gate: Gate, picks: Rows, rows: Rows) -> Array:
        """Reference's score minus the policy's, shape (len(rows),)."""
        best = self.history.scores[rows, self.history.candidates.index(gate.reference)]
        chosen = self.history.scores[rows, self._columns(gate)[picks]]
        return np.where(picks < 0, 0.0, best - chosen)

    def saving(self, gate: Gate, picks: Rows, rows: Rows) -> float:
        """Share of the reference's cost on these prompts."""
        dear = self.costs[rows, self.history.candidates.index(gate.reference)]
        paid = np.where(picks < 0, dear, self.costs[rows, self._columns(gate)[picks]])
        return float(1 - paid.sum() / dear.sum())

    def _columns(self, gate: Gate) -> Rows:
        return np.array([self.history.candidates.index(name) for name in gate.alternatives])


@cache
def source(name: str, data: Path) -> Source:
    """A source by its name; `data` is the folder of recorded outcomes."""
    if name == POCKET:
        return _pocket()
    file, reference, other, datasets = PAIRS[name]
    found = read(data, file, (reference, other), datasets)
    features = [read_features(prompt) for prompt in found.prompts]
    return Source(
        _history(found.vectors, found.scores, found.models, tuple(f.task_type for f in features)),
        reference,
        found.costs,
    )


def _pocket() -> Source:
    runs = pocket_signals()
    embedder = HashedEmbedder()
    vectors = np.array([embedder.vector(features.text) for features in runs.features], np.float32)
    kinds = tuple(features.task_type for features in runs.features)
    return Source(_history(vectors, runs.right[:, :, 0], runs.models, kinds), "pocket:medium", runs.costs[:, :, 0])


def _history(vectors: NDArray[np.float32], scores: Array, models: tuple[str, ...], kinds: tuple[str, ...]) -> History:
    n = len(scores)
    return History(
        vectors,
        scores.astype(float),
        np.ones(scores.shape),
        models,
        kinds,
        ("",) * n,
        np.arange(float(n)),
        space="bench",
    )
