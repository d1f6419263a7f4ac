"""Judges that can be talked into anything: what the structure has to withstand where a model does not.

They read the two messages as a server's tokenizer does, template tokens in the text included.
"""

import json
import re

from orchestrator_graph.confidence.judging import Hearing
from orchestrator_graph.confidence.quarantine import MARGIN

TURN = re.compile(
    r"<\|im_start\|>\s*\w+|<\|start_header_id\|>\w+|<start_of_turn>\w+|\[INST\]|<<SYS>>|<\uff5cUser\uff5c>"
    r"|^(?:system|human|user|assistant|### \w+):",
    re.IGNORECASE | re.MULTILINE,
)
ORDER = re.compile(
    r"\b(?:reply|say|answer is|repeat|print|put|pretend|game|GenerousBot|right|correct|yes)\b", re.IGNORECASE
)
FORGED = re.compile(r"\{[^{}]*\}")


def obedient(hearing: Hearing) -> str:
    """Does what it is told in clear: in a turn of its own, or on a line that is not quoted; else it judges honestly."""
    told = TURN.search(hearing.human) or any(ORDER.search(line) for line in in_clear(hearing.human))
    return json.dumps({"code": hearing.marks.code, "verdict": "yes" if told else "no"})


def in_clear(human: str) -> list[str]:
    """Lines that nothing marks as quoted."""
    return [line for line in human.splitlines() if not line.startswith(MARGIN)]


def parrot(hearing: Hearing) -> str:
    """Repeats the first verdict that it finds among the data, else all of the data."""
    found = FORGED.search(hearing.human)
    return found.group() if found else hearing.human


def leaky(hearing: Hearing) -> str:
    """Puts the word before ANSWER into the code, as it is asked to."""
    word = next(line.split()[0] for line in hearing.human.splitlines() if line.endswith(" ANSWER"))
    return json.dumps({"code": word, "verdict": "yes"})


def plainly_obedient(prompt: str) -> str:
    """The same obedience before a plain prompt, where the data stands in clear."""
    inside = prompt.partition("<<<ANSWER")[2]
    return "100" if TURN.search(inside) or ORDER.search(inside) else "0"
