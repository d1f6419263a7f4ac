"""Fusion: one model writes a single answer from those of a panel (mixture of agents, Wang et al. 2024)."""

import re
import secrets
from collections.abc import Sequence
from pathlib import Path

from langchain_core.messages import AnyMessage, HumanMessage

__all__ = ["fusion_prompt"]

PROMPT = (Path(__file__).parent / "fuse_prompt.txt").read_text(encoding="utf-8")


def fusion_prompt(asked: Sequence[AnyMessage], answers: Sequence[str]) -> list[AnyMessage]:
    """What the writer is given: what the panel was asked, and its answers between marks that none can have known.

    >>> len(fusion_prompt([HumanMessage("Add 2 and 2")], ["4", "5"]))
    2
    """
    mark = secrets.token_hex(8)
    told = "\n\n".join(f"[{mark}] answer {n}\n{text.strip()}\n[/{mark}]" for n, text in enumerate(answers, 1))
    # In one pass: an answer that looks like a place to fill is not one.
    text = re.sub(r"\{(mark|answers)\}", lambda found: {"mark": mark, "answers": told}[found.group(1)], PROMPT)
    return [*asked, HumanMessage(text)]
