"""What others do, as functions of (training vectors, scores, test vectors) -> believed scores. Not our own code."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Floats = NDArray[np.float32]
Baseline = Callable[[Floats, Array, Floats], Array]

__all__ = ["BASELINES", "Baseline"]


def _knn(k: int) -> Baseline:
    def knn(x: Floats, y: Array, test: Floats) -> Array:
        similar = test @ x.T
        near = np.argpartition(-similar, min(k, len(x)) - 1, axis=1)[:, :k]
        weight = np.maximum(np.take_along_axis(similar, near, 1), 1e-6)
        found: Array = np.einsum("nk,nkm->nm", weight, y[near]) / weight.sum(axis=1, keepdims=True)
        return found

    return knn


def _kmeans(x: Floats, y: Array, test: Floats) -> Array:
    from sklearn.cluster import KMeans

    clusters = KMeans(min(16, len(x) // 4), n_init=2, random_state=0).fit(x)
    table = np.array([y[clusters.labels_ == c].mean(axis=0) for c in range(clusters.n_clusters)])
    found: Array = table[clusters.predict(test)]
    return found


def _ridge(x: Floats, y: Array, test: Floats) -> Array:
    from sklearn.linear_model import Ridge

    found: Array = Ridge(alpha=5.0).fit(x, y).predict(test).reshape(len(test), -1)
    return found


def _mlp(x: Floats, y: Array, test: Floats) -> Array:
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPRegressor

    net = MLPRegressor(
        hidden_layer_sizes=(64,), alpha=1e-2, learning_rate_init=3e-3, batch_size=64, max_iter=15, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # few epochs on purpose: more overfit on a trial half
        found: Array = net.fit(x, y).predict(test).reshape(len(test), -1)
    return found


BASELINES: dict[str, Baseline] = {
    "kNN 5": _knn(5),
    "kNN 20": _knn(20),
    "kNN 100": _knn(100),
    "k-means 16": _kmeans,
    "ridge": _ridge,
    "MLP": _mlp,
}
