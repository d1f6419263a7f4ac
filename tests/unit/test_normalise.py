"""What counts as the same answer, by form; what looks alike and is not."""

import warnings

import pytest

from orchestrator_graph.confidence.normalise import fingerprint, form_of, normalise
from orchestrator_graph.confidence.syntax import tree_of

DOUBLE = "def double(x):\n    return 2 * x"


@pytest.mark.parametrize(
    ("one", "other", "expects"),
    [
        ("The answer is \\boxed{\\frac{3}{4}}", "0.75", "number"),
        ("1 1/2", "1.5", "number"),
        ("It is 3 \u00d7 10^5.", "300,000", "number"),
        ("The answer is 12 because 3 + 4 is 7", "12", "number"),
        ("The answer is 3 times 4 = 12", "12", "number"),
        ("\u22127", "-7", "number"),
        ("1,5", "1.5", "number"),
        ("(B)", "The answer is B.", "choice"),
        ("**c**", "C) Paris", "choice"),
        ("Answer: (D)", "\\boxed{\\text{D}}", "choice"),
        ("I think it is (A) of all.", "A", "choice"),
        (f"```python\n{DOUBLE}\n```", 'def double( x ):\n  "Twice."\n  return 2*x  # so', "code"),
        ("[1,2]", "[1, 2]", "code"),
        ("- red\n- blue", '["blue", "red", "red"]', "set"),
        ("red, blue and green", "1. Red\n2. Blue\n3. Green", "list"),
        ('```json\n{"a": [1, 2]}\n```', '{"a":[1,2]}', "json"),
        ("Paris.", "paris", "text"),
    ],
)
def test_the_same(one: str, other: str, expects: str) -> None:
    assert normalise(one, expects) == normalise(other, expects)
    assert fingerprint(one, expects) == fingerprint(other, expects) != ""


@pytest.mark.parametrize(
    ("one", "other", "expects"),
    [
        ("1/2", "3/2", "number"),
        ("3 x 10^5", "4 x 10^5", "number"),
        ("1,5", "1,6", "number"),
        ("10/12/2024", "1", "number"),
        ("A", "B", "choice"),
        ("The answer is a list", "A", "choice"),
        ("(A) or (B)", "(A)", "choice"),
        (DOUBLE, DOUBLE.replace("2", "3"), "code"),
        ("'a'", "'b'", "code"),
        ("let x = 'A';", "let x = 'a'", "code"),
        ("red, blue", "blue, red", "list"),
        ("yes", "no", "yes_no"),
    ],
)
def test_not_the_same(one: str, other: str, expects: str) -> None:
    assert normalise(one, expects) != normalise(other, expects)
    assert fingerprint(one, expects) != fingerprint(other, expects)


def test_a_fingerprint_says_its_form_and_is_short() -> None:
    for form in ("number", "choice", "yes_no", "json", "code", "list", "set", "word", "text"):
        assert form_of(fingerprint("4", form)) == form
        assert len(fingerprint("4", form)) == 16
    assert fingerprint("4", "number") != fingerprint("4", "text")


def test_long_free_text_is_not_compared() -> None:
    essay = "the river runs from the mountains to the sea and nobody knows why it does"
    assert fingerprint(essay) == fingerprint("") == ""
    assert fingerprint(f"{essay}, 7 times", "number") != ""


def test_text_that_python_warns_of_warns_nobody() -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        assert normalise(r"['\d', 'b']", "list") == normalise(r"- \d" + "\n- b", "list")
    assert not seen
    assert normalise("[1]\n[2]", "list") != normalise("[1]", "list")
    assert tree_of("1 is 1") is not None  # warnings are errors here
    assert tree_of("(" * 10_000) is None
