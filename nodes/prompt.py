"""A subtask's prompt: system message, last turns that fit, brief, answers it depends on, the form that is wanted."""

import re
from collections.abc import Sequence

from langchain_core.messages import AnyMessage, HumanMessage, SystemMessage

from orchestrator_graph.registry.spec import ModelSpec
from orchestrator_graph.types import Subtask

__all__ = ["fill", "prompt_for"]

FORMS = {
    "number": "Answer with the number only.",
    "word": "Answer with the result only.",
    "yes_no": "Answer with yes or no only.",
    "json": "Answer with JSON only.",
}
INLINE_CHARS = 200
HISTORY_SHARE = 0.5


def fill(brief: str, answers: dict[str, str], inline_all: bool = False) -> str:
    """The brief with earlier answers in place; long ones follow below it.

    >>> fill("Count the letter n in {1}", {"1": "nretnal"})
    'Count the letter n in nretnal'
    """
    below: list[str] = []
    used: set[str] = set()

    def place(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in answers:
            return match.group()
        used.add(name)
        answer = answers[name].strip()
        if inline_all or (len(answer) <= INLINE_CHARS and "\n" not in answer):
            return answer
        below.append(name)
        return f"the result of step {name}"

    text = re.sub(r"\{(\w{1,8})\}", place, brief)
    below += [name for name in answers if name not in used]
    if not below:
        return text
    if inline_all:
        return f"{text} {' '.join(answers[name].strip() for name in below)}"
    parts = [f"Result of step {name}:\n{answers[name].strip()}" for name in below]
    return "\n\n".join([text, *parts])


def prompt_for(
    spec: ModelSpec,
    subtask: Subtask,
    answers: dict[str, str],
    conversation: Sequence[AnyMessage],
    *,
    alone: bool,
    system_prompt: str = "",
) -> list[AnyMessage]:
    """Messages for one model. A narrow model gets the bare brief; a task left whole is passed on as it came."""
    if spec.has("narrow"):
        return [HumanMessage(fill(subtask.brief, answers, inline_all=True))]
    last = next((i for i in range(len(conversation) - 1, -1, -1) if conversation[i].type == "human"), 0)
    head: list[AnyMessage] = [SystemMessage(system_prompt)] if system_prompt else []
    history = _recent(conversation[:last], spec)
    if alone:
        return [*head, *history, conversation[last]]
    brief = fill(subtask.brief, answers)
    form = FORMS.get(subtask.features.expects)
    return [*head, *history, HumanMessage(f"{brief}\n\n{form}" if form else brief)]


def _recent(history: Sequence[AnyMessage], spec: ModelSpec) -> list[AnyMessage]:
    """System messages and the last turns that fill at most half of the context."""
    room = None if spec.context is None else spec.context * spec.bytes_per_token * HISTORY_SHARE
    kept: list[AnyMessage] = []
    for message in reversed(history):
        size = len(str(message.content).encode())
        if room is not None and message.type != "system":
            room -= size
            if room < 0:
                continue
        kept.append(message)
    return kept[::-1]
