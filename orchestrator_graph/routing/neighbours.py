"""What remembered tasks near this one were worth.

Guard: one vote per user in a neighbourhood, and a standard error so wide that precision weighting leaves the prior in
charge until several users agree (ten poisoned rows own a plain k-nearest-neighbour router, docs/decisions/0006).
"""

from collections import defaultdict
from collections.abc import Sequence

from orchestrator_graph.routing.estimator import Belief
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Candidate, Features

__all__ = ["neighbours"]

MIN_SIMILARITY = 0.5
VOTE_SD = 0.5
"""Standard deviation of one vote of weight 1: the largest that a score in [0, 1] can have."""


def neighbours(features: Features, candidates: Sequence[Candidate], now: Situation) -> dict[str, Belief]:
    """Similarity-weighted mean score per candidate over distinct users' votes."""
    votes: dict[str, dict[str, list[tuple[float, float]]]] = defaultdict(lambda: defaultdict(list))
    for near in now.neighbours:
        if near.similarity < MIN_SIMILARITY or (near.task_type and near.task_type != features.task_type):
            continue
        for name, score, weight in near.outcomes:
            votes[name][near.user_id].append((near.similarity * weight, score))
    found: dict[str, Belief] = {}
    for candidate in candidates:
        rows = [_one_vote(user_rows) for user_rows in votes.get(candidate.id, {}).values()]
        weight = sum(row[0] for row in rows)
        if weight > 0:
            mean = sum(w * score for w, score in rows) / weight
            count = sum(len(user_rows) for user_rows in votes[candidate.id].values())
            found[candidate.id] = Belief(mean, VOTE_SD / weight**0.5, count, "neighbours", remembered=True)
    return found


def _one_vote(rows: list[tuple[float, float]]) -> tuple[float, float]:
    """A user's rows as one vote: the weight of the nearest row, the mean score."""
    total = sum(weight for weight, _ in rows)
    return max(weight for weight, _ in rows), sum(weight * score for weight, score in rows) / total if total else 0.0
