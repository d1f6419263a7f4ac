"""What a reply says, and what it counts for: little, until answers were compared with outcomes."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orchestrator_graph.nodes.question import prompt, read_choice, read_scores, read_yes_no, schema
from orchestrator_graph.routing.decider import ASKED_N, Decider, calibrate
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Attempt, Candidate, TokenLogprob
from orchestrator_graph.types.history import History
from tests.unit.deciding import TASK


def replied(text: str, *tokens: tuple[str, float, float | None]) -> Attempt:
    return Attempt(
        "1", "m", "decide", text, logprobs=tuple(TokenLogprob(t, math.log(p), r and math.log(r)) for t, p, r in tokens)
    )


@pytest.mark.parametrize(
    ("attempt", "yes"),
    [
        (replied("Yes", ("Yes", 0.6, 0.2)), 0.75),
        (replied(" no.", (" no", 0.6, 0.2), (".", 1.0, None)), 0.25),
        (replied("yes", ("yes", 0.9, None)), 0.9),
        (replied("\nyes", ("\n", 0.9, None), ("y", 0.8, 0.2)), 0.8),
        (replied("No, it will not"), 1 / 3),
        (replied('{"answer": "yes"}', ("{", 1.0, None)), 2 / 3),
        (
            replied('{"answer": "no"}', ('{"', 1.0, None), ("answer", 1.0, None), ("no", 0.6, 0.2), ('"}', 1.0, None)),
            0.25,
        ),
        (replied("nobody knows"), None),
        (replied(""), None),
    ],
)
def test_yes_and_no_are_read_off_the_first_token_else_off_the_word(attempt: Attempt, yes: float | None) -> None:
    assert read_yes_no(attempt) == (None if yes is None else pytest.approx(yes))


def test_a_choice_moves_even_odds_by_the_share_it_got() -> None:
    assert read_choice(replied("B", ("B", 0.75, 0.25)), 2) == pytest.approx([1 / 3, 0.6])
    assert read_choice(replied('{"choice": "A"}'), 2) == pytest.approx([4 / 7, 0.4])
    assert read_choice(replied("D"), 2) == []
    assert read_scores(replied('Here: {"A": 80, "B": 120, "C": "x"}'), 3) == {0: 0.8}


def test_the_prompt_holds_the_task_as_data_and_the_schema_the_letters() -> None:
    text = prompt("choice", "say {question} {models}", ["x (1)", "y (2)"])
    assert "<<<TASK\nsay {question} {models}\nTASK>>>" in text
    assert "A: x (1)\nB: y (2)" in text
    assert schema("choice", 2)["properties"]["choice"]["enum"] == ["A", "B"]


ASKED = [Candidate.single("test:good"), Candidate.single("test:bad"), Candidate.single("test:good", "low")]


def test_an_uncalibrated_answer_counts_for_two_observations() -> None:
    now = Situation(answers={"test:good": (0.9, ASKED_N)})
    (belief,) = Decider("x")(TASK, ASKED, now).values()
    assert (belief.quality, belief.n, belief.source) == (0.9, 2, "decider: uncalibrated")
    assert belief.se == pytest.approx(0.354, abs=1e-3)


def told(decider: Decider, truthful: bool, n: int = 200) -> Decider:
    """A decider whose answers came back as a history: right nine times in ten, or unrelated to the outcomes."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(n, 4)).astype(np.float32)
    right = rng.random(n) < 0.5
    answers = np.where(right if truthful else rng.random(n) < 0.5, 0.9, 0.7)
    for vector, answer in zip(vectors, answers, strict=True):
        decider(TASK, ASKED, Situation(vector=vector, space="s", answers={"test:good": (float(answer), ASKED_N)}))
    outcome = np.where(rng.random(n) < 0.1, ~right, right).astype(float)
    decider.learn(
        History(
            vectors,
            outcome[:, None],
            np.ones((n, 1)),
            ("test:good",),
            ("maths",) * n,
            ("",) * n,
            np.zeros(n),
            space="s",
        )
    )
    return decider


def test_answers_that_proved_right_are_corrected_and_count_for_more() -> None:
    decider = told(Decider("x"), truthful=True)
    beliefs = [
        decider(TASK, ASKED, Situation(space="s", answers={"test:good": (p, ASKED_N)}))["test:good"] for p in (0.9, 0.7)
    ]
    assert beliefs[0].quality == pytest.approx(0.9, abs=0.06)  # the overconfident 0.7 meant 0.1
    assert beliefs[1].quality == pytest.approx(0.1, abs=0.06)
    assert all(15 <= belief.n <= 30 for belief in beliefs)
    assert beliefs[0].source == "decider: calibrated on 200 answers"
    other = Situation(space="s", tenant="acme", answers={"test:good": (0.9, ASKED_N)})
    assert decider(TASK, ASKED, other)["test:good"].source == "decider: uncalibrated"


def test_answers_that_say_nothing_are_believed_no_more() -> None:
    decider = told(Decider("x"), truthful=False)
    assert decider(TASK, ASKED, Situation(space="s", answers={"test:good": (0.9, ASKED_N)})) == {}


def test_few_comparisons_change_nothing() -> None:
    decider = told(Decider("x"), truthful=True, n=20)
    found = decider(TASK, ASKED, Situation(space="s", answers={"test:good": (0.9, ASKED_N)}))
    assert found["test:good"].source == "decider: uncalibrated"


@example([(0.0, 0.0), (0.0, 0.0), (0.0, 0.0), (0.0, 1.7e-156)], 0.0)  # next to nothing to explain
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=4, max_size=60), st.floats(0, 1))
def test_a_calibration_is_monotone_and_bounded(pairs: list[tuple[float, float]], answer: float) -> None:
    found = calibrate([p for p, _ in pairs], [score for _, score in pairs])
    assert 0 <= found.weight <= 30
    assert 0 <= found.corrected(answer) <= 1
    if found.weight:
        assert found.corrected(0.9) >= found.corrected(0.2)
