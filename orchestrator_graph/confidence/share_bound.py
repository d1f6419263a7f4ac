"""How large a share may be of which only some were seen: the exact binomial bound."""

import math

__all__ = ["share_bound"]


def share_bound(hits: int, n: int, error: float) -> float:
    """The largest share under which so few hits in n come up with probability `error` (Clopper & Pearson 1934).

    >>> round(share_bound(0, 100, 0.05), 4), share_bound(3, 3, 0.05)
    (0.0295, 1.0)
    """
    if hits >= n:
        return 1.0
    low, high = hits / n, 1.0
    for _ in range(50):
        share = (low + high) / 2
        low, high = (share, high) if _so_few(hits, n, share) > error else (low, share)
    return high


def _so_few(hits: int, n: int, share: float) -> float:
    """Probability of at most so many hits, share in (0, 1)."""
    ways = (math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) for k in range(hits + 1))
    rest = (k * math.log(share) + (n - k) * math.log1p(-share) for k in range(hits + 1))
    return sum(math.exp(a + b) for a, b in zip(ways, rest, strict=True))
