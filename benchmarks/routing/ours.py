"""The product's own estimators, asked as the product asks them: one task at a time, through `estimate`."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from orchestrator_graph.registry.spec import ModelSpec
from orchestrator_graph.routing.bandit import Bandit
from orchestrator_graph.routing.classifier import Classifier
from orchestrator_graph.routing.credit import Personal
from orchestrator_graph.routing.defaults import EARLY
from orchestrator_graph.routing.estimator import Estimator, Learner, combine
from orchestrator_graph.routing.linear import Linear
from orchestrator_graph.routing.linucb import LinUCB
from orchestrator_graph.routing.neighbours import Neighbours
from orchestrator_graph.routing.priors import priors
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Candidate, Features, Neighbour
from orchestrator_graph.types.history import History

Array = NDArray[np.float64]
Floats = NDArray[np.float32]

__all__ = ["MIXES", "NEAREST", "believe", "history_of", "situations"]

NEAREST = 8
"""What a look-up of the memory brings."""

PARTS: dict[str, Callable[[], Estimator]] = {
    "priors": lambda: priors,
    "linear": lambda: Personal(Linear),
    "early neighbours": lambda: Neighbours(until=EARLY),
    "neighbours": Neighbours,
    "bandit": Bandit,
    "LinUCB": LinUCB,
    "classifier": Classifier,
}

MIXES: dict[str, tuple[str, ...]] = {
    "default": ("priors", "early neighbours", "linear"),
    "linear alone": ("linear",),
    "neighbours alone": ("neighbours",),
    "bandit alone": ("bandit",),
    "LinUCB alone": ("LinUCB",),
    "classifier alone": ("classifier",),
    "default, neighbours never silent": ("priors", "neighbours", "linear"),
    "default + bandit": ("priors", "early neighbours", "linear", "bandit"),
    "default + classifier": ("priors", "early neighbours", "linear", "classifier"),
    "default + LinUCB": ("priors", "early neighbours", "linear", "LinUCB"),
}
"""The ablation: what is combined, by precision."""


def history_of(models: Sequence[str], x: Floats, y: Array, features: Sequence[Features]) -> History:
    """Every model tried on every task, by one user, in this order."""
    return History(
        vectors=x,
        scores=y,
        weights=np.ones_like(y),
        candidates=tuple(models),
        task_types=tuple(f.task_type for f in features),
        users=("",) * len(y),
        times=1.7e9 + np.arange(len(y), dtype=np.float64),
        space="minilm",
    )


def believe(history: History, test: Floats, features: Sequence[Features], mixes: Sequence[str]) -> dict[str, Array]:
    """Mix -> believed quality of each candidate on each test task, shape (n, m); each estimator is asked once."""
    parts = {name: PARTS[name]() for name in sorted({part for mix in mixes for part in MIXES[mix]})}
    for estimator in parts.values():
        if isinstance(estimator, Learner):
            estimator.learn(history)
    candidates = [Candidate.single(name) for name in history.candidates]
    found: dict[str, list[list[float]]] = {mix: [] for mix in mixes}
    for task, now in zip(features, situations(history, test), strict=True):
        beliefs = {name: estimator(task, candidates, now) for name, estimator in parts.items()}
        for mix, rows in found.items():
            said = [beliefs[part] for part in MIXES[mix]]
            rows.append([combine([b[c.id] for b in said if c.id in b]).quality for c in candidates])
    return {mix: np.array(rows) for mix, rows in found.items()}


def situations(history: History, test: Floats) -> Iterator[Situation]:
    """What the product would know of each test task: its vector and its nearest remembered tasks."""
    specs = {name: ModelSpec(name) for name in history.candidates}
    remembered = _remembered(history)
    similar = test @ history.vectors.T
    k = min(NEAREST, len(history))
    nearest = np.argpartition(-similar, k - 1, axis=1)[:, :k]
    for i, vector in enumerate(test):
        order = nearest[i][np.argsort(-similar[i, nearest[i]])]
        near = tuple(_at(remembered[j], float(similar[i, j])) for j in order.tolist())
        yield Situation(portfolio=specs, neighbours=near, vector=vector, space=history.space, memory_state="ok")


def _remembered(history: History) -> list[Neighbour]:
    return [
        Neighbour(
            str(i), "", 0.0, "", kind,
            tuple((name, float(s), 1.0) for name, s in zip(history.candidates, scores, strict=True) if s == s),
        )
        for i, (kind, scores) in enumerate(zip(history.task_types, history.scores, strict=True))
    ]  # fmt: skip


def _at(neighbour: Neighbour, similarity: float) -> Neighbour:
    return Neighbour(neighbour.task_id, "", similarity, "", neighbour.task_type, neighbour.outcomes)
