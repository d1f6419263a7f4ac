"""Evidence that a mean has risen above what is allowed, which may be looked at after every single value, for ever.

A bettor stakes a fixed share of the wealth on "the next value exceeds what is allowed". If the mean never does, no
strategy makes more than 1 / alpha of 1 with probability above alpha, at any time (Ville 1939). The wealth here is the
mean of many bettors: one for each size of bet (Waudby-Smith & Ramdas 2023, arXiv:2010.09686) and for each moment at
which one may begin (the restarts of e-detectors: Shin, Ramdas & Rinaldo 2022, arXiv:2203.03532), whose weights sum to
1, so that the bound on false alarms stays and a shift that comes late is not lost in the debts of early bettors.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from math import exp
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["EProcess"]

SIZES = 8
BOLD = 0.95
"""The largest bet, as a share of the one that a single value could lose everything with."""
TIMID = 0.02
PATIENCE = 200
"""The first so many moments hold half of the weight of all beginnings."""
MOST = 600.0
"""Logarithm of a wealth that no doubt is left at: more would overflow."""


@dataclass(frozen=True, slots=True)
class EProcess:
    """The state of a bet against "the mean is at most `allowed`"; a value, so that it can be kept and gone back to.

    Attributes:
        allowed: The mean that is still in order.
        low: No value is below.
        n: Values seen.
        peak: The largest wealth so far; 1 / peak is a p-value that holds at any time.
        stakes: Wealth of the bettors that have begun, by size of bet.
    """

    allowed: float
    low: float = 0.0
    n: int = 0
    peak: float = 1.0
    stakes: tuple[float, ...] = (0.0,) * SIZES

    def after(self, values: Sequence[float] | NDArray[Any]) -> Self:
        """The state after these values, shape (k,), in the order in which they came.

        >>> quiet = EProcess(0.02, low=-1.0).after([0.0] * 1000)
        >>> quiet.p, quiet.after([1.0] * 40).p < 0.001
        (1.0, True)
        """
        if len(values) == 0:
            return self
        if len(values) == 1:
            return self._after(float(values[0]))
        begun = np.arange(self.n, self.n + len(values))
        growth = np.log1p(_bets(self.allowed, self.low)[:, None] * (np.asarray(values, dtype=float) - self.allowed))
        total = np.cumsum(growth, axis=1)
        # A bettor's wealth is what it began with times all growth since; sums over beginnings, in logarithms.
        joined = np.log(_weight(begun)) - (total - growth)
        with np.errstate(divide="ignore"):
            joined[:, 0] = np.logaddexp(joined[:, 0], np.log(np.array(self.stakes)))
        stakes = np.exp(np.minimum(np.logaddexp.accumulate(joined, axis=1) + total, MOST))
        wealth = stakes.mean(axis=0) + _waiting(begun + 1)
        peak = max(self.peak, float(wealth.max()))
        return replace(self, n=self.n + len(values), peak=peak, stakes=tuple(stakes[:, -1].tolist()))

    def _after(self, value: float) -> Self:
        """The same for one value, in microseconds."""
        share = PATIENCE / ((self.n + PATIENCE) * (self.n + PATIENCE + 1))
        bets, excess = _listed(self.allowed, self.low), value - self.allowed
        grown = ((stake + share) * (1 + bet * excess) for stake, bet in zip(self.stakes, bets, strict=True))
        stakes = tuple(min(stake, exp(MOST)) for stake in grown)
        wealth = sum(stakes) / SIZES + PATIENCE / (self.n + 1 + PATIENCE)
        return replace(self, n=self.n + 1, peak=max(self.peak, wealth), stakes=stakes)

    @property
    def p(self) -> float:
        """At most this probable if the mean was never above what is allowed, however often one looks."""
        return 1 / self.peak

    def path(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The wealth after each of the values, from the beginning: shape as `values`, (runs, k). For simulations."""
        begun = np.arange(values.shape[1])
        share, waiting, bets = _weight(begun), _waiting(begun + 1), _bets(self.allowed, self.low)[:, None]
        stakes, wealth = np.zeros((SIZES, len(values))), np.empty(values.shape)
        for step, column in enumerate(np.ascontiguousarray(values.T - self.allowed)):
            stakes = np.minimum((stakes + share[step]) * (1 + bets * column), exp(MOST))
            wealth[:, step] = stakes.mean(axis=0) + waiting[step]
        return wealth


def _bets(allowed: float, low: float) -> NDArray[np.float64]:
    return np.geomspace(TIMID, BOLD, SIZES) / (allowed - low)


@cache
def _listed(allowed: float, low: float) -> tuple[float, ...]:
    return tuple(_bets(allowed, low).tolist())


def _weight(begun: NDArray[Any]) -> NDArray[np.float64]:
    """Share of the wealth that begins to bet after so many values; they sum to 1, and late ones are not forgotten."""
    weight: NDArray[np.float64] = PATIENCE / ((begun + PATIENCE) * (begun + PATIENCE + 1.0))
    return weight


def _waiting(n: NDArray[Any]) -> NDArray[np.float64]:
    """Share that has not begun after so many values."""
    waiting: NDArray[np.float64] = PATIENCE / (n + float(PATIENCE))
    return waiting
