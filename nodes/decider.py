"""Asks a deciding model about the candidates before a decision. Its failure is no belief, never an error.

A model of the portfolio is asked through the gateway. An object shaped like LangChain's `BaseDecisionModel` is asked as
it is (`oracle.py`), under the same rules: privacy, budget, deadline, bill.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isfinite
from typing import Any

from langchain_core.messages import HumanMessage

from orchestrator_graph.nodes.io import Io, call_record
from orchestrator_graph.nodes.oracle import consult
from orchestrator_graph.nodes.question import (
    LETTERS,
    described,
    figured,
    prompt,
    read_choice,
    read_scores,
    read_yes_no,
    schema,
)
from orchestrator_graph.routing.constraints import feasible
from orchestrator_graph.routing.decide import estimate
from orchestrator_graph.routing.decider import ASKED_N, Decider
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Attempt, Candidate, Subtask

__all__ = ["ask_decider", "decided"]

Answers = dict[str, tuple[float, int]]
WORD_TOKENS, LIST_TOKENS, THINKING_TOKENS = 24, 96, 600


async def decided(
    io: Io, task: Mapping[str, Any], subtask: Subtask, now: Situation
) -> tuple[Situation, dict[str, dict[str, Any]]]:
    """The situation with a deciding model's answers, and the calls; both unchanged and empty where there is none."""
    policy = io.policy(task)
    if policy.pin or not any(isinstance(estimator, Decider) for estimator in io.services.estimators):
        return now, {}
    portfolio = await io.portfolio()
    now = replace(now, portfolio=portfolio)
    models, _ = feasible(portfolio, subtask.features, policy, now)
    answers, attempts = await ask_decider(io, task, subtask, [Candidate.single(spec.id) for spec in models], now)
    calls: dict[str, dict[str, Any]] = {}
    for attempt in attempts:
        calls |= call_record(attempt)
    return replace(now, answers=answers), calls


async def ask_decider(
    io: Io, task: Mapping[str, Any], subtask: Subtask, candidates: Sequence[Candidate], now: Situation
) -> tuple[Answers, list[Attempt]]:
    """Candidate id -> (probability that it is right, n), for at most eight of them, and the calls that it took.

    Args:
        io: Effects and services, among whose estimators the `Decider` is.
        task: The run's task.
        subtask: What is to be decided.
        candidates: Single models.
        now: The situation, with its portfolio.

    Raises:
        RegistryError: The decider names a model that is not in the portfolio.
    """
    decider = next((e for e in io.services.estimators if isinstance(e, Decider)), None)
    asked = candidates[: len(LETTERS)]
    if decider is None or len(asked) < 2:
        return {}, []
    lines = _lines(io, decider, subtask, asked, now)
    if not isinstance(decider.model, str):
        said, attempt = await consult(io, decider, await io.lease(task), subtask, lines)
        attempts = [attempt]
    elif decider.ask == "yes_no":
        attempts = await io.gather([_call(io, decider, task, subtask, [line], now) for line in lines])
        said = {i: p for i, attempt in enumerate(attempts) if (p := read_yes_no(attempt)) is not None}
    else:
        attempts = [await _call(io, decider, task, subtask, lines, now)]
        read = read_scores(attempts[0], len(asked)) if decider.ask == "score" else None
        said = dict(enumerate(read_choice(attempts[0], len(asked)))) if read is None else read
    answers = {asked[i].id: (min(1.0, max(0.0, p)), ASKED_N) for i, p in said.items() if isfinite(p)}
    io.emit("decider", subtask=subtask.id, answers={name: p for name, (p, _) in answers.items()})
    return answers, attempts


def _lines(io: Io, decider: Decider, subtask: Subtask, asked: Sequence[Candidate], now: Situation) -> list[str]:
    """What the question says of each candidate."""
    if decider.style == "descriptions":
        return [described(now.portfolio[candidate.members[0].model]) for candidate in asked]
    others = [e for e in io.services.estimators if not isinstance(e, Decider)]
    return [figured(e, subtask.features.task_type) for e in estimate(subtask.features, asked, now, others)]


async def _call(
    io: Io, decider: Decider, task: Mapping[str, Any], subtask: Subtask, lines: list[str], now: Situation
) -> Attempt:
    """One question to a model of the portfolio. A word that was cut off behind the answer is no failure."""
    spec = now.portfolio.get(decider.model)
    room = LIST_TOKENS if decider.ask == "score" else WORD_TOKENS
    attempt = await io.call(
        decider.model,
        [HumanMessage(prompt(decider.ask, subtask.features.text, lines))],
        task,
        subtask,
        purpose="decide",
        max_tokens=THINKING_TOKENS if spec is not None and spec.has("reasoning") else room,
        logprobs=decider.ask != "score",
        json_schema=schema(decider.ask, len(lines)),
    )
    if attempt.failure is None:
        return attempt
    cut = attempt.failure.kind == "length" and attempt.text.strip()
    return replace(attempt, failure=None) if cut else replace(attempt, text="", logprobs=())
