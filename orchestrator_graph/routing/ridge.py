"""Ridge regression on double-centred residuals, shrunk by evidence and then further. Arrays in, arrays out.

Level and choice are learnt apart. A candidate's mean and a common difficulty (how hard the task is for everybody) say
how good an answer will be; what is left of a score after taking off the task's own mean over the candidates tells
candidates apart. The penalty maximises the marginal likelihood (MacKay 1992, Neural Computation 4(3)); for the choice
it is then multiplied, because the best of many noisy candidates is overestimated (figures: docs/routing.md).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Fit", "fit"]

Array = NDArray[np.float64]

EXTRA = 6.0
"""How much more than the evidence asks for the choice is shrunk."""
PSEUDO = 2.0
"""Weight of the mean over all candidates in a candidate's own mean, and of a fair coin's variance in its spread."""
GRID = np.geomspace(0.1, 2_000.0, 12)
"""Penalties that are tried, in rows of unit length."""


@dataclass(frozen=True, slots=True)
class Fit:
    """What was learnt of m candidates from vectors of d dimensions.

    Attributes:
        centre: Shape (d,), subtracted from a vector.
        means: Shape (m,), mean score.
        common: Shape (d,), what makes a task easy for everybody.
        own: Shape (d, m), what makes it easy for one candidate rather than another.
        counts: Shape (m,), summed weight of the labels.
        spread: Shape (m,), standard deviation of a score around its prediction.
        reach: Shape (m,), variance of a prediction per squared distance of a vector from `centre`: the mean leverage
            of the learnt rows, so that it is right on average and too small for what is unlike all of them.
    """

    centre: Array
    means: Array
    common: Array
    own: Array
    counts: Array
    spread: Array
    reach: Array

    def predict(self, vectors: NDArray[np.float32]) -> Array:
        """Believed quality, shape (n, m), not cut to [0, 1]."""
        x = vectors.astype(np.float64) - self.centre
        predicted: Array = self.means + (x @ self.common)[:, None] + x @ self.own
        return predicted

    def variance(self, vectors: NDArray[np.float32]) -> Array:
        """Variance of each prediction, shape (n, m): of the candidate's mean, and of how it varies between tasks."""
        x = vectors.astype(np.float64) - self.centre
        spread: Array = self.spread**2 / (self.counts + PSEUDO) + (x**2).sum(axis=1)[:, None] * self.reach
        return spread


def fit(vectors: NDArray[np.float32], scores: Array, weights: Array, extra: float = EXTRA) -> Fit:
    """Learns from scores of shape (n, m); what has weight 0 was not tried."""
    tried = weights > 0
    y = np.where(tried, scores, 0.0)
    counts, rows = weights.sum(axis=0), weights.sum(axis=1)
    overall = float((weights * y).sum() / max(weights.sum(), 1e-9))
    means = ((weights * y).sum(axis=0) + PSEUDO * overall) / (counts + PSEUDO)
    residual = np.where(tried, y - means, 0.0)
    level = (weights * residual).sum(axis=1) / np.maximum(rows, 1e-9)
    centre = np.average(vectors, axis=0, weights=np.maximum(rows, 1e-9)).astype(np.float64)
    x = vectors.astype(np.float64) - centre
    common, _ = _solve(x, level[:, None], rows, 1.0)
    # A task that one candidate alone has tried tells nothing of its own difficulty: the common part stands in.
    shared = np.where(tried.sum(axis=1) > 1, level, x @ common[:, 0])
    contrast = np.where(tried, residual - shared[:, None], 0.0)
    own, leverage = _columns(x, contrast, weights, extra)
    left = np.where(tried, residual - x @ common - x @ own, 0.0)
    variance = ((weights * left**2).sum(axis=0) + 0.25 * PSEUDO) / (counts + PSEUDO)
    return Fit(centre, means, common[:, 0], own, counts, np.sqrt(variance), variance * leverage)


def _columns(x: Array, contrast: Array, weights: Array, extra: float) -> tuple[Array, Array]:
    """One regression per candidate, and its mean leverage; those tried on the same tasks share the decomposition."""
    own, leverage = np.zeros((x.shape[1], contrast.shape[1])), np.zeros(contrast.shape[1])
    alike: dict[bytes, list[int]] = {}
    for column in np.flatnonzero(weights.any(axis=0)).tolist():
        alike.setdefault(weights[:, column].tobytes(), []).append(column)
    for columns in alike.values():
        own[:, columns], leverage[columns] = _solve(x, contrast[:, columns], weights[:, columns[0]], extra)
    return own, leverage


def _solve(x: Array, y: Array, w: Array, extra: float) -> tuple[Array, Array]:
    """Coefficients of shape (d, targets), and each target's leverage per squared length of a row.

    The penalty maximises the evidence and is multiplied by `extra`.
    """
    kept = w > 0
    root = np.sqrt(w[kept])[:, None]
    a, b = x[kept] * root, y[kept] * root
    n, d = a.shape
    if n < d:  # the smaller of the two products is decomposed
        values, u = np.linalg.eigh(a @ a.T)
        basis = a.T @ (u / np.sqrt(np.maximum(values, 1e-12)))
    else:
        values, basis = np.linalg.eigh(a.T @ a)
    values = np.maximum(values, 0.0)
    along = basis.T @ (a.T @ b)
    best = np.array([_best(values, along[:, i], float(b[:, i] @ b[:, i]), n) for i in range(y.shape[1])])
    shrunk = values[:, None] + extra * best
    return basis @ (along / shrunk), (values[:, None] / shrunk).sum(axis=0) / max(float(values.sum()), 1e-9)


def _best(values: Array, along: Array, energy: float, n: int) -> float:
    """The penalty of highest marginal likelihood, the noise's variance integrated out."""

    def evidence(penalty: float) -> float:
        explained = float((along**2 / (values + penalty)).sum())
        return -0.5 * float(np.log1p(values / penalty).sum()) - 0.5 * n * float(np.log(max(energy - explained, 1e-9)))

    best: float = max(GRID.tolist(), key=evidence)
    return best
