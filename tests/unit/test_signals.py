"""What an answer's tokens tell: template, layout and stop tokens excluded, the answer's own tokens apart."""

import math
from typing import Any

import pytest

from orchestrator_graph.confidence.signals import logprob_evidence, signals_of, summarise
from orchestrator_graph.types import Attempt, TokenLogprob


def told(*tokens: tuple[Any, ...], end: float | None = None) -> dict[str, float]:
    logprobs = tuple(TokenLogprob(*token) for token in tokens)
    return signals_of(Attempt("1", "m", "execute", logprobs=logprobs, end_logprob=end))


def test_probability_includes_the_end_and_the_others_do_not() -> None:
    found = told(("4", math.log(0.9)), ("2", math.log(0.8)), end=math.log(0.5))
    assert found["probability"] == pytest.approx(0.36, abs=1e-3)
    assert found["mean"] == pytest.approx(math.sqrt(0.72), abs=1e-3)
    assert found["least"] == pytest.approx(0.8, abs=1e-3)
    assert "margin" not in found


@pytest.mark.parametrize(
    "template",
    [
        "<|im_end|>",
        "</s>",
        "<eos>",
        "<end_of_turn>",
        "\n",
        "```python",
        "```\n",
        " ",
        "**",
        ".",
        "[/INST]",
        "<|eot_id|>",
    ],
)
def test_template_tokens_say_nothing(template: str) -> None:
    assert told((template, -9.0), ("yes", -0.1)) == told(("yes", -0.1))
    assert told(("yes", -0.1), (template, -9.0)) == told(("yes", -0.1))


@pytest.mark.parametrize("opening", ["<|im_start|>", "```"])
def test_a_role_and_a_languages_name_say_nothing(opening: str) -> None:
    assert told((opening, 0.0), ("python", -9.0), ("x", -0.1)) == told(("x", -0.1))


def test_a_minus_sign_is_part_of_the_answer() -> None:
    assert told(("-", -2.0), ("7", -0.1))["least"] == pytest.approx(math.exp(-2), abs=1e-3)


def test_the_margin_is_that_of_the_answers_tokens() -> None:
    words = [("The", -1.0, -1.1), (" answer", -0.1, -3.0), (" is", -0.1, -3.0), (" ", -0.1, -3.0)]
    found = told(*words, ("42", -0.2, -2.2), (".", -3.0, -3.0), (" Sure", -1.0, -1.0))
    assert found["margin"] == pytest.approx(1 / (1 + math.exp(-2)), abs=1e-3)
    assert found["answer"] == pytest.approx(math.exp(-0.2), abs=1e-3)
    assert told(("8", -0.7, -0.7))["margin"] == 0.5


def test_nothing_known_gives_nothing() -> None:
    assert told() == told(("\n", -1.0)) == told(("a", float("nan"))) == {}


@pytest.mark.parametrize("broken", [math.nan, -math.inf])
def test_a_log_probability_that_is_no_number_is_no_evidence(broken: float) -> None:
    """`min(1.0, nan)` is 1.0: such an answer was as good as sure."""
    attempt = Attempt("1", "m", "execute", "8", logprobs=(TokenLogprob("8", broken),), end_logprob=broken)
    assert summarise(attempt) is None
    sound = Attempt("1", "m", "execute", "8", logprobs=(*attempt.logprobs, TokenLogprob("8", -1.0)), end_logprob=broken)
    found = logprob_evidence(summarise(sound))
    assert found is not None
    assert found.value == pytest.approx(math.exp(-1.0))
