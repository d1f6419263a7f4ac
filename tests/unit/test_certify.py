"""A promise from labels: granted where they allow it, refused with what is missing where they do not."""

import dataclasses

import numpy as np
import pytest

from orchestrator_graph.confidence.certificate import Certificate, Refusal
from orchestrator_graph.evaluation.certify import certify
from orchestrator_graph.routing.gate import Gate
from orchestrator_graph.types.history import History

PRICES = {"dear": 10.0, "cheap": 1.0}


def labelled(n: int, cheap: float, seed: int = 0, dear: float = 0.9) -> History:
    """Scores that do not depend on the task: so often right."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    scores = (rng.random((n, 2)) < [dear, cheap]).astype(float)
    return History(
        vectors, scores, np.ones((n, 2)), ("dear", "cheap"), ("qa",) * n, ("",) * n, np.arange(float(n)), space="s"
    )


def test_enough_labels_of_a_better_cheap_model_are_granted() -> None:
    made = certify(labelled(600, cheap=0.95), "dear", PRICES)
    assert isinstance(made, Certificate)
    assert made.bound <= 0.02
    assert made.saving > 0.5
    assert (made.n, made.reference, made.domain["n"]) == (600, "dear", 360)
    assert Gate.from_json(made.gate).alternatives == ("cheap",)


def test_the_same_labels_give_the_same_promise() -> None:
    past = labelled(400, cheap=0.95)
    one, two = certify(past, "dear", PRICES), certify(past, "dear", PRICES)
    assert isinstance(one, Certificate)
    assert isinstance(two, Certificate)
    assert (one.gate, one.bound, one.data_fingerprint) == (two.gate, two.bound, two.data_fingerprint)


def test_few_labels_are_refused_with_how_many_more_and_what_they_cost() -> None:
    made = certify(labelled(100, cheap=0.95), "dear", PRICES)
    assert isinstance(made, Refusal)
    (kind,), (more,) = made.needed, made.needed.values()
    assert "dear and cheap scored on the same task" in kind
    assert more >= 149 / 0.6 - 100
    assert made.cost_nusd == more * 11


def test_who_falls_short_by_chance_is_not_told_that_one_more_label_is_missing() -> None:
    scores = labelled(400, cheap=0.9)  # as good as the reference, and unlucky
    made = certify(scores, "dear", PRICES)
    assert isinstance(made, Refusal)
    assert not made.needed or min(made.needed.values()) >= 100


def test_one_task_asked_often_is_no_more_labels_of_other_tasks() -> None:
    past = dataclasses.replace(labelled(80, cheap=0.95), words=tuple(map(str, range(80))))
    often = past.rows(np.tile(np.arange(80), 8))
    made = certify(often, "dear", PRICES)
    assert isinstance(made, Refusal)
    assert made.n == 80
    apart = dataclasses.replace(often, words=tuple(map(str, range(640))))
    assert isinstance(certify(apart, "dear", PRICES), Certificate)


def test_what_is_asked_often_counts_as_often_where_it_loses() -> None:
    past = dataclasses.replace(labelled(900, cheap=1.0, dear=1.0), words=tuple(map(str, range(900))))
    past.scores[:4, 1] = 0.0
    assert isinstance(certify(past, "dear", PRICES), Certificate)
    often = past.rows(np.r_[np.arange(900), np.tile(np.arange(4), 60)])
    made = certify(often, "dear", PRICES)
    assert isinstance(made, Certificate)
    gate = Gate.from_json(made.gate)
    left = gate.inside(often.vectors, often.task_types) & (gate.picks(gate.gaps(often.vectors, often.task_types)) >= 0)
    assert 0.1 < left.mean() < 0.5  # far fewer than if each had counted once
    assert (often.scores[left, 0] - often.scores[left, 1]).sum() <= 0.02 * len(often)


def test_a_much_worse_model_is_refused_whatever_the_number() -> None:
    made = certify(labelled(800, cheap=0.3), "dear", PRICES)
    assert isinstance(made, Refusal)


@pytest.mark.parametrize("n", [0, 1, 2, 19, 20, 21])
def test_next_to_no_labels_are_a_refusal_not_an_error(n: int) -> None:
    made = certify(labelled(n, cheap=0.9), "dear", PRICES)
    assert isinstance(made, Refusal)
    assert sum(made.needed.values()) > 100


@pytest.mark.parametrize(("dear", "cheap"), [(1.0, 1.0), (0.0, 0.0)])
def test_one_class_only_is_no_error(dear: float, cheap: float) -> None:
    made = certify(labelled(500, cheap=cheap, dear=dear), "dear", PRICES)
    assert isinstance(made, Certificate)  # always alike: nothing can be lost
    assert isinstance(certify(labelled(100, cheap=cheap, dear=dear), "dear", PRICES), Refusal)


def test_labels_that_nobody_vouches_for_and_missing_ones_do_not_count() -> None:
    past = labelled(600, cheap=0.95)
    doubtful = dataclasses.replace(past, weights=np.full((600, 2), 0.5))
    assert isinstance(certify(doubtful, "dear", PRICES), Refusal)
    holes = past.scores.copy()
    holes[:550, 1] = np.nan
    assert isinstance(certify(dataclasses.replace(past, scores=holes), "dear", PRICES), Refusal)
    old = dataclasses.replace(doubtful, unfaded=np.ones((600, 2)))
    assert isinstance(certify(old, "dear", PRICES), Certificate)  # a label does not become untrue with age


def test_nobody_cheaper_and_an_unknown_reference_are_refusals_that_say_so() -> None:
    past = labelled(600, cheap=0.95)
    for reference, prices in (("cheap", PRICES), ("dear", {"dear": 1.0, "cheap": 1.0}), ("else", PRICES)):
        made = certify(past, reference, prices)
        assert isinstance(made, Refusal)
        assert "nothing can be saved" in made.reason


def test_each_further_attempt_is_held_to_less_error() -> None:
    past = labelled(420, cheap=0.9, seed=3)
    granted = [isinstance(certify(past, "dear", PRICES, attempt=k), Certificate) for k in (1, 2, 3, 4)]
    assert granted == sorted(granted, reverse=True)
    assert not granted[-1]


def test_scores_between_right_and_wrong_are_bet_on() -> None:
    past = labelled(1200, cheap=0.95)
    rng = np.random.default_rng(1)
    graded = np.clip(0.9 + rng.normal(0, 0.05, (1200, 2)), 0, 1)
    made = certify(dataclasses.replace(past, scores=graded), "dear", PRICES)
    assert isinstance(made, Certificate)
    assert made.saving > 0.5
