"""Calibration: what is learnt, when it says that it is not, and what it refuses."""

import json
import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from orchestrator_graph.confidence.calibration import Calibration
from orchestrator_graph.confidence.labels import LEAST_LABELS
from orchestrator_graph.confidence.reliability import reliability
from orchestrator_graph.errors import CalibrationError
from orchestrator_graph.routing.oof import out_of_fold
from orchestrator_graph.types.history import History
from tests.unit.calibrating import HONEST, PROUD, past


def learnt(history: History) -> Calibration:
    calibration = Calibration(out_of_fold)
    calibration.learn(history)
    return calibration


def test_a_proud_model_is_brought_down_where_it_is_wrong() -> None:
    calibration = learnt(past(400))
    sure = {"probability": 0.97}
    maths = calibration.confidence(PROUD, "maths", sure, 0.9, "default", "s")
    text = calibration.confidence(PROUD, "text", sure, 0.2, "default", "s")
    assert maths.probability == pytest.approx(0.9, abs=0.08)
    assert text.probability == pytest.approx(0.2, abs=0.08)
    assert (maths.n, maths.calibrated) == (400, True)
    honest = calibration.confidence(HONEST, "text", {"probability": 0.3}, 0.5, "default", "s")
    assert honest.probability == pytest.approx(0.3, abs=0.1)


def test_new_answers_are_calibrated() -> None:
    calibration, new = learnt(past(400)), past(2_000, seed=1)
    beliefs = {HONEST: {"maths": 0.5, "text": 0.5}, PROUD: {"maths": 0.9, "text": 0.2}}
    for column, name in enumerate((HONEST, PROUD)):
        said = [
            calibration.confidence(name, kind, {"probability": p}, beliefs[name][kind], "default", "s")
            for kind, p in zip(new.task_types, new.signals["probability"][:, column], strict=True)
        ]
        found = reliability(np.array([item.probability for item in said]), new.scores[:, column])
        raw = reliability(new.signals["probability"][:, column], new.scores[:, column])
        assert found.debiased < 0.05
        assert found.brier < raw.brier + 0.01


def test_a_belief_unlike_all_that_were_seen_moves_little() -> None:
    calibration = learnt(past(400))  # of the honest model nothing but a half was ever believed
    usual, strange = (
        calibration.confidence(HONEST, "text", {"probability": 0.5}, b, "default", "s").probability for b in (0.5, 0.98)
    )
    assert strange == pytest.approx(usual, abs=0.3)


def test_what_was_not_learnt_is_raw_and_says_why() -> None:
    fresh = Calibration().confidence("m", "text", {"probability": 0.9}, 0.4)
    assert (fresh.probability, fresh.n, fresh.calibrated, fresh.why) == (0.9, 0, False, "no labels")
    assert Calibration().confidence("m", "text", {}, 0.4).probability == 0.4
    assert Calibration().confidence("m", "text", {}, float("nan")).probability == 0.5
    few = learnt(past(LEAST_LABELS - 1)).confidence(HONEST, "text", {"probability": 0.9}, 0.5, "default", "s")
    assert not few.calibrated
    assert few.why == f"{LEAST_LABELS - 1} trusted labels, {LEAST_LABELS} are needed"
    assert Calibration().resolution("m", "text") == 0.3


def test_only_labels_of_people_and_checks_count() -> None:
    history = past(300)
    weights = history.weights.copy()
    weights[:, 0] = 0.5
    calibration = learnt(replace(history, weights=weights))
    assert not calibration.confidence(HONEST, "text", {"probability": 0.9}, 0.5, "default", "s").calibrated
    assert calibration.confidence(PROUD, "text", {"probability": 0.9}, 0.5, "default", "s").calibrated


def test_one_class_only_stays_uncalibrated() -> None:
    calibration = learnt(past(200, scores=np.ones((200, 2))))
    assert calibration.confidence(PROUD, "text", {}, 0.5, "default", "s").why == (
        "all 200 labels say right: both are needed"
    )


def test_a_backend_without_log_probabilities_loses_nothing_but_them() -> None:
    calibration = learnt(past(400, signals={}))
    for kind, share in (("maths", 0.9), ("text", 0.2)):
        found = calibration.confidence(PROUD, kind, {}, share, "default", "s")
        assert found.calibrated
        assert found.probability == pytest.approx(share, abs=0.08)
    assert calibration.resolution(PROUD, "maths", "default", "s") == 0
    told = learnt(past(400))
    assert told.confidence(PROUD, "text", {}, 0.2, "default", "s").probability == pytest.approx(0.2, abs=0.08)


