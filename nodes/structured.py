"""The answer in the form that was asked for: read from it where it has that form already, else by one routed call."""

import json
import re
import secrets
from dataclasses import replace
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage

from orchestrator_graph.nodes.failover import remaining
from orchestrator_graph.nodes.io import Io
from orchestrator_graph.nodes.shape import Shape
from orchestrator_graph.nodes.situation import situation
from orchestrator_graph.policy import Policy
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.routing.constraints import feasible
from orchestrator_graph.routing.decide import decide
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.state import State
from orchestrator_graph.types import Attempt, Candidate, Features, Subtask

__all__ = ["broad", "shaped_plan", "structured", "writers"]

ONE_CALL = Policy(strategy="route", ensemble="never", explore=0.0)
PROMPT = (Path(__file__).parent / "structure_prompt.txt").read_text(encoding="utf-8")
ANSWERS = 2
"""Answers that are read: the first one, and one repair."""


def broad(portfolio: Portfolio) -> Portfolio:
    """The models that can be told to write JSON."""
    return Portfolio(spec for spec in portfolio.values() if not spec.has("narrow"))


def writers(portfolio: Portfolio, features: Features, policy: Policy, *, private: bool) -> Portfolio:
    """The models that can be told to write JSON, where any of them may take the task; else nobody."""
    able, limit = broad(portfolio), policy.max_cost_usd
    now = Situation(private=private, left_nusd=None if limit is None else round(limit * 1e9))
    return able if feasible(able, features, policy, now)[0] else Portfolio(())


def shaped_plan(subtasks: list[Subtask], task: dict[str, Any], io: Io, portfolio: Portfolio) -> list[Subtask]:
    """The plan; a task left whole answers in the form itself, and `task["shaped"]` says so.

    Not with tools, whose loop has steps that are no answers, nor where only narrow models may take it.
    """
    services, policy = io.services, io.policy(task)
    if services.shape is None or services.toolbox or len(subtasks) > 1:
        return subtasks
    if not writers(portfolio, subtasks[0].features, policy, private=subtasks[0].private):
        return subtasks
    task["shaped"] = True
    return [replace(one, features=replace(one.features, expects="json")) for one in subtasks]


async def structured(state: State, io: Io, shape: Shape, text: str) -> tuple[dict[str, Any] | None, list[Attempt], str]:
    """JSON of the form, the calls that it took, and why there is none.

    Args:
        state: The parent graph's, every label raised.
        io: Effects.
        shape: The form.
        text: The answer.
    """
    failed = [name for name, result in state["results"].items() if result["status"] == "failed"]
    if failed:
        return None, [], f"no answer to subtask {', '.join(failed)}"
    value, problem = shape.read(text)
    if value is not None:
        return value, [], ""
    ranking = await _ranking(state, io, text)
    if not ranking:
        return None, [], f"the answer has not that form ({problem}), and no model may write it"
    return await _asked(state, io, shape, text, ranking)


def _whole(state: State) -> Subtask:
    subtasks = [Subtask.from_json(subtask) for subtask in state["subtasks"]]
    words = "; ".join(subtask.brief for subtask in subtasks)
    first = subtasks[0].features
    features = replace(first, text=words, task_type="extraction", expects="json", needs=(), tokens=len(words) // 4)
    return Subtask("structure", words, features, (), any(subtask.private for subtask in subtasks))


async def _ranking(state: State, io: Io, text: str) -> list[Candidate]:
    whole, policy = _whole(state), io.policy(state["task"]).overlaid(ONE_CALL)
    now = await situation(io, state["task"], private=whole.private, context_bytes=len(text.encode()) + len(PROMPT))
    decision = decide("structure", whole.features, broad(await io.portfolio()), policy, now, io.services.estimators)
    return [estimate.candidate for estimate in decision.ranking if estimate.candidate.kind == "single"]


async def _asked(
    state: State, io: Io, shape: Shape, text: str, queue: list[Candidate]
) -> tuple[dict[str, Any] | None, list[Attempt], str]:
    """Two answers are read at most; a failing model gives way to the next one."""
    whole, portfolio, calls, why = _whole(state), await io.portfolio(), list[Attempt](), ""
    messages: list[AnyMessage] = [HumanMessage(_prompt(whole.brief, text, shape))]
    answers = 0
    while queue and answers < ANSWERS:
        spec = portfolio[queue[0].members[0].model]
        held = dict(shape.schema) if spec.has("json") else None
        attempt = await io.call(
            spec.id, messages, state["task"], whole, purpose="structure", json_schema=held, logprobs=False
        )
        calls.append(attempt)
        if attempt.failure is not None:
            why = f"{spec.id} failed: {attempt.failure.kind}"
            queue = remaining(queue[1:], queue[0], attempt.failure, portfolio)
            continue
        answers += 1
        value, problem = shape.read(attempt.text)
        if value is not None:
            return value, calls, ""
        why = f"{spec.id} gave none that fits ({problem})"
        again = HumanMessage(f"That does not fit: {problem}. The JSON object only, please.")
        messages = [*messages, AIMessage(attempt.text), again]
    return None, calls, why


def _prompt(task: str, answer: str, shape: Shape) -> str:
    """In one pass: an answer that looks like a place to fill is not one. None can have known the mark."""
    told = {"schema": json.dumps(shape.schema), "mark": secrets.token_hex(8), "task": task, "answer": answer}
    return re.sub(r"\{(schema|mark|task|answer)\}", lambda found: told[found.group(1)], PROMPT)
