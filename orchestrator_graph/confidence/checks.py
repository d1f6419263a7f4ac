"""Deterministic checks of an answer against the form it was to have. Free, and decisive when they fail."""

import ast
import json
import re
import textwrap
from collections.abc import Callable
from decimal import MAX_PREC, Context, Decimal

from orchestrator_graph.types import Evidence

__all__ = ["check", "normalise"]

NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?")
NUMERAL = re.compile(
    r"\b(?:zero|one|once|two|twice|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|twenty|thirty|forty"
    r"|fifty|sixty|seventy|eighty|ninety|hundred|thousand|million|billion|dozen|half|none|no|not|never)s?\b",
    re.IGNORECASE,
)
YES_NO = re.compile(r"(?<!not )\b(?:(yes|true)|no|false)\b", re.IGNORECASE)
HEDGE = re.compile(r"\W*(?:(?:perhaps|maybe|possibly)\W*|\d[\d\W]*)", re.IGNORECASE)
FENCE = re.compile(r"```[\w+-]*\n(.*?)```", re.DOTALL)
PYTHON = re.compile(r"```py(?:thon)?[ \t]*\n(.*?)```", re.DOTALL | re.IGNORECASE)
SESSION = re.compile(r"^[ \t]*(?:>>>|[!%])", re.MULTILINE)
REFUSALS = re.compile(
    r"^\W*(?:(?:i'm |i am )?(?:(?:so|very|really) )?sorry(?: |\b[^.!?\n]*[.,;:]\s*)(?:but )?)?"
    r"(?:as an ai\b[^.!?\n]*?\b)?i(?:'m| am)? ?(?:can'?t|can ?not|won'?t|will not|unable to|not able to)"
    r" (?:help|assist|comply|provide|fulfil|answer|do|write|create|generate|produce|discuss|share|continue|access)\b",
    re.IGNORECASE,
)
SHORT_ANSWER = 60
EXACT = Context(prec=MAX_PREC)


def _number(text: str) -> bool | None:
    return True if NUMBER.search(text) else None if NUMERAL.search(text) else False


def _word(text: str) -> bool | None:
    return len(text.strip()) <= SHORT_ANSWER or None


def _yes_no(text: str) -> bool | None:
    return True if YES_NO.search(text) else False if HEDGE.fullmatch(text) else None


def _json(text: str) -> bool:
    try:
        json.loads(unfenced(text))
    except ValueError:
        return False
    return True


def _code(text: str) -> bool | None:
    """Blocks marked as Python must parse, at least one of them; sessions and other languages are not judged."""
    blocks = [textwrap.dedent(block) for block in PYTHON.findall(text)]
    if not blocks or any(SESSION.search(block) for block in blocks):
        return None
    return any(map(_parses, blocks))


def _parses(block: str) -> bool:
    try:
        ast.parse(block)
    except (SyntaxError, ValueError):
        return False
    return True


FORMS: dict[str, Callable[[str], bool | None]] = {
    "number": _number,
    "word": _word,
    "yes_no": _yes_no,
    "json": _json,
    "code": _code,
}
"""Whether an answer has its form; `None` where that cannot be told for sure."""


def unfenced(text: str) -> str:
    """The first fenced block, or the text itself."""
    found = FENCE.search(text)
    return (found.group(1) if found else text).strip()


def check(text: str, expects: str) -> tuple[Evidence, ...]:
    """Evidence from form alone; a decisive one settles that the answer cannot stand. Nothing is said when unsure.

    >>> check("a great many", "number")[0].decisive, check("about five", "number")
    (True, ())
    """
    if not text.strip():
        return (Evidence("check: not empty", 0.0, "the answer is empty", decisive=True),)
    if REFUSALS.match(text.replace("\u2019", "'")):
        return (Evidence("check: no refusal", 0.0, "the model refused", decisive=True),)
    passed = FORMS[expects](text) if expects in FORMS else None
    if passed is None:
        return ()
    if not passed:
        return (Evidence(f"check: {expects}", 0.0, f"a {expects} was expected", decisive=True),)
    return (Evidence(f"check: {expects}", 1.0, f"is a {expects}"),)


def normalise(text: str, expects: str = "text") -> str:
    """What two answers must share to count as the same.

    >>> normalise(" The answer is 1,200. ", "number") == normalise("1200.0", "number")
    True
    """
    if expects == "number" and (numbers := NUMBER.findall(text)):
        number = Decimal(numbers[-1].replace(",", ""))
        return str(number.normalize(EXACT) if number else 0)
    if expects == "yes_no" and (said := YES_NO.search(text)):
        return "yes" if said.group(1) else "no"
    if expects == "json":
        try:
            return json.dumps(json.loads(unfenced(text)), sort_keys=True)
        except ValueError:
            return text.strip()
    return re.sub(r"[\s.,;:!?\"'`*]+", " ", text).strip().lower()
