"""Isotonic calibration on top of the curves, and beliefs that do not know the answer."""

import json

import numpy as np
import pytest

from orchestrator_graph.confidence.calibration import Calibration
from orchestrator_graph.errors import CalibrationError
from orchestrator_graph.evaluation.isotonic import fit_isotonic
from orchestrator_graph.routing.oof import out_of_fold
from orchestrator_graph.types.history import History
from tests.unit.calibrating import HONEST, past


def test_isotonic_needs_a_thousand_labels_and_bends_monotonely() -> None:
    pytest.importorskip("sklearn", reason="extra [lab]")
    with pytest.raises(CalibrationError, match="1000 trusted labels of a candidate; the most are 300"):
        fit_isotonic(past(300))
    bent = fit_isotonic(past(1_500), out_of_fold)
    again = Calibration.from_json(json.loads(json.dumps(bent.to_json())))
    steps = [
        again.confidence(HONEST, "text", {"probability": p}, 0.5, "default", "s").probability
        for p in np.linspace(0.02, 0.98, 25)
    ]
    assert steps == sorted(steps)
    assert steps[12] == pytest.approx(0.5, abs=0.2)


def test_beliefs_out_of_fold_do_not_know_the_answer() -> None:
    rng = np.random.default_rng(8)
    history = past(300, scores=(rng.random((300, 2)) < 0.5).astype(float))
    believed = out_of_fold(history)
    assert believed.shape == (300, 2)
    assert abs(np.corrcoef(believed[:, 0], history.scores[:, 0])[0, 1]) < 0.2
    doubled = history.rows(np.r_[np.arange(300), np.arange(300)])
    assert abs(np.corrcoef(out_of_fold(doubled)[:, 0], doubled.scores[:, 0])[0, 1]) < 0.2
    assert out_of_fold(History.empty("default", "s")).shape == (0, 0)
