"""What remembered tasks near this one were worth: k-nearest-neighbour, guarded and hierarchically shrunk.

Guards: nothing is said below a floor of similarity (novelty), what is much farther than the nearest is cut off, and of
other users each has one vote in a neighbourhood (ten poisoned rows own a plain router, docs/decisions/0006). What is
said is shrunk to the candidate's mean on the task type, that to its mean on everything.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from orchestrator_graph.routing.estimator import Belief
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.routing.votes import one_vote_each
from orchestrator_graph.types import Candidate, Features, Neighbour
from orchestrator_graph.types.history import History

__all__ = ["Neighbours"]

MIN_SIMILARITY = 0.5
RELATIVE_CUT = 0.7
"""Neighbours count whose similarity is at least this share of the nearest one's."""
SHRINK = 10.0
"""Votes that the candidate's mean counts for."""
VOTE_SD = 0.5
"""Standard deviation of one vote of weight 1: the largest that a score in [0, 1] can have."""

Means = dict[tuple[str, str], tuple[float, float]]
"""(task type or "", candidate) -> (shrunk mean, votes behind it)."""


class Neighbours:
    """Similarity-weighted mean score per candidate over one's own remembered tasks and other users' votes.

    Args:
        until: Labels of a candidate from which on it says nothing of it any more, because what was learnt of all
            tasks together says it better (ablation in docs/routing.md); `None` = never silent.
    """

    def __init__(self, until: float | None = None) -> None:
        self._until = until
        self._means: dict[tuple[str, str], Means] = {}

    def learn(self, history: History) -> None:
        """Takes in the mean scores that neighbourhoods are shrunk to."""
        if not len(history):
            self._means.pop((history.tenant, history.space), None)
            return
        weights = one_vote_each(history)
        types, means = np.array(history.task_types), Means()
        for column, name in enumerate(history.candidates):
            y, w = np.nan_to_num(history.scores[:, column]), weights[:, column]
            base = means["", name] = _mean(float(w @ y), float(w.sum()), 0.5)
            for kind in set(history.task_types):
                rows = types == kind
                means[kind, name] = _mean(float(w[rows] @ y[rows]), float(w[rows].sum()), base[0])
        self._means[history.tenant, history.space] = means

    def __call__(self, features: Features, candidates: Sequence[Candidate], now: Situation) -> dict[str, Belief]:
        """Beliefs about the candidates that were tried on a task near this one."""
        votes = _votes(list(_near(features, now.neighbours)), now.user_id)
        means = self._means.get((now.tenant, now.space), {})
        found: dict[str, Belief] = {}
        for candidate in candidates:
            rows = votes.get(candidate.id, [])
            weight = sum(w for w, _ in rows)
            if weight <= 0:
                continue
            if self._until is not None and means.get(("", candidate.id), (0.5, 0.0))[1] >= self._until:
                continue
            base, known = means.get((features.task_type, candidate.id)) or means.get(("", candidate.id)) or (0.5, 0.0)
            pull = min(SHRINK, known)
            mean = (sum(w * score for w, score in rows) + pull * base) / (weight + pull)
            found[candidate.id] = Belief(
                mean, VOTE_SD / (weight + pull) ** 0.5, len(rows), "neighbours", remembered=True
            )
        return found


def _mean(total: float, weight: float, base: float) -> tuple[float, float]:
    return (total + SHRINK * base) / (weight + SHRINK), weight


def _near(features: Features, found: Iterable[Neighbour]) -> Iterable[Neighbour]:
    alike = [n for n in found if not n.task_type or n.task_type == features.task_type]
    cut = max(MIN_SIMILARITY, RELATIVE_CUT * max((n.similarity for n in alike), default=1.0))
    return (n for n in alike if n.similarity >= cut)


def _votes(near: Sequence[Neighbour], user_id: str) -> dict[str, list[tuple[float, float]]]:
    """Candidate -> (weight, score): each own row for itself, another user's rows as one."""
    votes: dict[str, list[tuple[float, float]]] = defaultdict(list)
    others: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for item in near:
        for name, score, weight in item.outcomes:
            row = (item.similarity * weight, score)
            if weight <= 0:  # nobody has judged it
                continue
            if item.user_id == user_id:
                votes[name].append(row)
            else:
                others[name, item.user_id].append(row)
    for (name, _), rows in others.items():
        votes[name].append(_one_vote(rows))
    return votes


def _one_vote(rows: list[tuple[float, float]]) -> tuple[float, float]:
    """A user's rows as one vote: the weight of the nearest row, the mean score."""
    total = sum(weight for weight, _ in rows)
    return max(weight for weight, _ in rows), sum(weight * score for weight, score in rows) / total if total else 0.0
