"""The exact test of non-inferiority for paired answers: is the loss in {-1, 0, 1} below what is allowed on average?

Of n pairs `up` are losses (only the reference is right) and `down` gains. The statistic is the score statistic with the
share that differs estimated under the hypothesis (Nam 1997, Biometrics 53; Tango 1998, Statistics in Medicine 17). It
is not trusted to be normal: the probability that it falls below a limit is added up over all tables, under the
hypothesis and for every share that may differ, and the worst share counts (unconditional exact test: Hsueh, Liu & Chen
2001, Biometrics 57). Of policies that lose nothing it passes up to three times as many as a betting bound does
(docs/decisions/0010).
"""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["critical", "error_at", "score"]

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

SHARES = 60
"""Shares that are looked at, from the least possible one to 1, more where they are small; the error is smooth in it."""
MARGIN = 5e-4
"""Kept of the error for what lies between two shares."""
LIMITS = np.linspace(1.2, 3.6, 97)
TAIL = 6.5
"""Standard deviations of the number that differs beyond which nothing is added up (below 1e-10)."""


def score(n: int, up: Any, down: Any, allowed: float) -> Any:
    """The score statistic, about standard normal where the mean loss is `allowed`; smaller for smaller losses.

    >>> round(float(score(1000, 10, 10, 0.02)), 2)
    -3.55
    """
    up, down = np.asarray(up, float), np.asarray(down, float)
    same = n - up - down
    b = up * (1 + allowed) + down * (1 - allowed)
    c = (down - up) * allowed + same * allowed**2
    share = np.clip((b + np.sqrt(np.maximum(b**2 + 4 * n * c, 0.0))) / (2 * n), allowed, 1.0)
    found: Any = (up - down - n * allowed) / np.sqrt(n * np.maximum(share - allowed**2, 1e-12))
    return found


@lru_cache(maxsize=256)
def critical(n: int, allowed: float, error: float) -> float | None:
    """The smallest limit z such that P(statistic <= -z) is at most `error` under the hypothesis; `None` if none is."""
    low, high = 0, len(LIMITS)
    while low < high:
        middle = (low + high) // 2
        if error_at(n, allowed, float(LIMITS[middle])) <= error:
            high = middle
        else:
            low = middle + 1
    return float(LIMITS[low]) if low < len(LIMITS) else None


def error_at(n: int, allowed: float, limit: float) -> float:
    """The largest probability under the hypothesis that the statistic is at most `-limit`, with a small margin."""
    most = _most_losses(n, allowed, limit)
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])
    shares = np.geomspace(allowed, 1.0, SHARES)
    return min(1.0, max(_error(n, float(s), allowed, most, log_factorial) for s in shares) + MARGIN)


def _most_losses(n: int, allowed: float, limit: float) -> Counts:
    """For each number that differs, shape (n + 1,), the most losses with a statistic of at most `-limit`; -1 = none."""
    differ = np.arange(n + 1)
    low, high = np.full(n + 1, -1), np.minimum(differ, np.floor((differ + n * allowed) / 2).astype(np.int64))
    while (low < high).any():
        middle = (low + high + 1) // 2
        held = score(n, middle.clip(0), differ - middle.clip(0), allowed) <= -limit
        open_ = low < high
        low, high = np.where(open_ & held, middle, low), np.where(open_ & ~held, middle - 1, high)
    return low


def _error(n: int, share: float, allowed: float, most: Counts, log_factorial: Array) -> float:
    """P(at most so many losses) where such a share differs and the mean loss is `allowed`."""
    spread = TAIL * (n * share * (1 - share)) ** 0.5 + 4
    m = np.arange(max(0, int(n * share - spread)), min(n, int(n * share + spread)) + 1)
    weight = _binomial(np.array([n]), m, share, log_factorial)[0]
    at = most[m]
    if at.max() < 0:
        return 0.0
    loses = min(1.0, (1 + allowed / share) / 2)
    first = max(0, int(m[0] * loses - TAIL * (m[0] * loses * (1 - loses)) ** 0.5 - 4))
    k = np.arange(first, max(first, int(at.max())) + 1)
    below = np.cumsum(_binomial(m, k, loses, log_factorial), axis=1)
    return float(weight @ np.where(at >= first, below[np.arange(len(m)), (at - first).clip(0)], 0.0))


def _binomial(n: Counts, k: Counts, p: float, log_factorial: Array) -> Array:
    """P(k of n), shape (len(n), len(k)); 0 where k > n."""
    rest = n[:, None] - k
    if p >= 1:
        certain: Array = (rest == 0).astype(float)
        return certain
    ways = log_factorial[n][:, None] - log_factorial[k] - log_factorial[rest.clip(0)]
    found: Array = np.where(rest >= 0, np.exp(ways + k * np.log(p) + rest * np.log1p(-p)), 0.0)
    return found
