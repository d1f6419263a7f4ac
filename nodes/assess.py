"""Asking a model what another model's answer is worth. One plain prompt; uncalibrated, and the evidence says so."""

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from langchain_core.messages import HumanMessage

from orchestrator_graph.nodes.io import Io
from orchestrator_graph.nodes.situation import situation
from orchestrator_graph.policy import Policy
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.routing.decide import decide
from orchestrator_graph.types import Attempt, Evidence, Subtask

__all__ = ["ask_judge"]

ONE_CALL = Policy(strategy="route", pin=None, explore=0.0, canary={}, trial={})
PROMPT = (Path(__file__).parent / "judge_prompt.txt").read_text(encoding="utf-8")
SCORE = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d+)?(?!\d)")
SCORE_TOKENS, THINKING_TOKENS = 24, 600


async def ask_judge(
    io: Io, task: Mapping[str, Any], subtask: Subtask, question: str, answer: str, authors: set[str]
) -> tuple[Evidence | None, Attempt | None]:
    """Evidence from a model that did not write the answer, and the call; nothing where no other model may judge."""
    portfolio = await io.portfolio()
    eligible = Portfolio(s for s in portfolio.values() if s.id not in authors and not s.has("narrow"))
    policy = io.policy(task).overlaid(ONE_CALL)
    features = dataclasses.replace(subtask.features, task_type="judge", expects="number")
    now = await situation(io, task, private=subtask.private, context_bytes=len(PROMPT) + len(answer))
    decision = decide(subtask.id, features, eligible, policy, now)
    if not decision.ranking:
        return None, None
    model = decision.ranking[0].candidate.id
    room = THINKING_TOKENS if portfolio[model].has("reasoning") else SCORE_TOKENS
    text = PROMPT.replace("{task}", question).replace("{answer}", answer)
    attempt = await io.call(
        model, [HumanMessage(text)], task, subtask, purpose="judge", max_tokens=room, logprobs=False
    )
    score = read_score(attempt.text) if attempt.ok else None
    if score is None:
        reason = attempt.failure.kind if attempt.failure else "gave no number"
        return Evidence("judge failed", 0.5, f"{model}: {reason}"), attempt
    return Evidence("judge", score, f"{model} says {score:.2f} (uncalibrated)"), attempt


def read_score(text: str) -> float | None:
    """The probability that a judge wrote: its last number, in percent, or as a fraction below 1.

    >>> read_score("On a scale from 0 to 100: 85."), read_score("0.95"), read_score("fine")
    (0.85, 0.95, None)
    """
    numbers = SCORE.findall(text)
    if not numbers:
        return None
    value = float(numbers[-1])
    share = value if "." in numbers[-1] and value <= 1 else value / 100
    return share if share <= 1 else None
