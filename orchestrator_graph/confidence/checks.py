"""Deterministic checks of an answer against the form it was to have. Free, and decisive when they fail."""

import ast
import json
import re
from collections.abc import Callable

from orchestrator_graph.types import Evidence

__all__ = ["check", "normalise"]

NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?")
FENCE = re.compile(r"```[\w+-]*\n(.*?)```", re.DOTALL)
REFUSALS = re.compile(
    r"^\W*(i(?:'m| am)? (?:sorry|unable)|i can(?:not|'t) (?:help|assist|do|provide|comply)|as an ai)", re.IGNORECASE
)
LONGEST_WORD_ANSWER = 60


def _number(text: str) -> bool:
    return NUMBER.search(text) is not None


def _word(text: str) -> bool:
    return 0 < len(text.strip()) <= LONGEST_WORD_ANSWER or "\n" in text.strip()


def _yes_no(text: str) -> bool:
    return re.search(r"\b(yes|no|true|false)\b", text, re.IGNORECASE) is not None


def _json(text: str) -> bool:
    try:
        json.loads(unfenced(text))
    except ValueError:
        return False
    return True


def _code(text: str) -> bool:
    """Python must parse; other languages are only looked at for being there."""
    blocks = FENCE.findall(text)
    if "```python" not in text and "def " not in text:
        return bool(blocks) or bool(text.strip())
    try:
        ast.parse("\n".join(blocks) if blocks else text)
    except (SyntaxError, ValueError):
        return False
    return True


FORMS: dict[str, Callable[[str], bool]] = {
    "number": _number,
    "word": _word,
    "yes_no": _yes_no,
    "json": _json,
    "code": _code,
}


def unfenced(text: str) -> str:
    """The first fenced block, or the text itself."""
    found = FENCE.search(text)
    return (found.group(1) if found else text).strip()


def check(text: str, expects: str) -> tuple[Evidence, ...]:
    """Evidence from form alone; a decisive one settles that the answer cannot stand.

    >>> check("about five", "number")[0].decisive
    True
    """
    if not text.strip():
        return (Evidence("check: not empty", 0.0, "the answer is empty", decisive=True),)
    if REFUSALS.match(text):
        return (Evidence("check: no refusal", 0.0, "the model refused", decisive=True),)
    test = FORMS.get(expects)
    if test is None:
        return ()
    if not test(text):
        return (Evidence(f"check: {expects}", 0.0, f"a {expects} was expected", decisive=True),)
    return (Evidence(f"check: {expects}", 1.0, f"is a {expects}"),)


def normalise(text: str, expects: str = "text") -> str:
    """What two answers must share to count as the same.

    >>> normalise(" The answer is 1,200. ", "number") == normalise("1200", "number")
    True
    """
    if expects == "number":
        numbers = NUMBER.findall(text)
        return f"{float(numbers[-1].replace(',', '')):g}" if numbers else text.strip().lower()
    if expects == "json":
        try:
            return json.dumps(json.loads(unfenced(text)), sort_keys=True)
        except ValueError:
            return text.strip()
    return re.sub(r"[\s.,;:!?\"'`*]+", " ", text).strip().lower()
