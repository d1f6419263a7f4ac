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
from orchestrator_graph.registry.spec import Portfolio
from orchestrator_graph.routing.decide import decide
from orchestrator_graph.types import Attempt, Evidence, Subtask

__all__ = ["ask_judge"]

ONE_CALL = Policy(strategy="route", pin=None, explore=0.0)
PROMPT = (Path(__file__).parent / "judge_prompt.txt").read_text(encoding="utf-8")
SCORE = re.compile(r"(?<![\d.])(100|\d{1,2})(?:\.\d+)?(?![\d.])")


async def ask_judge(
    io: Io, task: Mapping[str, Any], subtask: Subtask, answer: str, authors: set[str]
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
    text = PROMPT.replace("{task}", subtask.brief).replace("{answer}", answer)
    attempt = await io.call(model, [HumanMessage(text)], task, subtask, purpose="judge", max_tokens=16, logprobs=False)
    found = SCORE.search(attempt.text) if attempt.ok else None
    if found is None:
        reason = attempt.failure.kind if attempt.failure else "gave no number"
        return Evidence("judge failed", 0.5, f"{model}: {reason}"), attempt
    return Evidence("judge", int(found.group(1)) / 100, f"{model} says {found.group(1)} of 100 (uncalibrated)"), attempt
