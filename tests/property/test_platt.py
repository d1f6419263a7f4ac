"""The regression behind calibration: it exists, is found, and shrinks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_graph.confidence.platt import FAR, INTERCEPT, SLOPE, Platt, fit, spread
from orchestrator_graph.errors import CalibrationError
from orchestrator_graph.types import to_json

NUMBERS = st.floats(-9, 9, allow_nan=False)
ROWS = st.lists(st.tuples(NUMBERS, NUMBERS | st.just(float("nan")), st.floats(0, 1)), min_size=1, max_size=40)


@given(ROWS)
@settings(max_examples=60)
def test_newton_ends_where_the_slope_is_zero(rows: list[tuple[float, float, float]]) -> None:
    columns, right = np.array([row[:2] for row in rows]), np.array([row[2] for row in rows])
    curve = fit(columns, right)
    said = curve(columns)
    assert ((said > 0) & (said < 1)).all()
    standard = np.clip(np.nan_to_num((columns - curve.centre) / curve.scale, nan=0.0), -FAR, FAR)
    design = np.c_[np.ones(len(rows)), standard]
    slope = design.T @ (said - right) + np.array([INTERCEPT, SLOPE, SLOPE]) * curve.weights
    assert np.abs(slope).max() < 1e-3


@given(ROWS)
@settings(max_examples=30)
def test_one_row_is_as_many(rows: list[tuple[float, float, float]]) -> None:
    columns = np.array([row[:2] for row in rows])
    curve = fit(columns, np.array([row[2] for row in rows]))
    assert [curve.one(tuple(row)) for row in columns.tolist()] == pytest.approx(curve(columns).tolist())
    again = Platt.from_json(to_json(curve))
    assert again == curve


def test_order_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(200, 2)), (rng.random(200) < 0.5).astype(float)
    order = rng.permutation(200)
    assert fit(x, y).weights == pytest.approx(fit(x[order], y[order]).weights, abs=1e-6)


def test_finds_the_curve_that_made_the_labels() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(20_000, 1)) * 2
    truth = 1 / (1 + np.exp(-(0.5 + 1.5 * x[:, 0])))
    said = fit(x, (rng.random(20_000) < truth).astype(float))(x)
    assert np.abs(said - truth).max() < 0.03


def test_a_part_is_near_its_parent_while_it_is_small() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=(400, 1))
    whole = fit(x, (x[:, 0] > 0).astype(float))
    gaps = []
    for n in (0, 3, 30, 400):
        part = fit(x[:n], np.zeros(n), whole)
        gaps.append(float(np.abs(np.array(part.weights) - whole.weights).max()))
    assert gaps[0] == 0
    assert gaps == sorted(gaps)


def test_agrees_with_scikit_learn() -> None:
    linear = pytest.importorskip("sklearn.linear_model", reason="extra [lab]")
    rng = np.random.default_rng(5)
    x = rng.uniform(-2, 2, size=(3_000, 2))
    y = (rng.random(3_000) < 1 / (1 + np.exp(-x[:, 0]))).astype(float)
    theirs = linear.LogisticRegression(C=1 / SLOPE, tol=1e-10).fit((x - x.mean(0)) / x.std(0), y)
    assert fit(x, y).weights[1:] == pytest.approx(theirs.coef_[0].tolist(), abs=1e-3)


def test_the_transform_spreads_what_crowds_near_one() -> None:
    near, nearer = spread(np.array([0.99, 0.999]), 1e-4)
    assert nearer - near > 2
    assert spread(np.array([0.0, 1.0]), 1e-4).tolist() == pytest.approx([-9.2102, 9.2102], abs=1e-3)
    assert np.isnan(spread(np.array([np.nan]), 1e-4)).all()


@pytest.mark.parametrize(
    "change",
    [{"weights": [1.0]}, {"scale": [0.0]}, {"weights": ["x", 1]}, {"weights": [float("nan"), 1.0]}, {"centre": None}],
)
def test_a_damaged_curve_is_refused(change: dict[str, object]) -> None:
    whole = {"weights": [0.0, 1.0], "centre": [0.0], "scale": [1.0]}
    with pytest.raises(CalibrationError):
        Platt.from_json({**whole, **change})
