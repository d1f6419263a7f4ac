"""Wishes are read where they are sure, and an answer is refused only where it surely breaks one."""

from typing import Any

import pytest

from orchestrator_graph.confidence.checks import check
from orchestrator_graph.confidence.requirements import requirements_of
from orchestrator_graph.nodes.features import read_features

ENGLISH = "The river is wide and it runs from the hills to the sea, and what is in it is for all of us to see. " * 2
FRENCH = (
    "Le fleuve est large et il va des montagnes dans la mer, et les gens qui y vivent sont pour une vie simple. " * 2
)


def wishes(prompt: str) -> list[tuple[str, Any]]:
    features = read_features(prompt)
    return [(item.kind, item.value) for item in requirements_of(features.text, features.expects)]


def refused(prompt: str, answer: str) -> bool:
    features = read_features(prompt)
    found = check(answer, features.expects, requirements_of(features.text, features.expects), features.task_type)
    return any(item.decisive for item in found)


@pytest.mark.parametrize(
    ("prompt", "kind", "value"),
    [
        ("Explain photosynthesis in two sentences.", "sentences", (2, 2)),
        ("What is a fjord? Answer in at most 30 words.", "words", (None, 30)),
        ("In fewer than 50 words, explain gravity.", "words", (None, 49)),
        ("Write a tweet under 280 characters about rain.", "characters", (None, 279)),
        ("Summarise the report in three bullet points.", "bullets", (3, 3)),
        ("Can you describe the sea in exactly 20 words?", "words", (20, 20)),
        ("Explain the tides. Keep it to 80 words or fewer.", "words", (None, 80)),
        ("Write at least 100 words on tea.", "words", (100, None)),
        ("Answer in French.", "language", "fr"),
        ("Antworte bitte auf Deutsch!", "language", "de"),
        ("Responde en español, por favor.", "language", "es"),
        (f"Translate into Italian: {ENGLISH}", "language", "it"),
        ('Write a poem. Use the word "moon".', "literal", "moon"),
        ('Do not use the word "very".', "no_literal", "very"),
        ('Write an advert. Do not include the word "cheap".', "no_literal", "cheap"),
        ('Write an advert without rhymes and include the word "cheap".', "literal", "cheap"),
        ("Explain it in French.", "language", "fr"),
        ("Write an advert. Include the price and the date.", "part", "date"),
        ("Describe the sea with headings.", "headings", True),
        ("Explain tides and cite sources.", "citations", ()),
        ("Explain tides and cite your sources: [1] Moon, [2] Sea", "citations", (1, 2)),
    ],
)
def test_what_is_surely_wished_is_read(prompt: str, kind: str, value: Any) -> None:
    assert (kind, value) in wishes(prompt)


def test_a_unit_bars_the_others_that_the_task_does_not_name() -> None:
    ((kind, (unit, others)),) = wishes("How far is Paris from London in km?")
    assert (kind, unit) == ("unit", "km")
    assert "mile" in others
    ((_, (_, others)),) = wishes("How much are 5 miles in km?")
    assert "mile" not in others


