"""Which language a text is in, by its commonest words. Short or mixed texts stay undetermined."""

import re
from collections.abc import Mapping

__all__ = ["LANGUAGES", "language_of", "spoken"]

LANGUAGES: Mapping[str, frozenset[str]] = {
    code: frozenset(words.split())
    for code, words in {
        "en": "the and of is to what how in a for please then with",
        "de": "der die das und ist nicht ein wie was bitte mit für",
        "fr": "le la les et est une des que pour quel dans avec",
        "es": "el los las es una por que para como del con qué",
        "it": "il che di una per come con gli sono della è",
    }.items()
}
"""ISO 639-1 code -> words that are everywhere in the language."""
LEAST_WORDS = 25
LEAST_HEARD = 5
CLEARLY = 3
"""How many times as many of its words must be there as of any other language."""


def spoken(lower: str) -> dict[str, int]:
    """How many of each language's commonest words a lower-case text has.

    >>> spoken("der hund und die katze")["de"]
    3
    """
    words = re.findall(r"[^\W\d_]+", lower)
    return {code: sum(word in known for word in words) for code, known in LANGUAGES.items()}


def language_of(text: str) -> str | None:
    """The language that a text is surely in, else `None`: 25 words or more, and one language far ahead.

    >>> language_of("It is " + "the sum of what is in the box and what is to come with it, " * 2)
    'en'
    >>> language_of("The sum of it")
    """
    lower = text.lower()
    if len(re.findall(r"[^\W\d_]+", lower)) < LEAST_WORDS:
        return None
    heard = spoken(lower)
    best, second = sorted(heard, key=lambda code: heard[code], reverse=True)[:2]
    return best if heard[best] >= max(LEAST_HEARD, CLEARLY * heard[second]) else None
