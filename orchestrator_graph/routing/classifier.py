"""Classifier heads on a task's vector: strong-minus-weak for two candidates, a logistic head each for many.

For two candidates the *gap* of their scores is learnt by ridge regression (a weak-only target is worse everywhere:
Ong et al. 2024, RouteLLM, arXiv:2406.18665, and our own figures); for more, each has an L2-regularised logistic
regression fitted by iteratively reweighted least squares (McCullagh & Nelder 1989), on the leading principal
components of the vectors. Standard errors come from the curvature. Knows nothing of files (`weights.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestrator_graph.routing.estimator import Belief
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Candidate, Features
from orchestrator_graph.types.history import History

__all__ = ["Classifier", "Heads", "fit_heads", "logistic"]

Array = NDArray[np.float64]

COMPONENTS = 64
FEWEST = 20
"""Labels without which a candidate gets no head."""
GAP_PENALTY, HEAD_PENALTY = 100.0, 3.0
"""In rows of unit length: chosen on the training halves of the recorded sets (docs/rules.md names the figures)."""
LEAST_SE = 0.02
STEPS, CLOSE = 25, 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Heads:
    """What was learnt of m candidates in one vector space of d dimensions, on k components.

    Attributes:
        gap: Linear heads from a strong-minus-weak target, instead of logistic ones.
        centre: Shape (d,).
        basis: Shape (d, k).
        weights: Shape (m, k + 1), the intercept first.
        covariance: Shape (m, k + 1, k + 1).
        counts: Shape (m,), labels behind each head.
    """

    tenant: str
    space: str
    candidates: tuple[str, ...]
    gap: bool
    centre: Array
    basis: Array
    weights: Array
    covariance: Array
    counts: NDArray[np.int64]

    def believe(self, vector: "NDArray[np.float32]") -> dict[str, Belief]:
        """Candidate id -> belief about the task with this unit vector, shape (d,)."""
        z = np.concatenate([[1.0], (vector.astype(np.float64) - self.centre) @ self.basis])
        found = {}
        for name, weights, spread, n in zip(
            self.candidates, self.weights, self.covariance, self.counts.tolist(), strict=True
        ):
            along, se = float(z @ weights), float(z @ spread @ z) ** 0.5
            quality = min(1.0, max(0.0, along)) if self.gap else float(_sigmoid(along))
            slope = 1.0 if self.gap else quality * (1 - quality)
            found[name] = Belief(quality, max(slope * se, LEAST_SE), int(n), "classifier", remembered=True)
        return found


class Classifier:
    """An estimator that learns heads; a candidate that it was not taught gets no belief."""

    def __init__(self, heads: Sequence[Heads] = ()) -> None:
        self.heads: dict[tuple[str, str], Heads] = {(h.tenant, h.space): h for h in heads}

    def learn(self, history: History) -> None:
        """Replaces the heads of this tenant and vector space."""
        learnt = fit_heads(history)
        if learnt is None:
            self.heads.pop((history.tenant, history.space), None)
        else:
            self.heads[history.tenant, history.space] = learnt

    def __call__(
        self,
        features: Features,  # noqa: ARG002 - the vector says it all
        candidates: Sequence[Candidate],
        now: Situation,
    ) -> dict[str, Belief]:
        """Beliefs where the task's vector lies in a space that was learnt."""
        heads = self.heads.get((now.tenant, now.space))
        if heads is None or now.vector is None or now.vector.shape != heads.centre.shape:
            return {}
        believed = heads.believe(now.vector)
        return {c.id: believed[c.id] for c in candidates if c.id in believed}


def fit_heads(history: History) -> Heads | None:
    """Heads for every candidate with enough labels; `None` where there is none."""
    tried = history.weights > 0
    known = np.flatnonzero(tried.sum(axis=0) >= FEWEST)
    if not len(known):
        return None
    scores, weights = history.scores[:, known], history.weights[:, known]
    x = history.vectors.astype(np.float64)
    centre = x.mean(axis=0)
    basis = _basis(x - centre)
    z = np.hstack([np.ones((len(x), 1)), (x - centre) @ basis])
    both = weights.min(axis=1) > 0
    gap = len(known) == 2 and int(both.sum()) >= FEWEST
    fitted = (
        _gap(z, scores, weights, both) if gap else [_head(z, s, w) for s, w in zip(scores.T, weights.T, strict=True)]
    )
    heads = Heads(
        tenant=history.tenant,
        space=history.space,
        candidates=tuple(history.candidates[i] for i in known),
        gap=gap,
        centre=centre,
        basis=basis,
        weights=np.array([weight for weight, _ in fitted]),
        covariance=np.array([spread for _, spread in fitted]),
        counts=tried[:, known].sum(axis=0),
    )
    return heads if np.isfinite(heads.covariance).all() else None


def _basis(x: Array) -> Array:
    """The leading principal directions, shape (d, k)."""
    _, directions = np.linalg.eigh(x.T @ x)
    return np.ascontiguousarray(directions[:, ::-1][:, : min(COMPONENTS, *x.shape)])


def _head(z: Array, scores: Array, weights: Array) -> tuple[Array, Array]:
    rows = weights > 0
    return logistic(z[rows], scores[rows], weights[rows], HEAD_PENALTY)


def logistic(z: Array, scores: Array, weights: Array, penalty: float) -> tuple[Array, Array]:
    """Weights, shape (k + 1,), and their covariance; the intercept is drawn only to even odds by one observation.

    Args:
        z: Shape (n, k + 1), first column ones.
        scores: Shape (n,), in [0, 1].
        weights: Shape (n,), above 0.
        penalty: L2 penalty of all but the intercept.
    """
    ridge = np.full(z.shape[1], penalty)
    ridge[0] = 0.25
    beta = np.zeros(z.shape[1])
    curvature = np.diag(ridge)
    for _ in range(STEPS):
        p = _sigmoid(z @ beta)
        curvature = (z * (weights * np.maximum(p * (1 - p), 1e-4))[:, None]).T @ z + np.diag(ridge)
        step = np.linalg.solve(curvature, z.T @ (weights * (scores - p)) - ridge * beta)
        beta = beta + step / max(1.0, float(np.abs(step).max()) / 4)  # far off, a full step may overshoot
        if float(np.abs(step).max()) < CLOSE:
            break
    return beta, np.linalg.inv(curvature)


def _gap(z: Array, scores: Array, weights: Array, both: NDArray[np.bool_]) -> list[tuple[Array, Array]]:
    """Two linear heads: each one's own mean, and half of the predicted gap either way."""
    pair = weights[both].min(axis=1)
    target = scores[both, 0] - scores[both, 1]
    centred = z[both, 1:]
    scaled = centred * pair[:, None]
    inverse = np.linalg.inv(scaled.T @ centred + GAP_PENALTY * np.eye(centred.shape[1]))
    slope = inverse @ (scaled.T @ (target - np.average(target, weights=pair)))
    noise = float(np.average((target - target.mean() - centred @ slope) ** 2, weights=pair)) + 1e-3
    heads = []
    for sign, score, weight in zip((0.5, -0.5), scores.T, weights.T, strict=True):
        rows = weight > 0
        total = float(weight[rows].sum())
        mean = float(np.average(score[rows], weights=weight[rows]))
        spread = np.zeros((z.shape[1], z.shape[1]))
        spread[0, 0] = 0.25 / (total + 1)
        spread[1:, 1:] = inverse * noise / 4
        heads.append((np.concatenate([[mean], sign * slope]), spread))
    return heads


def _sigmoid(x: "Array | float") -> Array:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -35, 35))))
