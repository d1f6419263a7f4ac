"""Isotonic calibration: a monotone step map over what the regression says, for those who have a thousand labels.

It needs scikit-learn (extra `lab`) to be fitted; the artefact is the same as without, and is read without it.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from orchestrator_graph.confidence.calibration import Believe, Calibration
from orchestrator_graph.confidence.labels import plain_belief
from orchestrator_graph.errors import CalibrationError

if TYPE_CHECKING:
    from orchestrator_graph.types.history import History

__all__ = ["LEAST", "fit_isotonic"]

LEAST = 1_000
"""Labels of a candidate below which a free-form map follows the noise."""


def fit_isotonic(history: "History", believe: Believe = plain_belief) -> Calibration:
    """A calibration of this history whose curves are bent by isotonic regression (Zadrozny & Elkan 2002).

    Candidates with fewer than 1,000 trusted labels keep their curve as it is.

    Args:
        history: Labelled tasks.
        believe: What the router would have believed of each without its own outcome.

    Raises:
        CalibrationError: scikit-learn is not installed, or no candidate has 1,000 trusted labels of both classes.
    """
    try:
        from sklearn.isotonic import IsotonicRegression  # type: ignore[import-untyped]
    except ImportError:
        raise CalibrationError(
            "isotonic calibration needs scikit-learn: pip install 'orchestrator-graph[lab]'"
        ) from None
    beliefs = believe(history)
    calibration = Calibration(lambda _: beliefs)
    calibration.learn(history)
    bends, most = dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]](), 0
    for column, name in enumerate(history.candidates):
        rows = np.flatnonzero(history.trusted[:, column])
        said = _said(calibration, history, beliefs, rows, column)
        most = max(most, len(said))
        if len(said) >= LEAST:
            curve = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip")
            curve.fit(said, history.scores[rows, column])
            bends[name] = curve.X_thresholds_, curve.y_thresholds_
    if not bends:
        raise CalibrationError(f"isotonic calibration needs {LEAST} trusted labels of a candidate; the most are {most}")
    return calibration.bent(bends, history.tenant, history.space)


def _said(
    calibration: Calibration,
    history: "History",
    beliefs: NDArray[np.float64],
    rows: NDArray[np.intp],
    column: int,
) -> NDArray[np.float64]:
    """What the regression says of each labelled answer; empty where it is not calibrated."""
    name = history.candidates[column]
    found = []
    for row in rows.tolist():
        told = {key: float(values[row, column]) for key, values in history.signals.items()}
        signals = {key: value for key, value in told.items() if not np.isnan(value)}
        believed = float(beliefs[row, column])
        place = history.task_types[row], signals, believed, history.tenant, history.space
        found.append(calibration.confidence(name, *place))
    return np.array([item.probability for item in found if item.calibrated])
