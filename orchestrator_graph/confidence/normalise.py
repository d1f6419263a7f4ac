"""What two answers must share to count as the same, by the form of the answer. Knows nothing of who gave them."""

import ast
import hashlib
import json
import re
from collections.abc import Callable
from decimal import MAX_PREC, Context, Decimal
from fractions import Fraction

from orchestrator_graph.confidence.syntax import canonical, tree_of

__all__ = ["NUMBER", "YES_NO", "fingerprint", "form_of", "normalise", "unfenced"]

NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d{1,3}\b)?")
FRACTION = re.compile(r"(?<![\d/.])(-?)(?:(\d{1,9}) )?(\d{1,9})\s?/\s?(\d{1,9})(?!\d|/|\.\d)")
LATEX_FRACTION = re.compile(r"\\[dt]?frac\{(-?\d{1,9})\}\{(\d{1,9})\}")
POWER_OF_TEN = re.compile(r"(?<=\d)\s*(?:[x\u00d7*]|\\times)\s*10\s*\^\s*\{?(-?\d{1,3})\}?")
SAID = re.compile(r"(?:\banswer\b(?: is|:)|####|\\boxed\{)[\s*$:({]*", re.IGNORECASE)
"""What models put before the answer that counts; what follows it goes before what comes last."""
GOES_ON = re.compile(r"\s*(?:[-+*/x\u00d7^=]\s*\d|(?:times|plus|minus|divided|percent of)\b|% of\b)")
YES_NO = re.compile(r"(?<!not )\b(?:(yes|true)|no|false)\b", re.IGNORECASE)
FENCE = re.compile(r"```[\w+-]*\n(.*?)```", re.DOTALL)
CHOICES = (
    re.compile(
        r"(?:\banswer\b|\boption\b|\bchoice\b)(?: is|:)[\s*:]*(?:option )?[*(\[]*"
        r"([A-J]\b(?!['\u2019][a-z])|[a-j](?=[)\].*]*\s*$))"
    ),
    re.compile(r"\\boxed\{(?:\\text\{)?\(?([A-J])\)?\}"),
    re.compile(r"^\W*([A-Ja-j])\W*$"),
    re.compile(r"^\W*([A-J])(?:[).:]|\*\*)(?!.{0,3}\b(?:or|and)\b)"),
)
BRACKETED = re.compile(r"\(([A-J])\)")
ITEM = re.compile(r"^[ \t]*(?:[-*\u2022\u2013+]|\d{1,3}[.)]|[a-z][.)])[ \t]+(.*\S)", re.MULTILINE)
EXACT = Context(prec=MAX_PREC)
COMPARED_WORDS = 12
"""Free text of more words is rarely said twice in the same words."""
FORMS_IN_ORDER = ("text", "number", "choice", "yes_no", "json", "code", "list", "set", "word")


def normalise(text: str, expects: str = "text") -> str:
    """What two answers must share to count as the same; text that has not the form is compared as text.

    Args:
        text: The answer.
        expects: `number` (by value), `choice` (a letter), `yes_no`, `json` (canonical), `code` (Python by its syntax
            tree, without comments, docstrings and layout), `list`, `set` (order and repetition do not count), else
            word for word without punctuation and case.

    >>> normalise(" The answer is 1,200. ", "number") == normalise("1200.0", "number")
    True
    >>> normalise("The answer is (B) because A is wrong.", "choice"), normalise("blue, red", "set")
    ('B', '["blue", "red"]')
    """
    found = READERS[expects](text) if expects in READERS else None
    return _plain(text) if found is None else found


def fingerprint(text: str, expects: str = "text") -> str:
    """16 hexadecimal digits of the normalised answer, `""` where it is too long to be compared word for word.

    The first digit says the form, so that what is learnt of coincidences can be kept apart by it (`form_of`).

    >>> fingerprint("It is 4.", "number") == fingerprint("4.0", "number"), fingerprint(" ".join("abcdefghijklm"))
    (True, '')
    """
    key = normalise(text, expects)
    compared = READERS.get(expects) or (lambda _: None)
    if not key or (compared(text) is None and len(key.split()) > COMPARED_WORDS):
        return ""
    form = expects if expects in FORMS_IN_ORDER else "text"
    return f"{FORMS_IN_ORDER.index(form):x}{hashlib.sha256(key.encode()).hexdigest()[:15]}"


