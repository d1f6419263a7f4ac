"""The structural planner cuts only what falls apart by itself."""

import pytest

from orchestrator_graph.nodes.structure import cut

COMPOUND = "Reverse lantern, then count the letter n in the result; meanwhile add 47 and 38"


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        (COMPOUND, [("Reverse lantern", ()), ("Count the letter n in {1}", ("1",)), ("Add 47 and 38", ())]),
        (
            "What is the capital of France? Who wrote Faust?",
            [("What is the capital of France?", ()), ("Who wrote Faust?", ())],
        ),
        (
            "1. Write a slogan\n2. Translate the result of 1 into French\n3. Add 2 and 3",
            [("Write a slogan", ()), ("Translate {1} into French", ("1",)), ("Add 2 and 3", ())],
        ),
        (
            "Write a short poem about the sea and then translate it into German. Also add 2 and 3.",
            [("Write a short poem about the sea", ()), ("Translate it into German", ("1",)), ("Add 2 and 3", ())],
        ),
        (
            "Please add 2 and 3; finally, multiply the result by 4.",
            [("Add 2 and 3", ()), ("Multiply {1} by 4", ("1",))],
        ),
    ],
)
def test_cuts(text: str, pieces: list[tuple[str, tuple[str, ...]]]) -> None:
    assert [(piece.brief, piece.needs) for piece in cut(text)] == pieces


@pytest.mark.parametrize(
    "text",
    [
        "Tell me what happened then",
        "Plan, price and write a trip to Rome",
        "The cat sat; meanwhile the dog slept",
        'Translate "run, then hide; also wait" into French',
        "Explain `if x then y` in Haskell",
        "What is the capital of France?",
        "",
    ],
)
def test_leaves_whole(text: str) -> None:
    assert cut(text) == []
