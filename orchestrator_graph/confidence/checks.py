"""Deterministic checks of an answer against the form it was to have. Free, and decisive when they fail."""

import json
import re
import textwrap
from collections.abc import Callable, Sequence

from orchestrator_graph.confidence.fulfilment import fulfils
from orchestrator_graph.confidence.normalise import NUMBER, YES_NO, normalise, unfenced
from orchestrator_graph.confidence.requirements import Requirement
from orchestrator_graph.confidence.syntax import tree_of
from orchestrator_graph.types import Evidence

__all__ = ["check"]

NUMERAL = re.compile(
    r"\b(?:zero|one|once|two|twice|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|twenty|thirty|forty"
    r"|fifty|sixty|seventy|eighty|ninety|hundred|thousand|million|billion|dozen|half|none|no|not|never"
    r"|infinit\w*|undefined|pi|pair|couple|single|both|null|kein\w*|eins?|zwei|drei|vier|fünf|sechs|sieben|acht|neun"
    r"|zehn|elf|zwölf|hundert|tausend|zéro|aucune?|une?|deux|trois|quatre|cinq|sept|huit|neuf|dix|onze|douze|cent|mille"
    r"|cero|ningun[oa]|una?|uno|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|doce|cien|mil|nessun[oa]?|due|tre"
    r"|quattro|cinque|sei|sette|otto|nove|dieci|undici|dodici|cento)s?\b|[\u0370-\u1fff\u221e\u2e80-\uffff]",
    re.IGNORECASE,
)
"""Numbers in words, what stands for one, and scripts whose words are not known here."""
HEDGE = re.compile(r"\W*(?:(?:perhaps|maybe|possibly)\W*|\d[\d\W]*)", re.IGNORECASE)
PYTHON = re.compile(r"```py(?:thon)?[ \t]*\n(.*?)```", re.DOTALL | re.IGNORECASE)
SESSION = re.compile(r"^[ \t]*(?:>>>|[!%])", re.MULTILINE)
REFUSALS = re.compile(
    r"^\W*(?:(?:i'm |i am )?(?:(?:so|very|really) )?sorry(?: |\b[^.!?\n]*[.,;:]\s*)(?:but )?)?"
    r"(?:as an ai\b[^.!?\n]*?\b)?i(?:'m| am)? ?(?:can'?t|can ?not|won'?t|will not|unable to|not able to)"
    r" (?:help|assist|comply|provide|fulfil|answer|do|write|create|generate|produce|discuss|share|continue|access)\b",
    re.IGNORECASE,
)
SHORT_ANSWER = 60
PASSED_ON = frozenset({"translation", "text"})


def _number(text: str) -> bool | None:
    if NUMBER.search(text):
        return True
    return None if NUMERAL.search(text) or any(map(str.isnumeric, text)) else False


def _word(text: str) -> bool | None:
    return len(text.strip()) <= SHORT_ANSWER or None


def _yes_no(text: str) -> bool | None:
    return True if YES_NO.search(text) else False if HEDGE.fullmatch(text) else None


def _json(text: str) -> bool:
    try:
        json.loads(unfenced(text))
    except (ValueError, RecursionError):
        return False
    return True


def _code(text: str) -> bool | None:
    """Blocks marked as Python must parse, at least one of them; sessions and other languages are not judged."""
    blocks = [textwrap.dedent(block) for block in PYTHON.findall(text)]
    if not blocks or any(SESSION.search(block) for block in blocks):
        return None
    return any(tree_of(block) is not None for block in blocks)


def _choice(text: str) -> bool | None:
    return normalise(text, "choice").isupper() or None


FORMS: dict[str, Callable[[str], bool | None]] = {
    "number": _number,
    "word": _word,
    "yes_no": _yes_no,
    "json": _json,
    "code": _code,
    "choice": _choice,
}
"""Whether an answer has its form; `None` where that cannot be told for sure."""


def check(
    text: str, expects: str, requirements: Sequence[Requirement] = (), task_type: str = ""
) -> tuple[Evidence, ...]:
    """Evidence from form and requirements alone; a decisive one settles that the answer cannot stand.

    Nothing is said of what is not sure: where words are only passed on (`translation`, `text`), "I cannot continue" may
    be the answer.

    >>> check("a great many", "number")[0].decisive, check("about five", "number")
    (True, ())
    >>> check("Two words.", "text", [Requirement("words", (None, 1))])[0].detail
    '2 words, at most 1 wanted'
    """
    if not text.strip():
        return (Evidence("check: not empty", 0.0, "the answer is empty", decisive=True),)
    if task_type not in PASSED_ON and REFUSALS.match(text.replace("\u2019", "'")):
        return (Evidence("check: no refusal", 0.0, "the model refused", decisive=True),)
    return (*_form(text, expects), *(item for one in requirements for item in _required(text, one)))


def _form(text: str, expects: str) -> tuple[Evidence, ...]:
    passed = FORMS[expects](text) if expects in FORMS else None
    if passed is None:
        return ()
    if not passed:
        return (Evidence(f"check: {expects}", 0.0, f"a {expects} was expected", decisive=True),)
    return (Evidence(f"check: {expects}", 1.0, f"is a {expects}"),)


def _required(text: str, requirement: Requirement) -> tuple[Evidence, ...]:
    passed, detail = fulfils(requirement, text)
    if passed is None:
        return ()
    return (Evidence(f"check: {requirement.kind}", float(passed), detail, decisive=not passed),)