def form_of(said: str) -> str:
    """The form that a fingerprint was made for.

    >>> form_of(fingerprint("4", "number"))
    'number'
    """
    return FORMS_IN_ORDER[int(said[0], 16)]


def unfenced(text: str) -> str:
    """The first fenced block, or the text itself."""
    found = FENCE.search(text)
    return (found.group(1) if found else text).strip()


def _plain(text: str) -> str:
    return re.sub(r"[\s.,;:!?\"'`*]+", " ", text).strip().lower()


def _number(text: str) -> str | None:
    """The number after "the answer is", else the last one; fractions and powers of ten by their value."""
    text = text.replace("\u2212", "-").replace("{,}", ",")
    text = POWER_OF_TEN.sub(r"e\1", LATEX_FRACTION.sub(r"\1/\2", text))
    said: list[str] = []
    for marker in SAID.finditer(text):
        found = _value(text, marker.end())
        said += [found[0]] if found is not None and not GOES_ON.match(text, found[1]) else []
    if said:
        return said[-1]
    starts = [match.start() for match in FRACTION.finditer(text)] + [match.start() for match in NUMBER.finditer(text)]
    ends = [found for found in (_value(text, start) for start in sorted(starts)) if found is not None]
    # The longest reading of what ends last: in 1/2 the 2 is no number of its own.
    last = max((end for _, end in ends), default=0)
    return next((value for value, end in ends if end == last), None)


def _value(text: str, start: int) -> tuple[str, int] | None:
    ratio = FRACTION.match(text, start)
    if ratio is not None and int(ratio.group(4)):
        sign, whole, above, below = ratio.groups()
        value = (Fraction(int(above), int(below)) + int(whole or 0)) * (-1 if sign else 1)
        return _decimal(value), ratio.end()
    plain = NUMBER.match(text, start)
    if plain is None:
        return None
    digits = plain.group()
    if "." not in digits and re.fullmatch(r"[-+]?\d+,(?:\d|\d\d)", digits):
        digits = digits.replace(",", ".")  # a decimal comma
    number = Decimal(digits.replace(",", ""))
    return str(number.normalize(EXACT) if number else 0), plain.end()


def _decimal(value: Fraction) -> str:
    """Written out where that ends, else as a fraction."""
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    if rest != 1:
        return str(value)
    number = Decimal(value.numerator) / Decimal(value.denominator)
    return str(number.normalize() if number else 0)


def _choice(text: str) -> str | None:
    for pattern in CHOICES:
        if found := pattern.findall(text):
            return str(found[-1]).upper()
    letters = set(BRACKETED.findall(text))
    return str(letters.pop()) if len(letters) == 1 else None


def _yes_no(text: str) -> str | None:
    said = YES_NO.search(text)
    return None if said is None else "yes" if said.group(1) else "no"


def _json(text: str) -> str | None:
    try:
        return json.dumps(json.loads(unfenced(text)), sort_keys=True)
    except (ValueError, RecursionError):
        return None


def _code(text: str) -> str | None:
    return canonical(unfenced(text)) or None


def _list(text: str) -> str | None:
    items = _items(text)
    return json.dumps(items, ensure_ascii=False) if items else None


def _set(text: str) -> str | None:
    items = _items(text)
    return json.dumps(sorted(set(items)), ensure_ascii=False) if items else None


def _items(text: str) -> list[str]:
    """The members of a written-out list: JSON or Python, else lines with marks, else what commas part."""
    bare = unfenced(text)
    if bare[:1] in "[({" and bare:
        body = getattr(tree_of(bare), "body", [])
        try:
            value = ast.literal_eval(body[0].value) if len(body) == 1 and isinstance(body[0], ast.Expr) else None
        except (ValueError, RecursionError, MemoryError, TypeError):
            value = None
        if isinstance(value, list | tuple | set):
            return [_plain(str(item)) for item in value]
    marked = ITEM.findall(bare)
    parts = marked or re.split(r",\s*(?:and |or )?|;\s*|\n+", bare.strip("[](){}. \n"))
    if not marked and len(parts) > 1 and not any(" and " in part for part in parts[:-1]):
        parts[-1:] = parts[-1].split(" and ")
    return [item for item in map(_plain, parts) if item]


READERS: dict[str, Callable[[str], str | None]] = {
    "number": _number,
    "choice": _choice,
    "yes_no": _yes_no,
    "json": _json,
    "code": _code,
    "list": _list,
    "set": _set,
}
"""The normal form of an answer that has its form, else `None`."""
