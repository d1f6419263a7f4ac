"""Measures of reliability against brute force and, where it is installed, scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_graph.confidence.reliability import bins, reliability
from orchestrator_graph.errors import CalibrationError

LEVELS = [0.0, 0.1, 0.25, 0.5, 0.5000001, 0.9, 1.0]
ROWS = st.lists(st.tuples(st.sampled_from(LEVELS), st.booleans()), min_size=1, max_size=40)


def arrays(rows: list[tuple[float, bool]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([p for p, _ in rows]), np.array([float(y) for _, y in rows])


@given(ROWS)
def test_auroc_counts_pairs_and_ties_half(rows: list[tuple[float, bool]]) -> None:
    good, bad = [p for p, y in rows if y], [p for p, y in rows if not y]
    found = reliability(*arrays(rows)).auroc
    if not good or not bad:
        assert np.isnan(found)
        return
    pairs = [(g > b) + 0.5 * (g == b) for g in good for b in bad]
    assert found == pytest.approx(sum(pairs) / len(pairs))


@given(ROWS)
def test_bins_hold_every_row_once_and_never_part_equals(rows: list[tuple[float, bool]]) -> None:
    p, y = arrays(rows)
    said, came, n = bins(p, y, 5).T
    assert n.sum() == len(rows)
    assert (n * said).sum() == pytest.approx(p.sum())
    assert (n * came).sum() == pytest.approx(y.sum())
    assert len(n) <= min(5, len(set(p.tolist())))
    shuffled = np.random.default_rng(0).permutation(len(p))
    assert np.allclose(bins(p[shuffled], y[shuffled], 5), bins(p, y, 5))


@given(ROWS)
def test_measures_lie_where_they_must(rows: list[tuple[float, bool]]) -> None:
    p, y = arrays(rows)
    found = reliability(p, y)
    assert found.n == len(rows)
    assert 0 <= found.debiased <= found.ece + 1e-9 <= 1 + 1e-9
    assert found.brier == pytest.approx(np.mean((p - y) ** 2))
    assert found.ece >= abs(p.mean() - y.mean()) - 1e-9  # the error over all is the least of what bins can show
    assert 0 <= found.aurc <= 1


@given(st.permutations([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]), st.lists(st.booleans(), min_size=6, max_size=6))
def test_aurc_is_the_mean_error_of_the_most_confident(p: list[float], right: list[bool]) -> None:
    order = sorted(range(6), key=lambda i: -p[i])
    risks = [np.mean([not right[i] for i in order[: k + 1]]) for k in range(6)]
    assert reliability(np.array(p), np.array(right, float)).aurc == pytest.approx(np.mean(risks))


def test_what_is_calibrated_has_less_error_once_noise_is_taken_off() -> None:
    rng = np.random.default_rng(1)
    plain, debiased = [], []
    for _ in range(40):
        p = rng.random(1_000)
        found = reliability(p, (rng.random(1_000) < p).astype(float))
        plain.append(found.ece)
        debiased.append(found.debiased)
    assert 0.03 < np.mean(plain) < 0.05
    assert np.mean(debiased) < 0.7 * np.mean(plain)
    p = rng.random(20_000)
    off = reliability(p, (rng.random(20_000) < np.clip(p - 0.1, 0, 1)).astype(float))
    assert off.debiased == pytest.approx(0.095, abs=0.01)  # .1, less where it was cut at 0


def test_agrees_with_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="extra [lab]")
    rng = np.random.default_rng(2)
    p = np.round(rng.random(500), 2)
    y = (rng.random(500) < p).astype(float)
    found = reliability(p, y)
    assert found.auroc == pytest.approx(metrics.roc_auc_score(y, p))
    assert found.brier == pytest.approx(metrics.brier_score_loss(y, p))


@pytest.mark.parametrize(
    ("p", "y", "says"),
    [
        ([], [], "no confidences"),
        ([0.5], [1.0, 0.0], "shape"),
        ([float("nan")], [1.0], "NaN"),
        ([[0.5]], [[1.0]], "shape"),
    ],
)
def test_refuses_what_cannot_be_measured(p: list[float], y: list[float], says: str) -> None:
    with pytest.raises(CalibrationError, match=says):
        reliability(np.array(p), np.array(y))
