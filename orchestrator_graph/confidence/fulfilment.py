"""Whether an answer has what was required of it. Says nothing where that cannot be told for sure."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from orchestrator_graph.confidence.language import LANGUAGES, language_of
from orchestrator_graph.confidence.normalise import unfenced
from orchestrator_graph.confidence.requirements import Requirement
from orchestrator_graph.confidence.units import units_in

__all__ = ["fulfils"]

Span = tuple[int | None, int | None]
FENCED = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
QUOTED = re.compile(r"\"[^\"]*\"|\u201c[^\u201d]*\u201d")
SENTENCE_END = re.compile(r"[.!?][\"\u201d')\]*]*\s+(?=[\"\u201c(*]*[A-Z\u00c0-\u00de])")
ABBREVIATION = re.compile(
    r"(?:^|\W)(?:\w|\d+|dr|mrs?|ms|prof|st|no|vs|etc|approx|inc|ltd|co|jr|sr|fig|vol|mt|gen|col|lt|sgt|capt|rev|hon|gov"
    r"|sen|rep|dept|univ|ft|ave|ca|cf|al|jan|feb|aug|sept?|oct|nov|dec|\w+\.\w+)$",
    re.I,
)
PREFACE = re.compile(r"\A[^\n:]{1,80}:\s+")
BULLET = re.compile(r"^([ \t]*)(?:[-*\u2022\u2013+]|\d{1,3}[.)])[ \t]+\S", re.MULTILINE)
HEADING = re.compile(r"^[ \t]*(?:#{1,6} \S|\*\*[^*\n]+\*\*:?\s*$|<h[1-6]|[^\n]{1,60}\n[=-]{3,})", re.MULTILINE)
MARK = re.compile(r"(?<![\w\]])\[(\d{1,3})\]")
LISTED = re.compile(r"^[ \t]*(?:[-*] )?(?:\[(\d{1,3})\]|\*{0,2}(\d{1,3})[.)])", re.MULTILINE)
SOURCED = re.compile(
    r"https?://|www\.|\bdoi\b|\bet al\b|\([^()]*\b(?:1[89]|20)\d\d[a-z]?\)|\bsources?\b|\breferences?\b"
    r"|\b(?:according to|cited|citations?|bibliography|isbn)\b",
    re.IGNORECASE,
)
SHAPES: Mapping[str, re.Pattern[str]] = {
    "price": re.compile(r"\d|\bfree\b|[$\u20ac\u00a3]", re.IGNORECASE),
    "date": re.compile(
        r"\d|\b(?:mon|tues|wednes|thurs|fri|satur|sun|to)day\b|\btomorrow\b"
        r"|\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)", re.IGNORECASE
    ),
    "email": re.compile("@"),
    "link": re.compile(r"https?://|www\.|\]\("),
    "table": re.compile(r"\||<table|\t"),
}  # fmt: skip
"""Parts that have a shape: without it, and without being named, they are surely not there."""
SHAPES = {**SHAPES, "cost": SHAPES["price"], "url": SHAPES["link"], "deadline": SHAPES["date"]}


def fulfils(requirement: Requirement, text: str) -> tuple[bool | None, str]:
    """Whether the answer has it (`None`: cannot be told), and in plain words what was seen.

    >>> fulfils(Requirement("words", (None, 3)), "one two three four")
    (False, '4 words, at most 3 wanted')
    """
    return KINDS[requirement.kind](requirement.value, text)


def _span(low: int, high: int, span: Sequence[int | None], what: str) -> tuple[bool | None, str]:
    """Of a count that lies between `low` and `high`, however one counts."""
    least, most = span
    wanted = f"{least}" if least == most else f"at most {most}" if least is None else f"at least {least}"
    if least is not None and most is not None and least != most:
        wanted = f"{least} to {most}"
    seen = f"{low} {what}" if low == high else f"{low} to {high} {what}"
    if (most is not None and low > most) or (least is not None and high < least):
        return False, f"{seen}, {wanted} wanted"
    sure = (most is None or high <= most) and (least is None or low >= least)
    return (True if sure else None), seen


def _words(span: Span, text: str) -> tuple[bool | None, str]:
    counts = [len([p for p in way.split() if re.search(r"\w", p)]) for way in (text, _unprefaced(text))]
    counts.append(len(re.findall(r"\w+", text)))
    return _span(min(counts), max(counts), span, "words")


def _characters(span: Span, text: str) -> tuple[bool | None, str]:
    return _span(len(_unprefaced(text)), len(text.strip()), span, "characters")


def _unprefaced(text: str) -> str:
    """Without "Here is one:" and marks around the rest, which may be all that a length was meant for."""
    return PREFACE.sub("", text.strip()).strip("\"'`*\u201c\u201d ") or text.strip()


def _sentences(span: Span, text: str) -> tuple[bool | None, str]:
    bare = QUOTED.sub('""', FENCED.sub(" ", text)).strip()
    ends = [end for end in SENTENCE_END.finditer(bare) if not ABBREVIATION.search(bare[: end.start()][-20:])]
    most = len([part for part in re.split(r"[.!?\u2026:;\n]+", bare) if re.search(r"\w", part)])
    return _span(min(len(ends) + 1, most), most, span, "sentences")


def _bullets(span: Span, text: str) -> tuple[bool | None, str]:
    indents = [len(indent.expandtabs()) for indent in BULLET.findall(text)]
    if not indents:
        lines = len([line for line in text.splitlines() if line.strip()])
        return _span(0, lines, span, "bullets") if lines < (span[0] or 0) else (None, "no bullets, but lines")
    top = indents.count(min(indents))
    return _span(top, len(indents), span, "bullets")


def _language(code: str, text: str) -> tuple[bool | None, str]:
    heard = language_of(FENCED.sub(" ", text))
    if heard is None:
        return None, "no language heard for sure"
    return (heard == code if heard != code or code in LANGUAGES else None), f"language {heard}, {code} wanted"


def _unit(value: tuple[str, Sequence[str]], text: str) -> tuple[bool | None, str]:
    wanted, others = value
    seen = units_in(text)
    if wanted in units_in(text, bare=True):
        return True, f"in {wanted}"
    wrong = sorted(seen & set(others))
    return (False, f"in {wrong[0]}, {wanted} wanted") if wrong else (None, "no unit")


def _literal(word: str, text: str) -> tuple[bool | None, str]:
    there = re.search(rf"(?<!\w){re.escape(word)}", text, re.IGNORECASE) is not None
    return there, f'"{word}" is {"there" if there else "not there"}'


def _no_literal(word: str, text: str) -> tuple[bool | None, str]:
    there = re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE) is not None
    return not there, f'"{word}" is {"there" if there else "not there"}'


def _part(name: str, text: str) -> tuple[bool | None, str]:
    """A part that is named in the answer is there; one that has a shape is surely missing without it."""
    stem = name.rstrip("s")
    if re.search(rf"\b{re.escape(stem)}", text, re.IGNORECASE):
        return True, f"{name} is there"
    shape = SHAPES.get(stem)
    return (False, f"no {name}") if shape is not None and not shape.search(text) else (None, f"{name} is not named")


def _headings(_: bool, text: str) -> tuple[bool | None, str]:
    if HEADING.search(text):
        return True, "headings"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    titles = [line for line in lines if len(line) <= 60 and not line.endswith((".", "!", "?", ","))]
    return (None, "perhaps headings") if titles else (False, "no headings")


def _citations(given: Sequence[int], text: str) -> tuple[bool | None, str]:
    """Marks must refer to something: to a list in the answer, or to what the task itself numbers."""
    marks = {int(mark) for mark in MARK.findall(text)}
    listed = {int(first or second) for first, second in LISTED.findall(text)} | set(given)
    if not marks:
        return (None, "perhaps sources") if SOURCED.search(text) else (False, "no sources")
    lost = sorted(marks - listed)
    if lost and not re.search(r"https?://|www\.|\bdoi\b", text):
        return False, f"[{lost[0]}] refers to nothing"
    return (None if lost else True), "sources"


def _schema(schema: Mapping[str, Any] | bool, text: str) -> tuple[bool | None, str]:
    from jsonschema import SchemaError, ValidationError, validators  # type: ignore[import-untyped]
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    try:
        data = json.loads(unfenced(text))
    except (ValueError, RecursionError):
        return False, "no JSON"
    try:
        # An empty registry: a schema that refers to an address is not fetched.
        validators.validator_for(schema)(schema, registry=Registry()).validate(data)
    except ValidationError as error:
        return False, f"{error.json_path}: {error.message[:200]}"
    except (SchemaError, Unresolvable, RecursionError, re.error) as error:
        return None, f"the schema cannot be used: {type(error).__name__}"
    return True, "fits the schema"


def _regex(pattern: str, text: str) -> tuple[bool | None, str]:
    found = re.search(pattern, text.strip()) is not None
    return found, f"{'matches' if found else 'does not match'} {pattern}"


KINDS: Mapping[str, Callable[[Any, str], tuple[bool | None, str]]] = {
    "words": _words,
    "characters": _characters,
    "sentences": _sentences,
    "bullets": _bullets,
    "language": _language,
    "unit": _unit,
    "literal": _literal,
    "no_literal": _no_literal,
    "part": _part,
    "headings": _headings,
    "citations": _citations,
    "schema": _schema,
    "regex": _regex,
}
