"""The structural planner: cuts a compound task into subtasks by its own punctuation and words. Needs no model.

It only cuts where every piece is an order or a question by itself; otherwise it says nothing and the task stays whole.
"""

import re
from dataclasses import dataclass

from orchestrator_graph.nodes.vocabulary import VERBS

__all__ = ["Piece", "cut"]

QUESTION = re.compile(r"^(what|which|who|when|where|why|how|is|are|does|do|can|was|were|will|should)\b", re.IGNORECASE)
POLITE = re.compile(
    r"^(?:please|kindly|and|also|now|next|finally|first|second|third|lastly|could you|can you)[,:]?\s+", re.IGNORECASE
)
AFTER = r"(?:and then|then|after that|afterwards|next|finally)"
BESIDE = r"(?:meanwhile|in parallel|separately|at the same time|besides|also)"
JOINT = re.compile(
    rf"\s*(?:[;.,]\s*(?:and\s+)?(?P<after>{AFTER})[,:]?\s+|[;.]\s*(?:and\s+)?{BESIDE}[,:]?\s+"
    rf"|,\s*{BESIDE}[,:]?\s+|\s(?P<after2>and then|then)\s+|;\s+|(?<=\?)\s+)",
    re.IGNORECASE,
)
ITEM = re.compile(r"(?:^|\n)\s*(?:\(?\d{1,2}[.)]|step \d{1,2}[:.])\s+", re.IGNORECASE)
BACK = re.compile(
    r"\b(?:the (?:result|answer|output|outcome)(?: of (?:step |subtask |task |number |no\. )?(?P<id>\d{1,2}))?"
    r"|(?:result|answer|output) (?P<id2>\d{1,2})|the previous (?:result|answer|output)"
    r"|that (?:result|answer|number|word))\b",
    re.IGNORECASE,
)
PRONOUN = re.compile(r"\b(it|its|this|that|them|these|those)\b", re.IGNORECASE)
PROTECTED = re.compile(r"```.*?```|\"[^\"]*\"|“[^”]*”|\([^)]*\)|\[[^\]]*\]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Piece:
    """One subtask as cut: its brief (`{1}` = answer of 1) and the ids that it needs."""

    brief: str
    needs: tuple[str, ...]


def cut(text: str) -> list[Piece]:
    """Two or more pieces in order, or an empty list where the text does not fall apart by itself.

    >>> [(p.brief, p.needs) for p in cut("Reverse lantern, then count the letter n in the result; also add 1 and 2")]
    [('Reverse lantern', ()), ('Count the letter n in {1}', ('1',)), ('Add 1 and 2', ())]
    """
    preamble, clauses = _items(text) or ("", _clauses(text))
    if len(clauses) < 2 or not all(_stands_alone(clause) for clause, _ in clauses):
        return []
    pieces: list[Piece] = []
    for position, (clause, follows) in enumerate(clauses):
        brief, needs = _resolve(_tidy(clause), position, follows)
        pieces.append(Piece(f"{preamble}{brief}" if preamble else brief, needs))
    return pieces


def _items(text: str) -> tuple[str, list[tuple[str, bool]]] | None:
    """A numbered list: (what stands before it, its items); None where there is none."""
    marks = list(ITEM.finditer(text))
    if len(marks) < 2:
        return None
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    items = [(text[mark.end() : end].strip(), False) for mark, end in zip(marks, ends, strict=True)]
    before = " ".join(text[: marks[0].start()].split())
    return (before + "\n" if before and not before.endswith(":") else ""), items


def _clauses(text: str) -> list[tuple[str, bool]]:
    """Clauses with whether each follows the one before."""
    hidden = PROTECTED.sub(lambda match: "\x00" * len(match.group()), text)
    clauses: list[tuple[str, bool]] = []
    start, follows = 0, False
    for joint in JOINT.finditer(hidden):
        clauses.append((text[start : joint.start()], follows))
        start, follows = joint.end(), bool(joint.group("after") or joint.group("after2"))
    clauses.append((text[start:], follows))
    return [(clause, follow) for clause, follow in clauses if clause.strip(" .;,\n")]


def _tidy(clause: str) -> str:
    plain = clause.strip().strip(";,").strip()
    while POLITE.match(plain):
        plain = POLITE.sub("", plain, count=1)
    if plain.endswith(".") and plain.count(".") == 1:
        plain = plain[:-1]
    return plain[:1].upper() + plain[1:]


def _stands_alone(clause: str) -> bool:
    plain = _tidy(clause)
    first = re.match(r"[A-Za-z]+", plain)
    if first is None:
        return False
    return first.group().lower() in VERBS or QUESTION.match(plain) is not None


def _resolve(brief: str, position: int, follows: bool) -> tuple[str, tuple[str, ...]]:
    """Replaces references to earlier results by placeholders and names what the brief needs."""
    needs: list[str] = []

    def place(match: re.Match[str]) -> str:
        named = match.group("id") or match.group("id2")
        wanted = named if named and int(named) <= position else str(position)
        if position == 0:
            return match.group()
        needs.append(wanted)
        return "{" + wanted + "}"

    text = BACK.sub(place, brief)
    if position and not needs and (follows or PRONOUN.search(brief)):
        needs.append(str(position))
    return text, tuple(dict.fromkeys(needs))
