"""What a try is worth when several sources speak, and how far a judge is believed."""

import random
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_graph.memory.worth import HALF_LIFE_S, RANKS, WEIGHTS, Rates, fade, measured_rates, settled


@dataclass(frozen=True)
class Row:
    source: str
    score: float
    weight: float = -1.0
    task_id: str = "t"
    candidate: str = "a"


def label(source: str, score: float, task_id: str = "t", candidate: str = "a") -> Row:
    return Row(source, score, WEIGHTS.get(source, 0.0), task_id, candidate)


def test_the_table_of_weights_orders_the_sources() -> None:
    assert sorted(WEIGHTS, key=lambda s: -WEIGHTS[s]) == ["feedback", "verified", "judge", "verdict", "implicit"]
    assert RANKS["feedback"] > RANKS["verified"] > RANKS["judge"] > RANKS["verdict"] >= RANKS["implicit"]


@pytest.mark.parametrize(
    ("labels", "score", "weight"),
    [
        ([label("verdict", 0.9), label("feedback", 0.0)], 0.0, 1.0),
        ([label("feedback", 0.0), label("verified", 1.0)], 0.0, 1.0),
        ([label("verified", 0.0), label("verdict", 0.9), label("implicit", 1.0)], 0.0, 0.9),
        ([label("judge", 0.8), label("verdict", 0.1)], 0.8, 0.5),
        ([label("feedback", 1.0), label("feedback", 0.0)], 0.5, 1.0),
        ([label("verdict", 0.8), label("implicit", 0.0)], 0.6, 0.3),
        ([label("not judged", 0.5), label("implicit", 0.0)], 0.0, 0.1),
        ([label("not judged", 0.5)], 0.5, 0.0),
    ],
)
def test_the_most_trustworthy_source_counts(labels: list[Row], score: float, weight: float) -> None:
    for rows in (labels, labels[::-1]):
        assert settled(rows)["t", "a"] == (pytest.approx(score), pytest.approx(weight))


def judged(quality: dict[str, float], sensitivity: float, specificity: float, n: int, known: int) -> list[Row]:
    """What a judge of these error rates says of n answers a candidate; of the first `known` tasks the truth is told."""
    rng, rows = random.Random(7), []
    for number in range(n):
        for name, share in quality.items():
            good = rng.random() < share
            said = rng.random() < (sensitivity if good else 1 - specificity)
            rows.append(label("judge", float(said), str(number), name))
            if number < known:
                rows.append(label("verified", float(good), str(number), name))
    return rows


def test_a_lenient_judge_is_corrected_towards_the_truth() -> None:
    quality = {"strong": 0.9, "weak": 0.4}
    rows = judged(quality, 0.95, 0.5, 900, 150)
    rates = measured_rates(rows)
    assert rates.n == 300
    assert rates.sensitivity == pytest.approx(0.95, abs=0.04)
    assert rates.specificity == pytest.approx(0.5, abs=0.12)
    heard = settled(rows)
    for name, truth in quality.items():
        raw = np.mean([row.score for row in rows if row.source == "judge" and row.candidate == name])
        unknown = [heard[str(number), name][0] for number in range(150, 900)]
        assert abs(float(np.mean(unknown)) - truth) < max(0.05, 0.5 * abs(float(raw) - truth))
    weight = heard["500", "weak"][1]
    assert 0 < weight < WEIGHTS["judge"]


@pytest.mark.parametrize(("right", "low", "high"), [(1.0, 0.8, 0.9), (0.9, 0.5, 0.65), (0.5, 0.0, 0.06)])
def test_a_judges_weight_follows_how_often_it_was_right(right: float, low: float, high: float) -> None:
    rows = judged({"a": 0.5}, right, right, 400, 300)
    assert low <= settled(rows)["399", "a"][1] <= high


def test_an_unmeasured_judge_is_taken_at_its_word() -> None:
    assert settled([label("judge", 0.7)])["t", "a"] == (0.7, WEIGHTS["judge"])


@given(
    st.floats(0.01, 1), st.floats(0.01, 1), st.integers(0, 10_000), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)
)
def test_corrected_scores_stay_in_bounds_and_keep_their_order(
    sensitivity: float, specificity: float, n: int, mean: float, low: float, high: float
) -> None:
    rates = Rates(sensitivity, specificity, n)
    share = rates.share(mean)
    one, other = (rates.corrected(score, share) for score in sorted((low, high)))
    assert 0 <= one <= 1
    assert 0 <= other <= 1
    assert 0 <= rates.factor * WEIGHTS["judge"] <= WEIGHTS["verified"] + 1e-9
    if rates.youden > 0:
        assert one <= other + 0.001


@given(st.lists(st.floats(-1e9, 1e10), min_size=1, max_size=20), st.floats(1.0, 1e9))
def test_labels_only_ever_lose_weight_with_age(ages: list[float], half_life: float) -> None:
    left = fade(np.array(sorted(ages)), half_life)
    assert ((left >= 0) & (left <= 1)).all()
    assert (np.diff(left) <= 0).all()


def test_forgetting_can_be_switched_off() -> None:
    assert fade(np.array([10 * HALF_LIFE_S]), float("inf")).tolist() == [1.0]