def test_resolution_tells_who_knows_when_it_is_right() -> None:
    calibration = learnt(past(1_000))
    assert calibration.resolution(HONEST, "text", "default", "s") == pytest.approx(1 / 3, abs=0.1)
    assert calibration.resolution(PROUD, "text", "default", "s") < 0.06


def test_tenants_and_spaces_are_apart_and_forgetting_forgets() -> None:
    calibration = learnt(past(300))
    calibration.learn(past(150, space="t"))
    assert calibration.space("default") == "s"
    assert calibration.confidence(HONEST, "text", {"probability": 0.9}, 0.5).n == 300
    assert not calibration.confidence(HONEST, "text", {"probability": 0.9}, 0.5, "other").calibrated
    calibration.learn(History.empty("default", "s"))
    assert calibration.space("default") == "t"


def test_an_artefact_says_the_same_and_a_damaged_one_nothing() -> None:
    calibration = learnt(past(300))
    data = json.loads(json.dumps(calibration.to_json()))
    again = Calibration.from_json(data)
    for believed in (0.1, 0.9, float("nan")):
        place = (PROUD, "maths", {"probability": 0.95}, believed, "default", "s")
        assert again.confidence(*place) == calibration.confidence(*place)
    assert again.resolution(PROUD, "maths") == calibration.resolution(PROUD, "maths")


@pytest.mark.parametrize(
    ("break_it", "says"),
    [
        (lambda d: "text", "not a calibration"),
        (lambda d: {**d, "format": "something"}, "not a calibration"),
        (lambda d: {**d, "version": 99}, "version 99"),
        (lambda d: {**d, "places": [{"tenant": "default"}]}, "damaged"),
        (lambda d: {**d, "places": 3}, "damaged"),
        (lambda d: json.loads(json.dumps(d).replace('"weights": [', '"weights": [1.0, ')), "weights for"),
        (lambda d: json.loads(json.dumps(d).replace('"silent": {"": ', '"silent": {"x": ')), "all task types"),
    ],
)
def test_foreign_artefacts_are_refused(break_it: Any, says: str) -> None:
    with pytest.raises(CalibrationError, match=says):
        Calibration.from_json(break_it(learnt(past(200)).to_json()))


P, Y = np.linspace(0.1, 0.9, 150), (np.arange(150) % 3 > 0).astype(float)


@pytest.mark.parametrize(
    ("signals", "right", "more", "says"),
    [
        ({"probability": []}, [], {}, "no labels"),
        ({"probability": P[:50]}, Y[:50], {}, "50 trusted labels, 100 are needed"),
        ({"probability": P}, np.ones(150), {}, "say right"),
        ({"probability": np.full(150, 0.4)}, Y, {}, "the same for every answer"),
        ({"probability": np.r_[np.nan, P[1:]]}, Y, {}, "NaN"),
        ({"probability": P}, np.r_[np.nan, Y[1:]], {}, "right holds NaN"),
        ({"probability": P[:-1]}, Y, {}, "149"),
        ({"probability": P * 100}, Y, {}, "not in"),
        ({"probability": P}, Y, {"believed": P[:9]}, "believed has shape"),
        ({"probability": P}, Y, {"task_types": ["a"]}, "1 task types"),
    ],
)
def test_labels_that_calibrate_nothing_are_refused(signals: Any, right: Any, more: Any, says: str) -> None:
    with pytest.raises(CalibrationError, match=says) as caught:
        Calibration.fit("model", signals, right, **more)
    assert "model" in str(caught.value)


def test_fit_takes_what_users_have() -> None:
    made = Calibration.fit("model", {"probability": P}, (P > 0.5).astype(float))
    assert made.confidence("model", "any", {"probability": 0.9}, 0.5).probability > 0.9
    assert made.confidence("model", "any", {"probability": 0.9}, 0.5).n == 150


def test_answers_are_judged_while_other_tenants_are_learnt() -> None:
    """What is read is replaced as a whole: nobody walks over it while it grows."""
    learnt, failed, done = Calibration(), list[Exception](), threading.Event()

    def judge() -> None:
        while not done.is_set():
            try:
                learnt.confidence("a", "qa", {"probability": 0.9}, 0.5, "tenant 0")
            except Exception as error:  # noqa: BLE001 - whatever it is, it is what this test is about
                failed.append(error)

    thread = threading.Thread(target=judge)
    thread.start()
    vectors, scores = np.ones((1, 2), np.float32), np.ones((1, 1))
    for number in range(3_000):
        tenant = f"tenant {number}"
        learnt.learn(History(vectors, scores, scores, ("a",), ("qa",), ("",), np.zeros(1), tenant=tenant, space="s"))
    done.set()
    thread.join()
    assert failed == []
    assert learnt.space("tenant 7") == "s"
