"""Signals come from the user's own words, after normalisation."""

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

from orchestrator_graph.nodes.features import ask_of, find_pii, read_features


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
    ],
)
def test_task_type_and_form(text: str, task_type: str, expects: str) -> None:
    features = read_features(text)
    assert (features.task_type, features.expects) == (task_type, expects)


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
