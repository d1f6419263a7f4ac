"""Whether a mean loss is below what is allowed, at any number of labels: tests that hold without a normal law.

The null hypothesis is "the mean loss is at least `allowed`"; each test rejects it with probability at most `error`
where it is true. Losses in {-1, 0, 1} (right or wrong, beside right or wrong) get an exact test (`paired`), other
losses in [-1, 1] a betting test (Waudby-Smith & Ramdas 2023, arXiv:2010.09686). Knows nothing of models or policies.
"""

from dataclasses import dataclass
from math import ceil, exp, log

import numpy as np
from numpy.typing import NDArray

from orchestrator_graph.confidence.paired import critical, error_at, score

__all__ = ["Hypothesis", "is_ternary", "labels_without_loss", "p_value", "upper_bound"]

Array = NDArray[np.float64]

BOLD = 0.98
"""The largest bet, as a share of the one that could lose everything."""
SPREAD = (0.5, 1.0, 2.0)
"""Bets beside the one that was thought best, against its having been thought wrongly."""
UNSEEN = 10.0
"""Losses of the greatest spread that count beside those that a bet is sized by."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """Says "the mean loss is at least `allowed`"; to be rejected with probability at most `error` where it is true.

    Attributes:
        allowed: Points of mean loss, in (0, 1).
        error: In (0, .5).
    """

    allowed: float = 0.02
    error: float = 0.05

    def rejected(self, losses: Array, earlier: Array | None = None, *, exact: bool | None = None) -> bool:
        """Whether losses of shape (n,) speak against it.

        Args:
            losses: Independent, in the order in which they came.
            earlier: Others, apart from these, that a bet may be sized by.
            exact: All that could have come are in {-1, 0, 1}; `None` = as these look.
        """
        n = len(losses)
        if n < labels_without_loss(self.allowed, self.error):
            return False
        if is_ternary(losses) if exact is None else exact:
            limit = critical(n, self.allowed, self.error)
            found = score(n, int((losses > 0).sum()), int((losses < 0).sum()), self.allowed)
            return limit is not None and found <= -limit
        return betting(losses, self.allowed, earlier) <= self.error


def is_ternary(losses: Array) -> bool:
    """Whether all losses are -1, 0 or 1."""
    return bool(np.isin(losses, (-1.0, 0.0, 1.0)).all())


def p_value(losses: Array, allowed: float, earlier: Array | None = None) -> float:
    """The p-value of "the mean loss is at least `allowed`", losses in [-1, 1] of shape (n,).

    >>> import numpy as np
    >>> round(p_value(np.zeros(200), 0.02), 3), p_value(np.zeros(100), 0.02) > 0.05
    (0.023, True)
    """
    if not len(losses):
        return 1.0
    if not is_ternary(losses):
        return betting(losses, allowed, earlier)
    n, up, down = len(losses), int((losses > 0).sum()), int((losses < 0).sum())
    return error_at(n, allowed, -score(n, up, down, allowed)) if up - down < n * allowed else 1.0


def betting(losses: Array, allowed: float, earlier: Array | None = None) -> float:
    """One over the greatest wealth that bets against the hypothesis ever had.

    Ville's inequality: one may look after each loss. Three bets share the stake, around the one that would have grown
    fastest on `earlier` losses.
    """
    most = BOLD / (1 - allowed)
    best = most / 2 if earlier is None or not len(earlier) else _kelly(earlier, allowed)
    bets = np.clip(best * np.array(SPREAD), most / 50, most)[:, None]
    wealth = np.logaddexp.reduce(np.cumsum(np.log1p(bets * (allowed - losses)), axis=1), axis=0) - log(len(SPREAD))
    return exp(-max(0.0, float(wealth.max())))


def _kelly(earlier: Array, allowed: float) -> float:
    mean = float(earlier.sum()) / (len(earlier) + UNSEEN)
    spread = (float(((earlier - mean) ** 2).sum()) + UNSEEN * allowed) / (len(earlier) + UNSEEN)
    return max(0.0, allowed - mean) / spread


def upper_bound(losses: Array, error: float, earlier: Array | None = None) -> float:
    """The smallest mean loss, to the thousandth, that is rejected with probability at most `error`; 1 if none is.

    >>> import numpy as np
    >>> upper_bound(np.zeros(150), 0.05)
    0.02
    """
    low, high = 0, 1000
    while high - low > 1:
        middle = (low + high) // 2
        if p_value(losses, middle / 1000, earlier) <= error:
            high = middle
        else:
            low = middle
    return high / 1000


def labels_without_loss(allowed: float, error: float) -> int:
    """So many labels are needed even if no loss is ever seen.

    >>> labels_without_loss(0.02, 0.05)
    149
    """
    return ceil(log(error) / log(1 - allowed))
