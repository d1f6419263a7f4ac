"""Signals come from the user's own words, after normalisation."""

import time

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

from orchestrator_graph.confidence.checks import check
from orchestrator_graph.nodes.features import ask_of, find_pii, read_features
from orchestrator_graph.pocket.families import generate


@pytest.mark.parametrize(
    ("text", "task_type", "expects"),
    [
        ("Reverse lantern", "text", "word"),
        ("Add 47 and 38", "maths", "number"),
        ("Translate this into French: good day", "translation", "text"),
        ("Write a python function that sorts a list", "code", "code"),
        ("Summarise the article below", "summary", "text"),
        ("Return JSON with the keys a and b", "qa", "json"),
        ("Is 7 a prime?", "qa", "yes_no"),
        ("Who wrote Faust?", "qa", "text"),
        ("Can you write me a poem about the sea?", "writing", "text"),
        ("Can you explain how vaccines work?", "qa", "text"),
        ("Does anyone know who painted Guernica?", "qa", "text"),
        ("Have a look at my essay and tell me what you think?", "writing", "text"),
        ("Is tea or coffee better?", "qa", "text"),
        ("Is 17 prime? Answer yes or no.", "qa", "yes_no"),
        ("What is JSON?", "qa", "text"),
        ("How are dates written in JSON?", "qa", "text"),
        ("Explain the difference between JSON and XML", "qa", "text"),
        ("Name three fruits; answer in JSON", "qa", "json"),
        ("Extract the names as JSON", "extraction", "json"),
        ("Write a function that returns JSON", "code", "code"),
        ("Add error handling to this function: def f(x): return 1/x", "code", "text"),
        ("Add a polite closing line to my letter", "qa", "text"),
        ("Who was Count Dracula?", "qa", "text"),
        ("What are the best times to visit Rome?", "qa", "text"),
        ("Compute the derivative of sin(x)", "maths", "text"),
        ("How many people live in Rome?", "qa", "text"),
        ("Write a story about how many times a man fell", "writing", "text"),
        ("What is 3D printing?", "qa", "text"),
        ("What is 12*12?", "maths", "number"),
        ("Multiply {1} by 4", "maths", "number"),
        ("Add the result and 45", "maths", "number"),
        ("Count the letter n in {1}", "text", "number"),
        ("Why do crabs walk backwards?", "text", "text"),
        ("What is the difference between a virus and a bacterium?", "qa", "text"),
        ("The difference of 7 and 3 is", "maths", "number"),
        ("Which class did Marie Antoinette belong to?", "qa", "text"),
        ("Explain the function of the liver", "qa", "text"),
        ("Implement a class for a stack", "code", "code"),
    ],
)
def test_task_type_and_form(text: str, task_type: str, expects: str) -> None:
    features = read_features(text)
    assert (features.task_type, features.expects) == (task_type, expects)


@pytest.mark.parametrize(("held_out", "least"), [(False, 0.92), (True, 0.83)])
def test_trained_tasks_are_told_apart_and_no_right_answer_is_refused(held_out: bool, least: float) -> None:
    tasks = generate("calibration", 1200, 5, held_out=held_out)
    features = [read_features(task.prompt) for task in tasks]
    told = sum(seen.task_type == task.field for seen, task in zip(features, tasks, strict=True))
    assert told / len(tasks) >= least
    refused = [
        task
        for seen, task in zip(features, tasks, strict=True)
        if any(item.decisive for item in check(task.answer, seen.expects))
    ]
    assert refused == []


@pytest.mark.parametrize("text", ["write " * 20_000, "return, " * 20_000, "(" * 50_000, "-" * 50_000, "1 " * 20_000])
def test_repetition_takes_no_long(text: str) -> None:
    started = time.perf_counter()
    read_features(text)
    assert time.perf_counter() - started < 5


def test_only_the_last_human_words_count() -> None:
    messages = [
        SystemMessage("You write python code"),
        HumanMessage("Translate x"),
        AIMessage("y"),
        HumanMessage("Add 2 and 3"),
        ToolMessage("def f(): pass", tool_call_id="1"),
    ]
    assert ask_of(messages) == ("Add 2 and 3", ())


def test_modalities_become_needs() -> None:
    message = HumanMessage([{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": "x"}])
    assert ask_of([message]) == ("What is this?", ("vision",))


def test_full_width_and_control_characters_are_normalised() -> None:
    assert read_features("\uff21\uff44\uff44\u200b 2\t and  3").text == "Add 2 and 3"


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("write to jo.doe@example.org", ["email"]),
        ("card 4111 1111 1111 1111 please", ["card"]),
        ("4111 1111 1111 1112 is no card", []),
        ("DE89 3704 0044 0532 0130 00", ["iban"]),
        ("call +49 170 1234567", ["phone"]),
        ("add 47 and 38", []),
    ],
)
def test_personal_data(text: str, kinds: list[str]) -> None:
    assert find_pii(text) == kinds


def test_re_ask_needs_an_answer_before_it() -> None:
    assert read_features("try again", (), [AIMessage("5")]).signals["re_ask"]
    assert not read_features("try again").signals["re_ask"]


@pytest.mark.parametrize("unit", ["a.", "@a", "1 ", "Who wrote 12 + 3 lists, and why? "])
def test_a_long_text_takes_linear_time_and_all_of_it_is_searched_for_personal_data(unit: str) -> None:
    text = "Translate this. " + unit * (500_000 // len(unit))
    half = len(text) // 2
    began = time.process_time()
    features = read_features(f"{text[:half]} DE89 3704 0044 0532 0130 00, jo@example.org {text[half:]}")
    assert time.process_time() - began < 5  # it took minutes for the first of them
    assert {"email", "iban"} <= set(features.signals["pii"])
    assert features.task_type == "translation"


@pytest.mark.parametrize(
    ("words", "expects"),
    [
        ("What is 2+2? A) 3 B) 4 C) 5", "choice"),
        ("Which of the following is a mammal?\n(A) shark\n(B) whale", "choice"),
        ("The capital of France is\nA. Lyon\nB. Paris\nAnswer:", "choice"),
        ("Can you do this? a) reverse lantern b) write a poem", "text"),
        ("Is vitamin A. good?", "yes_no"),
    ],
)
def test_a_question_with_lettered_options_expects_a_choice(words: str, expects: str) -> None:
    assert read_features(words).expects == expects
