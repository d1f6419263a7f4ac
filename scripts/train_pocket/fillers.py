"""Stray words in training prompts, so that a model leans on the words that matter and survives a new wording."""

from random import Random

RATE = 0.35
_FILLERS = "the me of is what give for this now please one to us you can tell do get say then"
FILLERS = tuple(_FILLERS.split())


def is_operand(word: str) -> bool:
    """Whether a stray word next to `word` might tear an operand apart."""
    return not word.strip(",.:?;").isalpha()


def add_fillers(prompt: str, rng: Random) -> str:
    """The prompt, in a third of the cases with one or two stray words that tear no operand apart.

    >>> add_fillers("Reverse lantern", Random(3)).endswith("lantern")
    True
    """
    if rng.random() > RATE:
        return prompt
    words = prompt.split(" ")
    for _ in range(rng.randint(1, 2)):
        places = [i for i in range(len(words)) if i == 0 or not (is_operand(words[i - 1]) and is_operand(words[i]))]
        words.insert(rng.choice(places), rng.choice(FILLERS))
    return " ".join(words)
