"""The structural planner: cuts a compound task into subtasks by its own punctuation and words. Needs no model.

It only cuts where every piece is surely an order or a question by itself. Wherever a piece may be a remark on another
one, a condition, or text that the user brought along, it says nothing and the task stays whole.
"""

import re
from dataclasses import dataclass

from orchestrator_graph.nodes.vocabulary import MODIFIERS, REMARKS, VERBS

__all__ = ["Piece", "cut"]

QUESTION = re.compile(r"^(what|which|who|when|where|why|how|is|are|does|do|can|was|were|will|should)\b", re.IGNORECASE)
NAMED = re.compile(r"\d|[A-Z]\w")
"""What gives a later question content of its own: a name or a number."""
POLITE = re.compile(
    r"^(?:please|kindly|and|also|now|next|finally|first|second|third|lastly|could you|can you)[,:]?\s+", re.IGNORECASE
)
AFTER = r"(?:and then|then|after that|afterwards|next|finally)"
BESIDE = r"(?P<beside>meanwhile|in parallel|separately|at the same time)|besides|also"
JOINT = re.compile(
    rf"\s{{0,2}}(?:[;.,]\s*(?:and\s+)?(?P<after>{AFTER})[,:]?\s+|[;.,]\s*(?:and\s+)?(?:{BESIDE})[,:]?\s+"
    rf"|\s(?P<after2>and then|then)\s+|;\s+|(?<=\?)\s+)",
    re.IGNORECASE,
)
ITEM = re.compile(r"(?:^|\n)[ \t]*(?:\(?\d{1,2}[.)]|step \d{1,2}[:.])\s+", re.IGNORECASE)
DO = (
    r"(?:do|answer|complete|solve|work through|carry out|perform) (?:all |each )?(?:of )?(?:the following|these)"
    r"(?: (?:tasks?|steps|questions|things|problems|sums|exercises|points))?"
)
BARE_DO = re.compile(DO, re.IGNORECASE)
SOME_DO = re.compile(rf"(?:(?:with|given|using|based on|for|from)\b[^,]*, )?{DO}\b", re.IGNORECASE)
BACK = re.compile(
    r"\b(?:the (?:result|answer|output|outcome)(?: of (?:step |subtask |task |number |no\. )?"
    r"(?P<id>\d{1,2})(?!,? (?:and|or) \d))?|(?:result|answer|output) (?P<id2>\d{1,2})"
    r"|the previous (?:result|answer|output)|that (?:result|answer|number|word))\b"
    r"(?=\W*$|[.,;!?)]|\s(?:by|and|or|in|into|from|to|with|as|on|for|at|than|backwards)\b)",
    re.IGNORECASE,
)
PRONOUN = re.compile(
    r"\b(it|its|this|that|these|those|he|she|him|his|hers?|they|them|theirs?|one|what about|how about"
    r"|the (?:result|answer|output|outcome)(?! of\b))\b",
    re.IGNORECASE,
)
UNSURE = re.compile(
    r"\b(?:your|each|both|all of|above|previous|earlier|former|latter|respectively|steps? \d+|only|write (?:in|with|as)"
    r"|(?:result|answer|output) of (?:step )?\d+|results|answers|outputs)\b",
    re.IGNORECASE,
)
"""What a later piece may say of more pieces than the one before it, or of the answer as a whole."""
SUBORDINATE = re.compile(
    r"\b(?:how|what|that(?! (?:result|answer|number|word))|which|who|whose|where|when|while|why|if|whether|once|until"
    r"|unless|because|as|i|we|you|to (?!(?:the|a|an|my|our|this|that|its?|each)\b)(?-i:[a-z]+))\b",
    re.IGNORECASE,
)
"""A `then` behind these belongs to what the task is about, not to the order of work."""
FENCED = re.compile(r"```.*?```", re.DOTALL)
PROTECTED = re.compile(
    r"```.*?```|`[^`]*`|\"[^\"]*\"|“[^”]*”|„[^“”]*[“”]|«[^»]*»|\u2018[^\u2019]*\u2019|(?<!\w)'[^'\n]*'(?!\w)"
    r"|\([^)]*\)|\[[^\]]*\]",
    re.DOTALL,
)
PAYLOAD = re.compile(r"(?<!\d):|:(?!\d)|[\n\"“„«`\u2013\u2014]|[a-z]{2} - |[.!]\s")
"""Text of the user's own, or more than one sentence: nothing beside it is surely an order."""
SENTENCE = re.compile(r"(?<=[.!?:])\s+|\n")


@dataclass(frozen=True, slots=True)
class Piece:
    """One subtask as cut: its brief (`{1}` = answer of 1) and the ids that it needs."""

    brief: str
    needs: tuple[str, ...]


def cut(text: str) -> list[Piece]:
    """Two or more pieces in order, or an empty list where the text does not surely fall apart by itself.

    >>> [(p.brief, p.needs) for p in cut("Reverse lantern, then count the letter n in the result; also add 1 and 2")]
    [('Reverse lantern', ()), ('Count the letter n in {1}', ('1',)), ('Add 1 and 2', ())]
    """
    preamble, clauses = _items(text) or ("", _clauses(text))
    if len(clauses) < 2:
        return []
    pieces: list[Piece] = []
    context = bool(preamble)
    for clause, joint in clauses:
        brief = _tidy(clause)
        piece = _piece(brief, len(pieces), joint, context)
        if piece is None:
            return []
        pieces.append(Piece(preamble + piece.brief, piece.needs))
        context = bool(preamble) or QUESTION.match(brief) is not None
    return pieces