@pytest.mark.parametrize(
    "prompt",
    [
        "He said the letter should be in at most 50 words.",
        "A student types at most 50 words a minute. How many in an hour?",
        "Write a function that cuts a text to at most 50 words.",
        "Write a story in exactly 50 words with a title of at most 5 words.",
        "List three facts about tea, each in at most 10 words.",
        "Write about how people in two sentences were punished.",
        "Explain it in two sentences. Then list three keywords. Then write a poem.",
        'Is "answer in at most 5 words" a good instruction?',
        "What does 'bonjour' mean in English?",
        "How do you say cat in French?",
        "Write an email to my French teacher.",
        "In Greek mythology, what is the name of the father of Zeus?",
        "How is this written? A. in French B. in reverse",
        "Write a 500-word essay on bees.",
        "Translate this into French and explain the grammar.",
        "Translate 'good morning, my friend' into Italian",
        "She took attendance of all students, including the ones in and out of the classroom?",
        "How many sentences are in this text?",
        "What is the fastest way to get in shape in 10 days?",
        "Compare two references and say which one is better.",
        "Translate to German: Please answer in at most 5 words.",
        "Explain the difference between ser and estar in Spanish.",
        'Write an advert. Do not go on about price instead of using the word "cheap".',
        'List alternatives to using the word "said".',
        'What can I write to avoid the word "very"?',
        "List three sources of protein.",
        "Please give three references to birds in the poem below.",
        "List 5 slogans of at most 6 words.",
        "Suggest three short taglines under 8 words for a bakery.",
    ],
)
def test_what_may_mean_something_else_is_not(prompt: str) -> None:
    assert wishes(prompt) == []


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        ("Explain photosynthesis in two sentences.", "Plants eat light. They breathe out. That is all there is to it."),
        ("Explain photosynthesis in two sentences.", "Plants eat light"),
        ("What is a fjord? Answer in at most 3 words.", "It is a long arm of the sea."),
        ("Write a tweet under 20 characters about rain.", "It rains, and it rains, and it rains."),
        ("Summarise the report in three bullet points.", "- one\n- two\n- three\n- four"),
        ("Summarise the report in three bullet points.", "All is well."),
        ("Explain the river. Answer in French.", ENGLISH),
        ("Explain the river. Answer in Japanese.", ENGLISH),
        ("How far is Paris from London in km?", "It is about 213 miles."),
        ('Write a poem. Use the word "moon".', "The sun is bright."),
        ('Write a poem. Do not use the word "very".', "The very sun."),
        ("Write an advert for a bike. Include the price.", "A bike for everyone."),
        ("Describe the sea with headings.", "The sea is deep and blue, and nobody has ever seen all of it at once."),
        ("Explain tides and cite sources.", "The moon pulls at the water."),
        ("Explain tides and cite sources.", "The moon pulls at the water [3]."),
    ],
)
def test_what_surely_breaks_a_wish_is_refused(prompt: str, answer: str) -> None:
    assert refused(prompt, answer)


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        ("Explain photosynthesis in two sentences.", "Plants, e.g. ferns, eat light. Dr. Ray says so."),
        ("Explain photosynthesis in two sentences.", 'They "eat. Really." light; it is food. So it goes.'),
        ("Create a username under 12 characters.", "Here is one: **CoolCat**"),
        ("Describe the sea in at most three words.", "Here are three words: deep, blue, wide"),
        ("Explain it in one sentence.", "Mt. Everest was climbed by Sen. Lee."),
        ("Translate 'Ich kann nicht weitermachen' into English", "I cannot continue."),
        ("Summarise the report in three bullet points.", "Here:\n- one\n  - detail\n- two\n- three"),
        ("Summarise the report in three bullet points.", "1. one\n2. two\n3. three"),
        ("Summarise the report in three bullet points.", "First this.\nSecond that.\nThird this."),
        ("Explain the river. Answer in French.", FRENCH),
        ("Explain the river. Answer in French.", "Oui."),
        ("Explain the river. Answer in Japanese.", "\u5ddd\u306f\u5e83\u3044\u3002" * 30),
        ("How far is Paris from London in km?", "344"),
        ("How far is Paris from London in km?", "344 km, or 213 miles"),
        ("How much are 5 feet in meters?", "5 feet are 1.524"),
        ('Write a poem. Use the word "moon".', "Moons rise."),
        ("Write an advert for a bike. Include the price.", "A bike for 20 euros."),
        ("Write an advert for a bike. Include the price.", "A bike. Price on request."),
        ("Describe the sea with headings.", "# Depth\nDeep."),
        ("Describe the sea with headings.", "Depth\nIt is deep."),
        ("Explain tides and cite sources.", "The moon pulls [1].\n\n[1] Newton, 1687"),
        ("Explain tides and cite sources.", "According to Newton the moon pulls."),
        ("Explain tides and cite sources: [1] Newton", "The moon pulls [1]."),
        ("What is a fjord? Answer in at most 7 words.", "A long, narrow, well-known arm of sea."),
    ],
)
def test_what_may_fulfil_a_wish_is_not_refused(prompt: str, answer: str) -> None:
    assert not refused(prompt, answer)


def test_everyday_answers_meet_no_alarm() -> None:
    prompts = [
        "Multiply 6 by 7", "Who wrote Faust?", "Write a short story about a fox.", "Is 17 a prime number?",
        "Translate 'cat' into French", "Plan a weekend in Rome and price it in euros.", "List the planets.",
        "Summarise this: the cat sat. In two days it left.", "Write a poem about the sea, please.",
        "What is the difference between TCP and UDP?", "Give me tips on how to write in plain English.",
        "Reverse the word lantern", "Draft an email that says I am late.", "Explain recursion with an example.",
    ]  # fmt: skip
    answers = [
        "42",
        "Yes.",
        "Goethe",
        "chat",
        ENGLISH,
        FRENCH,
        "- a\n- b",
        "1. One\n2. Two",
        "It costs 20 dollars. [1]",
    ]
    for prompt in prompts:
        for answer in answers:
            found = check(answer, "text", requirements_of(read_features(prompt).text))
            assert not any(item.decisive for item in found), (prompt, answer, found)


def test_reading_is_quick_on_text_that_was_made_to_be_slow() -> None:
    for piece in ("and include the ", "write in ", 'use the words "a", ', "in two ", '"', "answer [1] ", "!\n", "word"):
        for expects in ("text", "list", "number"):
            assert len(check(piece * 20_000, expects, requirements_of(piece * 20_000))) < 10
