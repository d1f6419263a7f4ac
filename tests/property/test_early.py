"""Giving up early changes no decision: whatever would have been accepted is heard to its end."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_graph.confidence.early import give_up_below
from orchestrator_graph.confidence.signals import signals_of
from orchestrator_graph.gateway.watcher import Watcher
from orchestrator_graph.types import Attempt, TokenLogprob

PIECES = [
    "4",
    " two",
    "\n",
    "```",
    "python",
    "<|im_end|>",
    "</s>",
    "[",
    "<",
    ", ",
    "**",
    "the answer is ",
    " ",
    "é",
    "",
]
TOKENS = st.lists(
    st.builds(
        TokenLogprob,
        st.sampled_from(PIECES) | st.text(max_size=4),
        st.floats(-30, 0) | st.just(-math.inf),
        st.none() | st.floats(-30, 0),
    ),
    max_size=12,
)
CHANCES = st.floats(0, 1)


WEIGHTS = st.tuples(st.floats(-4, 4), st.floats(0.05, 4), st.floats(-1, 3))
THRESHOLDS = st.floats(0.05, 0.99)


def platt(weights):
    """A calibration as it is learnt: a line through log-odds, cut off near 0 and 1."""
    shift, *slopes = weights

    def odds(probability):
        clipped = min(1 - 1e-4, max(1e-4, probability))
        return math.log(clipped / (1 - clipped))

    def confidence(signals):
        told = (odds(signals["probability"]), odds(signals["mean"]))
        return 1 / (1 + math.exp(-(shift + sum(slope * value for slope, value in zip(slopes, told, strict=True)))))

    return confidence


@given(TOKENS, CHANCES, st.floats(-5, 0))
def test_no_answer_is_given_up_that_ends_above_the_limit(tokens, limit, end):
    watcher = Watcher(limit)
    given_up = any(watcher.hopeless([token]) for token in tokens)
    final = signals_of(Attempt("1", "m", "execute", "x", logprobs=tuple(tokens), end_logprob=end)).get("probability")

    if given_up and final is not None:
        assert final <= limit * (1 + 1e-3)  # signals are kept to four digits


@given(WEIGHTS, THRESHOLDS, st.lists(st.floats(-3, 0), min_size=1, max_size=30), st.floats(-3, 0))
def test_what_was_given_up_would_not_have_been_accepted(weights, threshold, logprobs, end):
    confidence, tokens = platt(weights), tuple(TokenLogprob("a", value) for value in logprobs)
    limit = give_up_below(threshold, confidence, longest=len(tokens))

    if limit is not None and Watcher(limit).hopeless(tokens[:-1]):
        signals = signals_of(Attempt("1", "m", "execute", "x", logprobs=tokens, end_logprob=end))
        assert round(confidence(signals), 4) < threshold


@given(st.floats(-4, 4), st.floats(0.05, 4), THRESHOLDS)
def test_the_limit_of_one_signal_is_no_lower_than_it_need_be(shift, slope, threshold):
    confidence = platt((shift, slope, 0.0))
    limit = give_up_below(threshold, confidence)
    ends = [confidence({"probability": p, "mean": p}) for p in (0.0, 1.0)]

    if limit is None:
        assert ends[0] >= threshold - 1e-4 or ends[1] < threshold
    else:
        after = min(1.0, limit * 1.002 + 1e-6)
        assert confidence({"probability": after, "mean": after}) >= threshold - 1e-4


def test_the_longer_an_answer_may_become_the_later_it_is_given_up():
    limits = [give_up_below(0.8, platt((0.0, 1.0, 0.5)), longest) for longest in (1, 8, 64, None)]

    assert limits == sorted(limits, reverse=True)
    assert limits[0] > 0.7 > limits[-1] > 0


@pytest.mark.parametrize("told", [0.9, 0.3, math.nan])
def test_a_calibration_that_knows_nothing_gives_nothing_up(told):
    assert give_up_below(0.8, lambda _: told) is None


def test_a_calibration_that_falls_gives_nothing_up():
    assert give_up_below(0.8, lambda signals: 1 - signals["probability"]) is None
    assert give_up_below(0.8, lambda signals: 1 - 4 * signals["probability"] * (1 - signals["probability"])) is None