def _items(text: str) -> tuple[str, list[tuple[str, str]]] | None:
    """A numbered list: (what every piece has to know, its items); None where there is none, no items when unsure."""
    marks = list(ITEM.finditer(_hide(FENCED, text)))
    if len(marks) < 2:
        return None
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    items = [(text[mark.end() : end].strip(), "item") for mark, end in zip(marks, ends, strict=True)]
    counted = [int("".join(filter(str.isdecimal, mark.group()))) for mark in marks] == list(range(1, len(marks) + 1))
    preamble = _preamble(text[: marks[0].start()].strip())
    if preamble is None or not counted or "\n" in items[-1][0]:
        return "", []
    return preamble, items


def _preamble(before: str) -> str | None:
    """What stands before a list, as every piece needs it; None where the list may be what another order is about."""
    if not before:
        return ""
    *earlier, last = [_tidy(sentence.rstrip(":")) for sentence in SENTENCE.split(before)]
    if SOME_DO.match(last) is None or any(_asks_or_orders(sentence) for sentence in earlier):
        return None
    return "" if not earlier and BARE_DO.fullmatch(last) else before + "\n\n"


def _clauses(text: str) -> list[tuple[str, str]]:
    """Clauses with the kind of joint before each; none where a joint may not be one."""
    hidden = _hide(PROTECTED, text)
    joints = list(JOINT.finditer(hidden))
    starts = [0, *(joint.end() for joint in joints)]
    ends = [*(joint.start() for joint in joints), len(text.rstrip())]
    kinds = ["first", *map(_kind, joints)]
    for start, end, following in zip(starts, ends, [*kinds[1:], ""], strict=True):
        clause = hidden[start:end].strip()
        then = following == "then" and (QUESTION.match(_tidy(clause)) or SUBORDINATE.search(_tidy(clause)))
        if then or PAYLOAD.search(clause):
            return []
    clauses = [(text[start:end], kind) for start, end, kind in zip(starts, ends, kinds, strict=True)]
    return [(clause, kind) for clause, kind in clauses if clause.strip(" .;,\n")]


def _kind(joint: re.Match[str]) -> str:
    if joint.group("after") or joint.group("after2"):
        return "then"
    if joint.group("beside"):
        return "beside"
    return "question" if joint.string[: joint.start()].endswith("?") else "loose"


def _hide(pattern: re.Pattern[str], text: str) -> str:
    return pattern.sub(lambda match: "\x00" * len(match.group()), text)


def _tidy(clause: str) -> str:
    plain = clause.strip().strip(";,").strip()
    while POLITE.match(plain):
        plain = POLITE.sub("", plain, count=1)
    if plain.endswith(".") and plain.count(".") == 1:
        plain = plain[:-1]
    return plain[:1].upper() + plain[1:]


def _asks_or_orders(brief: str) -> bool:
    first = re.match(r"[A-Za-z]+", brief)
    return first is not None and (first.group().lower() in VERBS or QUESTION.match(brief) is not None)


def _stands_alone(brief: str, joint: str, refers: bool) -> bool:
    """Whether a brief is a task with content of its own and not a remark on the one before it."""
    first, asks = brief.split(" ")[0].lower().rstrip("?,"), brief.endswith("?")
    if not _asks_or_orders(brief) or (first in MODIFIERS and not asks) or (joint == "loose" and first in REMARKS):
        return False
    if joint == "question" and not (asks and QUESTION.match(brief) and NAMED.search(brief, 1)):
        return False
    words = [word for word in re.findall(r"\w{2,}|\d", brief.lower()) if word not in {"an", "the", "why", "how"}]
    return refers or len(words) >= (3 if joint == "question" else 2)


def _piece(brief: str, position: int, joint: str, context: bool) -> Piece | None:
    """The brief with placeholders for earlier results; None where it may mean something else.

    `context`: a pronoun may stand for something in a question or preamble before it, not for the answer.
    """
    text, needs = _place(brief, position)
    pronoun = position > 0 and not needs and PRONOUN.search(brief) is not None
    if not _stands_alone(brief, joint, pronoun or bool(needs)) or (pronoun and context):
        return None
    if position and UNSURE.search(text):
        return None
    return Piece(text, needs or ((str(position),) if pronoun or joint == "then" else ()))


def _place(brief: str, position: int) -> tuple[str, tuple[str, ...]]:
    """Placeholders for references to earlier results; one to a result that is not there yet stays as it is."""
    needs: list[str] = []

    def place(match: re.Match[str]) -> str:
        wanted = int(match.group("id") or match.group("id2") or position)
        if not 0 < wanted <= position:
            return match.group()
        needs.append(str(wanted))
        return "{" + str(wanted) + "}"

    return BACK.sub(place, brief), tuple(dict.fromkeys(needs))
