"""What an answer must have beside its form, read from the user's own words - only where they surely say so."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from orchestrator_graph.confidence import wording as w
from orchestrator_graph.confidence.units import UNITS, units_in

__all__ = ["Requirement", "requirements_of"]

READ_CHARS = 4_000
"""Of longer texts the beginning and the end are read: they say what is asked."""
LONG_WORDS = 30
LENGTHS = frozenset({"words", "characters", "sentences", "bullets"})


@dataclass(frozen=True, slots=True)
class Requirement:
    """One thing that an answer must have.

    Attributes:
        kind: `words`, `characters`, `sentences`, `bullets` (value: (least, most), either `None`), `language` (ISO
            639-1), `unit` ((wanted, instead of it)), `literal`, `no_literal`, `part`, `headings`, `citations`
            (numbers that the task itself lists), `schema` (a JSON Schema) or `regex`.
        value: What exactly, as JSON values.
        words: The user's words that say so; empty where it was given as data.
    """

    kind: str
    value: Any
    words: str = ""


def requirements_of(text: str, expects: str = "text") -> tuple[Requirement, ...]:
    """What the user's words surely ask of the answer; nothing where they may mean something else.

    A wish counts in an order ("Explain it in two sentences") or alone ("At most 50 words, please"), not in a story, a
    question, a relative clause or a quotation, and none is read where code is expected.

    >>> [(r.kind, r.value) for r in requirements_of("What is a fjord? Answer in at most 30 words.")]
    [('words', (None, 30))]
    >>> requirements_of("A student types at most 50 words a minute. How many in an hour?")
    ()
    """
    if expects == "code" or "```" in text:
        return ()
    orders = tuple(_orders(text))
    found = [item for order in orders for read in READERS for item in read(order, text)]
    whole = sum(w.MODIFIERS.match(order) is None for order in orders) <= 1
    fitting = [item for item in found if item.kind not in LENGTHS or (whole and _fits(item, found))]
    tongues = {item.value for item in found if item.kind == "language"}
    return tuple(item for item in dict.fromkeys(fitting) if item.kind != "language" or len(tongues) == 1)


def _fits(item: Requirement, found: list[Requirement]) -> bool:
    """Whether all lengths of this kind can hold at once; else they speak of different parts."""
    spans = [other.value for other in found if other.kind == item.kind]
    return max(least or 0 for least, _ in spans) <= min(9999 if most is None else most for _, most in spans)


ASKS = (w.ORDER.match, w.ALONE.match, w.ASKS_UNIT.search, w.IN_TONGUE.match, w.TONGUE_ALONE.match)


def _orders(text: str) -> Iterator[str]:
    """The sentences that ask something, lower case, their quotations kept."""
    seen = text if len(text) <= 2 * READ_CHARS else f"{text[:READ_CHARS]}\n{text[-READ_CHARS:]}"
    for sentence in re.split(r"(?<=[.!?;:])\s+|\n+", seen):
        lower = sentence.lower().strip()
        bare = w.QUOTED.sub('""', lower)
        if any(found(bare) for found in ASKS):
            yield lower
        if w.MATERIAL.match(bare):
            return  # what follows is to be worked on, whatever it asks for


def _number(word: str) -> int:
    return int(word) if word.isdigit() else w.NUMBERS.index(word) + 1


def _lengths(order: str, _: str) -> Iterator[Requirement]:
    bare = w.QUOTED.sub('""', order)
    if w.ORDER.match(bare) is None and w.ALONE.match(bare) is None:
        return
    for pattern, ends in (
        (w.MOST, "most"),
        (w.OR_LESS, "most"),
        (w.LEAST, "least"),
        (w.EXACTLY, "both"),
        (w.IN_PARTS, "both"),
    ):
        for match in pattern.finditer(bare):
            before = bare[: match.start()]
            if w.ASIDE.search(before) or w.SEVERAL.search(bare) or w.COUNTED.search(before):
                continue
            *strict, number, what = match.groups()
            n = _number(number) - (1 if strict and strict[0] in w.STRICT else 0)
            kind = "bullets" if what.startswith("bullet") else what.rstrip("s") + "s"
            span = {"most": (None, n), "least": (n, None), "both": (n, n)}[ends]
            if pattern is not w.IN_PARTS or not w.MOST.search(bare):
                yield Requirement(kind, span, match.group())


def _language(order: str, text: str) -> Iterator[Requirement]:
    bare = w.QUOTED.sub('""', order)
    match = w.IN_TONGUE.match(bare) or w.TONGUE_ALONE.match(bare)
    named = {w.TONGUE[word] for word in re.findall(r"\w+", bare) if word in w.TONGUE}
    if match is None or len(named) != 1 or w.ASIDE.search(match.group()) or " and " in bare[match.end() :]:
        return
    # Of a word or two the translation may well be explained in the user's own language.
    if not match.group().startswith("translate") or len(text.split()) >= LONG_WORDS:
        yield Requirement("language", w.TONGUE[match.group(1)], match.group())


def _unit(order: str, text: str) -> Iterator[Requirement]:
    match = re.search(r"\bin (percent|%|[a-z]+)\W*$", order)
    wanted = units_in(f"1 {match.group(1)}") if match is not None and w.ASKS_UNIT.search(order) else set()
    if match is None or len(wanted) != 1:
        return
    unit = wanted.pop()
    other = {name for name, (dimension, _) in UNITS.items() if dimension == UNITS[unit][0]} - {unit}
    yield Requirement("unit", (unit, tuple(sorted(other - units_in(text, bare=True)))), match.group())


def _literals(order: str, _: str) -> Iterator[Requirement]:
    if w.ORDER.match(order) is None and w.ALONE.match(order) is None:
        return
    for match in w.LITERAL.finditer(order):
        before = order[: match.start()]
        if w.ASIDE.search(before) or w.INSTEAD.search(before):
            continue
        unwanted = w.NEGATED.search(before) or re.match(r"do|avoid|without|never", match.group(1))
        kind = "no_literal" if unwanted else "literal"
        for word in re.findall(r"[\"\u201c]([^\"\u201d]+)[\"\u201d]", match.group(2)):
            yield Requirement(kind, word.strip(" .,"), match.group())


def _parts(order: str, _: str) -> Iterator[Requirement]:
    match = w.PARTS.search(w.QUOTED.sub('""', order).rstrip(" .!"))
    if match is None or order.endswith("?") or w.ASIDE.search(match.group()):
        return
    for part in re.split(r", (?:and )?| and ", match.group(1)):
        name = re.sub(r"^(?:the|a|an|its|their) ", "", part.strip())
        if re.fullmatch(r"[a-z]+(?: [a-z]+)?", name):
            yield Requirement("part", name, match.group())


def _layout(order: str, text: str) -> Iterator[Requirement]:
    bare = w.QUOTED.sub('""', order)
    if w.ORDER.match(bare) is None and w.ALONE.match(bare) is None:
        return
    for kind, pattern, value in (
        ("headings", w.HEADINGS, True),
        ("citations", w.CITATIONS, tuple(sorted(set(map(int, re.findall(r"\[(\d{1,3})\]", text)))))),
    ):
        match = pattern.search(bare)
        if match is not None and not w.ASIDE.search(bare[: match.start()]):
            yield Requirement(kind, value, match.group())


READERS: tuple[Callable[[str, str], Iterator[Requirement]], ...] = (
    _lengths, _language, _unit, _literals, _parts, _layout,
)  # fmt: skip
