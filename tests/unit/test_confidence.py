"""Checks are decisive, signals add up, and nothing claims to be calibrated."""

import math

import pytest

from orchestrator_graph.confidence.checks import check
from orchestrator_graph.confidence.normalise import normalise
from orchestrator_graph.confidence.signals import agreement, logprob_evidence, summarise
from orchestrator_graph.confidence.verdict import weigh
from orchestrator_graph.types import Attempt, Evidence, TokenLogprob


@pytest.mark.parametrize(
    ("text", "expects", "passes"),
    [
        ("The answer is 42.", "number", True),
        ("forty-two", "number", True),
        ("about three million", "number", True),
        ("a great many", "number", False),
        ("Undefined.", "number", True),
        ("Infinitely many", "number", True),
        ("\u03c0", "number", True),
        ("\u00bd", "number", True),
        ("Acht.", "number", True),
        ('```json\n{"a": 1}\n```', "json", True),
        ("{a: 1}", "json", False),
        ("```python\ndef f():\n    return 1\n```", "code", True),
        ("```python\ndef f(:\n```", "code", False),
        ("Yes, it is.", "yes_no", True),
        ("Perhaps", "yes_no", False),
        ("42", "yes_no", False),
        ("17 is a prime number.", "yes_no", True),
        ("```ruby\ndef add(a, b)\n  a + b\nend\n```", "code", True),
        ("def add(a, b)\n  a + b\nend", "code", True),
        ("Install it:\n```bash\npip install x\n```\nthen\n```python\nimport x\n```", "code", True),
        ("```python\nimport x\n```\nor\n```py\nimport y\n```", "code", True),
        ("```python\n>>> f(1)\n2\n```", "code", True),
        ("nretnal, " + "letter by letter from the end to the beginning, as you asked", "word", True),
        ("I'm sorry for being late; the train stood still and I can't fly.", "text", True),
        ("I\u2019m sorry, but I can\u2019t help with that.", "text", False),
        ("I'm sorry but I cannot help with that.", "text", False),
        ("I am unable to do that.", "text", False),
        ("As an AI language model, I cannot comply.", "text", False),
        ("   ", "text", False),
        ("I'm sorry, I cannot help with that.", "text", False),
        ("I can help: do this", "text", True),
    ],
)
def test_checks(text: str, expects: str, passes: bool) -> None:
    assert any(item.decisive for item in check(text, expects)) is not passes


@pytest.mark.parametrize(
    ("one", "other", "expects"),
    [
        ("The total is 1,200.", "1200", "number"),
        ("nretnal", " Nretnal. ", "word"),
        ('{"a": 1, "b": 2}', '{"b":2,"a":1}', "json"),
        ("1200.50", "1,200.5", "number"),
        ("-0", "0", "number"),
        ("Yes.", "Yes, it is.", "yes_no"),
        ("No", "No, that is not true.", "yes_no"),
    ],
)
def test_same_answers_are_the_same(one: str, other: str, expects: str) -> None:
    assert normalise(one, expects) == normalise(other, expects)


def test_different_answers_differ() -> None:
    assert normalise("4", "number") != normalise("5", "number")
    assert normalise("1234567", "number") != normalise("1234568", "number")
    assert normalise("3.14159265", "number") != normalise("3.14159", "number")
    assert normalise("9" * 5000, "number") != normalise("9" * 4999 + "8", "number")
    assert normalise("Yes.", "yes_no") != normalise("It is not true.", "yes_no")
    assert agreement(["a", "b", "a"], "word") == (0, pytest.approx(2 / 3))


def attempt(*logprobs: float, end: float | None = None) -> Attempt:
    tokens = tuple(TokenLogprob("x", value) for value in logprobs)
    return Attempt("1", "m", "execute", "xx", logprobs=tokens, end_logprob=end)


def test_short_answers_use_the_whole_sequence_and_its_end() -> None:
    evidence = logprob_evidence(summarise(attempt(math.log(0.9), math.log(0.8), end=math.log(0.5))))
    assert evidence is not None
    assert evidence.value == pytest.approx(0.36)


def test_long_answers_use_the_mean_token() -> None:
    evidence = logprob_evidence(summarise(attempt(*[math.log(0.9)] * 50)))
    assert evidence is not None
    assert evidence.value == pytest.approx(0.9)


def test_no_logprobs_no_evidence() -> None:
    assert logprob_evidence(summarise(attempt())) is None


def test_a_failed_check_settles_it() -> None:
    verdict = weigh([Evidence("log-probability", 0.99), Evidence("check: number", 0.0, decisive=True)], 0.5)
    assert verdict.action == "escalate"
    assert verdict.confidence < 0.1


def test_confidence_is_monotone_and_never_calibrated() -> None:
    values = [weigh([Evidence("log-probability", p), Evidence("agreement", 1.0)], 0.8) for p in (0.2, 0.5, 0.9)]
    assert [v.confidence for v in values] == sorted(v.confidence for v in values)
    assert not any(v.calibrated for v in values)
