"""The fenced blocks of our Markdown pages, and what a comment above one says about it.

`<!-- skip: why -->` above a block: it is not run. `<!-- run -->` above shell: each line is run. `<!-- output -->` above
text: the block is what the Python before it prints, character for character.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
END = "\x1e"
"""Printed after each Python block, so that one run tells what each of them printed."""
FENCE = re.compile(
    r"(?:^<!-- (?P<mark>skip: [^\n]+?|run|output) -->\n+)?^```(?P<kind>\w*)\n(?P<code>.*?)^```",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Fence:
    """One block: its language, its text, the comment above it, and the line on which its text starts (from 0)."""

    kind: str
    code: str
    mark: str
    line: int

    @property
    def skipped(self) -> bool:
        return self.mark.startswith("skip: ")


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def fences(page: Path) -> Iterator[Fence]:
    """All blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    for found in FENCE.finditer(text):
        yield Fence(found["kind"], found["code"], found["mark"] or "", text.count("\n", 0, found.start("code")))


def python_of(page: Path) -> str:
    """All Python blocks of a page as one program whose line numbers are the page's."""
    lines: list[str] = []
    for fence in fences(page):
        if fence.kind == "python" and not fence.skipped:
            lines += [""] * (fence.line - len(lines)) + fence.code.splitlines() + [f"print({END!r}, end='')"]
    return "\n".join(lines)


def outputs_of(page: Path) -> list[tuple[int, str]]:
    """What is said to be printed: the number of the Python block (from 0), and the text."""
    said, number = [], -1
    for fence in fences(page):
        number += fence.kind == "python" and not fence.skipped
        if fence.mark == "output":
            said.append((number, fence.code))
    return said
