"""The structural planner cuts only what falls apart by itself."""

import time

import pytest

from orchestrator_graph.nodes.prompt import fill
from orchestrator_graph.nodes.structure import cut
from orchestrator_graph.pocket.compounds import compound, lower_first

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
        (
            "Find all prime numbers below 20, then give me their sum.",
            [("Find all prime numbers below 20", ()), ("Give me their sum", ("1",))],
        ),
        (
            "Draft an email to Bob about the delay. Then suggest a subject line.",
            [("Draft an email to Bob about the delay", ()), ("Suggest a subject line", ("1",))],
        ),
        (
            "Write a limerick about a cat. Finally, rate its humour.",
            [("Write a limerick about a cat", ()), ("Rate its humour", ("1",))],
        ),
        (
            "Reverse the word lantern and then uppercase the result; separately, calculate 12 times 9",
            [("Reverse the word lantern", ()), ("Uppercase {1}", ("1",)), ("Calculate 12 times 9", ())],
        ),
        (
            "1. Name a fruit\n2. Name a colour\n3. Combine the result of 1 and the result of 2",
            [("Name a fruit", ()), ("Name a colour", ()), ("Combine {1} and {2}", ("1", "2"))],
        ),
        (
            "Please do the following:\n1. Name a fruit\n2. Name a colour",
            [("Name a fruit", ()), ("Name a colour", ())],
        ),
        (
            "Revenue fell 8%\nin Q2. With this information, do the following:\n1. Summarise it\n2. Suggest measures",
            [
                ("Revenue fell 8%\nin Q2. With this information, do the following:\n\nSummarise it", ()),
                ("Revenue fell 8%\nin Q2. With this information, do the following:\n\nSuggest measures", ()),
            ],
        ),
        (
            "Answer these questions in French:\n1. Who wrote Faust?\n2. What is rain?",
            [
                ("Answer these questions in French:\n\nWho wrote Faust?", ()),
                ("Answer these questions in French:\n\nWhat is rain?", ()),
            ],
        ),
        (
            "Who won World War II? What was the result of the Treaty of Versailles?",
            [("Who won World War II?", ()), ("What was the result of the Treaty of Versailles?", ())],
        ),
        (
            "Compute 3 + 4, then multiply the answer by 2, then explain the output format",
            [("Compute 3 + 4", ()), ("Multiply {1} by 2", ("1",)), ("Explain the output format", ("2",))],
        ),
        (
            "1. Who is the president of France?\n2. Write a poem about rain\n3. Translate it into German",
            [
                ("Who is the president of France?", ()),
                ("Write a poem about rain", ()),
                ("Translate it into German", ("2",)),
            ],
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
        # an instruction about the answer to a question
        "Who wrote Faust? Answer in one word.",
        "Is 17 prime? Answer yes or no.",
        "What is 12*12? Give only the number.",
        "What is the difference between TCP and UDP? Give an example of each.",
        "What is photosynthesis? Explain like I am five.",
        # a question without content of its own
        "Is Python slow? Why?",
        "Who is the president of France? How old is he?",
        "Who was Ada Lovelace? What did she invent?",
        "What is the capital of France? What about Spain?",
        "What is the capital of Spain? What is the population of that city?",
        "What is a mutex? When should I use one? How is a semaphore different?",
        "1. Is Python slow?\n2. How can I change it?",
        # a remark on the order before it
        "List three fruits; answer in JSON; do not explain.",
        "Write an essay on Rome; use simple words; check the facts.",
        "Compare Postgres and MySQL; give a recommendation; do not use tables.",
        "Calculate 12 times 9; explain your steps",
        "Write a poem about rain, then translate it into German. Keep both short.",
        "Pick two colours, A and B; then describe A; then describe B",
        "1. Name three fruits\n2. Answer in JSON",
        "Write a poem about rain; write in German",
        "Write a poem about rain. Also, explain why",
        # a list that is what the task is about
        "Review my project plan:\n1. Write the spec\n2. Review the design\n3. Test the release",
        "Rate these interview questions:\n1. What is a closure?\n2. How does garbage collection work?",
        "Translate these instructions into German:\n1. Check the oil\n2. Fill the tank\n3. Turn the key",
        "Explain how to do the following:\n1. Sort a list\n2. Reverse a list",
        "My notes\n1. Write the spec\n2. Review the design",
        # text around the list that its items need
        "1. Summarise the text below\n2. Translate the text into French\n\nText: The quick brown fox jumps.",
        "def f(x):\n    return 1\n\nWork on this code.\n1. Explain the function\n2. Write a test for it",
        "2. Name a fruit\n5. Name a colour",
        # `then` inside what the task is about
        "Why does my code print 3 and then print 4?",
        "How do I create a git branch, then delete it on the remote?",
        "Explain how to sort a list and then reverse it",
        "What happens when I add water and then add acid?",
        "When the light is green then what should I do?",
        "Write a function to read a CSV, then sort by date, then print the top ten",
        "Write a Python function that opens a file, then count the lines in it",
        # text of the user's own
        "Translate to German: 'Please check the oven, then turn it off'",
        "Translate 'Please check the oven, then turn it off' into German",
        "Translate to German - please check the oven, then turn it off",
        "Explain this SQL: select a from t; delete from t; select b from u",
        "Summarise the article: Scientists say to show care; find shelter, then repeat.",
        "Plan a trip to Rome: visit the Colosseum, then show me where to eat",
        # results that are not those of one earlier piece
        "Add 2 and 3; then calculate the result of 12 times 9",
        "1. Name a fruit\n2. Name a colour\n3. Combine the results of 1 and 2",
    ],
)
def test_leaves_whole(text: str) -> None:
    assert cut(text) == []


@pytest.mark.parametrize("text", ["\n" * 50_000 + "a", " " * 50_000 + "a", "x, then " * 5_000])
def test_padding_takes_no_long(text: str) -> None:
    started = time.perf_counter()
    assert cut(text) == []
    assert time.perf_counter() - started < 5


def test_compounds_fall_into_their_own_parts() -> None:
    for task in compound("calibration", 300, 1):
        pieces = cut(task.prompt)
        assert [tuple(int(need) - 1 for need in piece.needs) for piece in pieces] == list(task.needs), task.prompt
        answers = {str(number): answer for number, answer in enumerate(task.answers, 1)}
        filled = [fill(piece.brief, {need: answers[need] for need in piece.needs}) for piece in pieces]
        assert [lower_first(brief) for brief in filled] == [lower_first(part.prompt) for part in task.parts]
