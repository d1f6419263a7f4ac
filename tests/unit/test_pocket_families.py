from collections import Counter

import pytest

from orchestrator_graph.pocket.compounds import compound
from orchestrator_graph.pocket.families import FAMILIES, PocketTask, check, generate, render
from orchestrator_graph.pocket.family import FIELDS, SPLITS, Family, Split

WORD = {"word": "lantern"}
RIGHT = [
    ("add", {"a": "47", "b": "38"}, "Add 47 and 38", "85"),
    ("subtract", {"a": "31", "b": "9"}, "Subtract 9 from 31", "22"),
    ("times", {"a": "12", "b": "7"}, "Multiply 12 by 7", "84"),
    ("compare", {"a": "12", "b": "9", "which": "larger"}, "Pick the larger of 12 and 9", "12"),
    ("reverse", WORD, "Reverse lantern", "nretnal"),
    ("capitals", WORD, "Write lantern in capitals", "LANTERN"),
    ("sort", WORD, "Sort the letters of lantern", "aelnnrt"),
    ("count", WORD | {"letter": "n"}, "Count the letter n in lantern", "2"),
    ("ends", WORD, "Give the first and last letter of lantern", "ln"),
    ("expression", {"expression": "2 + 3 * 4", "value": "14"}, "Evaluate 2 + 3 * 4", "14"),
    ("brackets", {"brackets": "([)]"}, "Check the brackets ([)]", "no"),
    ("list", {"items": "10 9 2"}, "Sort the list 10 9 2", "2 9 10"),
]


@pytest.mark.parametrize(("name", "slots", "prompt", "answer"), RIGHT, ids=[row[0] for row in RIGHT])
def test_imperative_prompts_and_their_answers(name: str, slots: dict[str, str], prompt: str, answer: str) -> None:
    family = FAMILIES[name]
    task = render(family, family.phrasings[0], slots, 2)
    assert (task.prompt, task.answer, task.held_out) == (prompt, answer, False)


@pytest.mark.parametrize("seed", range(3))
def test_expressions_are_worth_what_python_says(seed: int) -> None:
    for task in generate("train", 100, seed, ["expression"]):
        text = "".join(char for char in task.prompt if char in "0123456789+-*()")
        assert str(eval(text)) == task.answer  # noqa: S307 - digits and operators only


def test_the_twelve_families_lie_in_three_fields() -> None:
    assert Counter(family.field for family in FAMILIES.values()) == {"maths": 4, "text": 5, "logic": 3}


@pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda family: family.name)
def test_each_family_has_seen_and_held_out_phrasings(family: Family) -> None:
    phrasings = family.phrasings
    assert sum(not p.held_out for p in phrasings) >= 4
    assert sum(p.held_out for p in phrasings) >= 2
    assert len({p.template for p in phrasings}) == len(phrasings)


@pytest.mark.parametrize("held_out", [False, True])
def test_held_out_is_as_asked(held_out: bool) -> None:
    assert {task.held_out for task in generate("test", 200, 1, held_out=held_out)} == {held_out}


def test_none_gives_both() -> None:
    assert {task.held_out for task in generate("test", 200, 1, held_out=None)} == {False, True}


def test_prompts_are_short_and_every_difficulty_occurs() -> None:
    tasks = generate("train", 3000, 2, held_out=None)
    assert max(len(task.prompt.encode()) for task in tasks) <= 70
    assert {task.difficulty for task in tasks} == {1, 2, 3}
    assert {task.field for task in tasks} == set(FIELDS)


def test_answers_cannot_be_guessed() -> None:
    for name in ("brackets", "count"):
        answers = Counter(task.answer for task in generate("test", 800, 3, [name]))
        assert answers.most_common(1)[0][1] < 0.6 * 800


def test_imperatives_are_seen_in_both_cases_and_without_a_full_stop() -> None:
    prompts = [task.prompt for task in generate("train", 4000, 1, ["reverse"]) if task.phrasing == "Reverse {word}"]
    assert any(prompt.startswith("Reverse ") and prompt[-1].isalpha() for prompt in prompts)
    assert any(prompt.startswith("reverse ") and prompt[-1].isalpha() for prompt in prompts)


def test_an_unknown_family_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"'poetry'.*add, subtract"):
        generate("test", 1, 1, ["poetry"])


@pytest.mark.parametrize("text", ["nretnal", " nretnal\n", '"nretnal".', "nretnal."])
def test_check_forgives_what_does_not_matter(text: str) -> None:
    assert check(PocketTask("Reverse lantern", "nretnal", "reverse", "text", 2, "Reverse {word}", False), text)


@pytest.mark.parametrize("text", ["", "lantern", "NRETNAL", "nretnal nretnal"])
def test_check_does_not_forgive_what_matters(text: str) -> None:
    assert not check(PocketTask("Reverse lantern", "nretnal", "reverse", "text", 2, "Reverse {word}", False), text)


@pytest.mark.parametrize("split", SPLITS)
def test_compound_parts_fit_together(split: Split) -> None:
    for task in compound(split, 60, seed=8):
        opening, closing, aside = task.parts
        head, tail = task.prompt.split("; meanwhile ")
        first, second = head.split(", then ")
        assert task.needs == ((), (0,), ())
        assert task.answers == (opening.answer, closing.answer, aside.answer)
        assert (first, second.replace("the result", opening.answer), tail) == tuple(part.prompt for part in task.parts)
        assert "the result" in second
        assert aside.field != opening.field
