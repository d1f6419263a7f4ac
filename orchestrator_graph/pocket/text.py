"""Five families on the letters of a word: reverse, capitals, sort, count a letter, ends."""

from random import Random

from orchestrator_graph.pocket.family import Family, Slots, seen, unseen
from orchestrator_graph.pocket.words import LETTERS, draw_word


def draw_one(rng: Random, difficulty: int) -> Slots:
    """A word."""
    return {"word": draw_word(rng, difficulty)}


def draw_letter(rng: Random, difficulty: int) -> Slots:
    """A word and a letter, which in half of the cases was copied to one or two more places.

    Real words rarely repeat a letter: without the copies "1" would be right two times in three.
    """
    word = draw_word(rng, difficulty)
    if rng.random() < 0.2:
        return {"word": word, "letter": rng.choice(LETTERS)}
    letter = rng.choice(word)
    if rng.random() < 0.5:
        places = rng.sample(range(len(word)), rng.randint(1, 2))
        word = "".join(letter if i in places else old for i, old in enumerate(word))
    return {"word": word, "letter": letter}


def letters_key(slots: Slots) -> str:
    """The letters in order: a word shares its split with every anagram, hence with its reversed and sorted forms."""
    return "".join(sorted(slots["word"].lower()))


REVERSE = Family(
    "reverse",
    "text",
    seen(
        "Reverse {word}",
        "{word} backwards:",
        "Spell {word} backwards",
        "What is {word} reversed?",
        "The reverse of {word} is",
        "{word} in reverse:",
        "Write the letters of {word} backwards",
    )
    + unseen("Give {word} in reverse", "What is {word} backwards?", "Mirror the word {word}"),
    draw_one,
    letters_key,
    lambda slots, _: slots["word"][::-1],
)
CAPITALS = Family(
    "capitals",
    "text",
    seen(
        "Write {word} in capitals",
        "{word} in upper case:",
        "upper({word}) =",
        "Capitalise {word}",
        "{word} in capital letters:",
        "Put {word} in upper case",
        "Spell {word} in capitals",
    )
    + unseen("Give {word} in capitals", "What is {word} in upper case?", "Make {word} big"),
    draw_one,
    letters_key,
    lambda slots, _: slots["word"].upper(),
)
SORT = Family(
    "sort",
    "text",
    seen(
        "Sort the letters of {word}",
        "Letters of {word} in order:",
        "sorted({word}) =",
        "Alphabetise {word}",
        "The sorted letters of {word} are",
        "Put the letters of {word} in order",
        "What is {word} sorted?",
    )
    + unseen("Give the letters of {word} in order", "Write the sorted letters of {word}", "Arrange {word} from a to z"),
    draw_one,
    letters_key,
    lambda slots, _: "".join(sorted(slots["word"])),
)
COUNT = Family(
    "count",
    "text",
    seen(
        "Count the letter {letter} in {word}",
        "How many {letter} in {word}?",
        "{word}.count({letter}) =",
        "How often is {letter} in {word}?",
        "Number of {letter} in {word}:",
        "Count {letter} in {word}",
        "How many letters {letter} are in {word}?",
    )
    + unseen(
        "Give the number of {letter} in {word}",
        "How often is the letter {letter} in {word}?",
        "Tally {letter} within {word}",
    ),
    draw_letter,
    letters_key,
    lambda slots, _: str(slots["word"].count(slots["letter"])),
)
ENDS = Family(
    "ends",
    "text",
    seen(
        "Give the first and last letter of {word}",
        "First and last letter of {word}:",
        "ends({word}) =",
        "Which letters begin and end {word}?",
        "The first and last letter of {word} are",
        "Write the first letter and last letter of {word}",
        "First letter and last letter of {word}:",
    )
    + unseen(
        "What is the first and last letter of {word}?",
        "Which letters are first and last in {word}?",
        "Name the outer letters of {word}",
    ),
    draw_one,
    letters_key,
    lambda slots, _: slots["word"][0] + slots["word"][-1],
)
TEXT = (REVERSE, CAPITALS, SORT, COUNT, ENDS)
