"""The ways to make a confidence of an answer's signals that the calibration benchmark compares."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.pocket_signals import PocketSignals, pocket_signals
from orchestrator_graph.confidence.calibration import Calibration
from orchestrator_graph.confidence.curve import NEAREST
from orchestrator_graph.confidence.platt import fit, spread
from orchestrator_graph.confidence.signals import signals_of
from orchestrator_graph.evaluation.isotonic import fit_isotonic
from orchestrator_graph.routing.linear import placed
from orchestrator_graph.routing.oof import out_of_fold
from orchestrator_graph.routing.ridge import fit as ridge
from orchestrator_graph.types.history import History

__all__ = ["SHIPPED", "Data", "read", "ways"]

Array = NDArray[np.float64]
Rows = NDArray[np.int64]
NAMES = ("probability", "mean", "least", "margin")
SHIPPED = "shipped: per task type, with the estimate"


@dataclass(frozen=True)
class Data:
    """Greedy answers of m models to n tasks: signals of shape (n, m), right or not, vectors, kinds."""

    runs: PocketSignals
    signals: dict[str, Array]
    right: Array
    vectors: NDArray[np.float32]
    types: NDArray[np.str_]
    families: NDArray[np.str_]

    def history(self, rows: Rows) -> History:
        """What a memory would hold after a profile of these tasks."""
        return History(
            vectors=self.vectors[rows],
            scores=self.right[rows],
            weights=np.ones((len(rows), self.right.shape[1])),
            candidates=self.runs.models,
            task_types=tuple(self.types[rows].tolist()),
            users=("",) * len(rows),
            times=1.7e9 + np.arange(len(rows), dtype=np.float64),
            space="bench",
            signals={name: values[rows] for name, values in self.signals.items()},
        )


def read() -> Data:
    """The stored answers, made at the first time."""
    runs = pocket_signals()
    n, m = runs.right.shape[:2]
    told = [[signals_of(runs.attempt(i, j)) for j in range(m)] for i in range(n)]
    return Data(
        runs=runs,
        signals={key: np.array([[t.get(key, np.nan) for t in row] for row in told]) for key in NAMES},
        right=runs.right[:, :, 0],
        vectors=runs.hashed,
        types=np.array([features.task_type for features in runs.features]),
        families=np.array([task.family for task in runs.tasks]),
    )


def ways(data: Data, train: Rows, test: Rows) -> Iterator[tuple[str, Array]]:
    """(name, confidences of shape (test, m)) of each way, taught by `train`."""
    p, models = data.signals["probability"], range(len(data.runs.models))
    yield "raw: the model's own probability", np.nan_to_num(p[test], nan=0.5)
    odds = np.nan_to_num(spread(p, NEAREST))
    yield "Platt without the transform", np.stack([_platt(data, np.nan_to_num(p), train, test, j) for j in models], 1)
    yield "one curve for all models", _pooled(data, odds, train, test)
    yield "a curve per model", np.stack([_platt(data, odds, train, test, j) for j in models], 1)
    yield "per task type", np.stack([_by_type(data, odds, train, test, j) for j in models], 1)
    history, believed = data.history(train), believe(data, train, test)
    calibration = Calibration(out_of_fold)
    calibration.learn(history)
    yield "the estimate alone, per task type", _asked(calibration, data, test, believed, told=False)
    yield SHIPPED, _asked(calibration, data, test, believed)
    yield "isotonic per model", np.stack([_isotonic(data, odds, train, test, j) for j in models], 1)
    if len(train) >= 1_000:
        bent = fit_isotonic(history, out_of_fold)
        yield "shipped, bent by isotonic", _asked(bent, data, test, believed)


def believe(data: Data, train: Rows, test: Rows) -> Array:
    """The router's estimate for new tasks: the regression that `Linear` learns, asked all at once."""
    kinds = tuple(sorted(set(data.types[train].tolist())))
    known = placed(data.vectors[train], data.types[train].tolist(), kinds)
    fitted = ridge(known, data.right[train], np.ones((len(train), data.right.shape[1])))
    return np.clip(fitted.predict(placed(data.vectors[test], data.types[test].tolist(), kinds)), 0.0, 1.0)


def _platt(data: Data, column: Array, train: Rows, test: Rows, j: int) -> Array:
    return fit(column[train, j][:, None], data.right[train, j])(column[test, j][:, None])


def _pooled(data: Data, odds: Array, train: Rows, test: Rows) -> Array:
    curve = fit(odds[train].reshape(-1, 1), data.right[train].ravel())
    return np.stack([curve(odds[test, j][:, None]) for j in range(odds.shape[1])], axis=1)


def _by_type(data: Data, odds: Array, train: Rows, test: Rows, j: int) -> Array:
    whole = fit(odds[train, j][:, None], data.right[train, j])
    said = whole(odds[test, j][:, None])
    for kind in np.unique(data.types[train]):
        mine, asked = train[data.types[train] == kind], data.types[test] == kind
        curve = fit(odds[mine, j][:, None], data.right[mine, j], whole)
        said[asked] = curve(odds[test[asked], j][:, None])
    return said


def _isotonic(data: Data, odds: Array, train: Rows, test: Rows, j: int) -> Array:
    from sklearn.isotonic import IsotonicRegression  # type: ignore[import-untyped]

    curve = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(odds[train, j], data.right[train, j])
    said: Array = curve.predict(odds[test, j])
    return said


def _asked(calibration: Calibration, data: Data, test: Rows, believed: Array, *, told: bool = True) -> Array:
    """What the product says, one answer at a time."""
    said = np.empty(believed.shape)
    for k, i in enumerate(test.tolist()):
        for j, name in enumerate(data.runs.models):
            signals = {key: float(v[i, j]) for key, v in data.signals.items() if told and not np.isnan(v[i, j])}
            place = (str(data.types[i]), signals, float(believed[k, j]), "default", "bench")
            said[k, j] = calibration.confidence(name, *place).probability
    return said
