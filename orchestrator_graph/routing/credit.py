"""Whose remembered outcomes count for whom: one's own first, then those of users who agree with most others.

One vote per neighbourhood does not stop an account that lies about many neighbourhoods. Two things do: a user with
enough outcomes is judged by these alone, and among the others whoever differs from the median by more than chance
counts for less. In the median a user weighs the root of the outcomes, up to a limit, and a newcomer nothing: neither
many accounts nor many rows of one are a majority. Against both nothing helps; a tenant is who trusts each other.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from orchestrator_graph.routing.estimator import Belief
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Candidate, Features

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from orchestrator_graph.types.history import History

__all__ = ["Personal", "credible"]

OWN = 50
"""Labelled tasks from which a user's own outcomes suffice."""
HEARD = 5
"""Labelled tasks from which a user has a say in what is usual."""
MOST = 32
"""Users, the busiest, who are learnt of apart; it bounds the time of a fit."""
TOLERANCE = 0.02
"""Squared difference from the median user (beyond chance) at which a user counts for half."""
LEAST = 0.1
"""Whoever counts for less is left out altogether."""
LABEL_VARIANCE = 0.25
"""The largest that a score in [0, 1] can have."""


class Learning(Protocol):
    """An estimator that learns."""

    def learn(self, history: "History") -> None:
        """Replaces what was learnt."""

    def __call__(self, features: Features, candidates: Sequence[Candidate], now: Situation) -> Mapping[str, Belief]:
        """Candidate id -> belief."""


class Personal:
    """An estimator learnt once from everybody, and once for each busy user from that user alone.

    Args:
        make: Makes the estimator anew.
    """

    def __init__(self, make: Callable[[], Learning]) -> None:
        self._make = make
        self._shared = make()
        self._own: dict[tuple[str, str], dict[str, Learning]] = {}

    def learn(self, history: "History") -> None:
        """Replaces what was learnt of this tenant and vector space."""
        if not len(history):
            self._own.pop((history.tenant, history.space), None)
            self._shared.learn(history)
            return
        import numpy as np

        self._shared.learn(credible(history))
        counts = Counter(history.users)
        own: dict[str, Learning] = {}
        for user, count in counts.most_common(MOST) if len(counts) > 1 else ():
            if count >= OWN:
                own[user] = self._make()
                own[user].learn(history.rows(np.flatnonzero(np.array(history.users) == user)))
        self._own[history.tenant, history.space] = own

    def __call__(self, features: Features, candidates: Sequence[Candidate], now: Situation) -> Mapping[str, Belief]:
        """Beliefs from the user's own outcomes; from everybody's about candidates that the user has not tried."""
        shared = self._shared(features, candidates, now)
        own = self._own.get((now.tenant, now.space), {}).get(now.user_id)
        return shared if own is None else {**shared, **own(features, candidates, now)}


def credible(history: "History") -> "History":
    """The history with each user's labels weighted by how well that user agrees with the weighted median, by task type.

    As it was with fewer than three users who have a say, since of two nobody knows which one is right.
    """
    import numpy as np

    names = sorted(set(history.users))
    if len(names) < 3:
        return history
    users, types = np.array(history.users), np.array(history.task_types)
    cells = [types == kind for kind in sorted(set(history.task_types))]
    sums = np.array([[_summed(history, (users == name) & cell) for cell in cells] for name in names])
    counts, totals = sums[..., 0, :].reshape(len(names), -1), sums[..., 1, :].reshape(len(names), -1)
    means = np.where(counts > 0, totals / np.maximum(counts, 1e-9), np.nan)
    tasks = Counter(history.users)
    votes = np.sqrt(np.minimum(counts, OWN)) * np.array([[tasks[name] >= HEARD] for name in names])
    heard = (votes > 0).sum(axis=0) >= 3
    if not heard.any():
        return history
    counts, means = counts[:, heard], means[:, heard]
    apart = np.nan_to_num((means - _median(means, votes[:, heard])) ** 2)
    total = np.maximum(counts.sum(axis=1), 1e-9)
    cells_heard = (counts > 0).sum(axis=1)
    # A sum of squares of so many cells, and two standard deviations more, is what chance explains.
    chance = LABEL_VARIANCE * (cells_heard + 2 * np.sqrt(2 * cells_heard))
    excess = ((counts * apart).sum(axis=1) - chance) / total
    trust = 1 / (1 + (np.maximum(excess, 0.0) / TOLERANCE) ** 2)
    each = trust[np.searchsorted(names, users)]
    return history.reweighed(each[:, None]).rows(np.flatnonzero(each >= LEAST))


def _median(values: "NDArray[np.float64]", votes: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """The weighted median of each column, the middle where two share it; what has no vote may be NaN."""
    import numpy as np

    order = np.argsort(values, axis=0)
    values, below = (np.take_along_axis(each, order, axis=0) for each in (values, votes))
    below = np.cumsum(below, axis=0)
    half, columns = below[-1] / 2, np.arange(values.shape[1])
    low, high = np.argmax(below >= half, axis=0), np.argmax(below > half, axis=0)
    middle: NDArray[np.float64] = (values[low, columns] + values[high, columns]) / 2
    return middle


def _summed(history: "History", rows: "NDArray[np.bool_]") -> "NDArray[np.float64]":
    """Weights and weighted scores of the rows, shape (2, m)."""
    import numpy as np

    w = history.weights[rows]
    return np.stack([w.sum(axis=0), (w * np.where(w > 0, history.scores[rows], 0.0)).sum(axis=0)])
