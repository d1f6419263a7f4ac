"""The model planner: asked only where the task does not fall apart by itself and a plan promises more than it costs."""

import dataclasses
import re
from pathlib import Path

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage

from orchestrator_graph.nodes.io import Io
from orchestrator_graph.nodes.plan import parse_plan, schema
from orchestrator_graph.nodes.situation import situation
from orchestrator_graph.nodes.structure import Piece
from orchestrator_graph.nodes.vocabulary import VERBS
from orchestrator_graph.policy import Policy
from orchestrator_graph.registry.spec import ModelSpec, Portfolio
from orchestrator_graph.routing.decide import decide
from orchestrator_graph.routing.expectation import expect
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Attempt, Decision, Features, Subtask

__all__ = ["model_plan", "worth_planning"]

MIN_REQUIREMENTS, MIN_TOKENS = 3, 40
MAX_COST_SHARE = 0.25
PLAN_TOKENS = 500
PROMPT = (Path(__file__).parent / "planner_prompt.txt").read_text(encoding="utf-8")


def worth_planning(features: Features, policy: Policy, decision: Decision, reference: ModelSpec) -> bool:
    """Whether the expected gain beats the planner's cost.

    There is something to gain where the task asks for several things at some length; the plan may cost at most a
    quarter of what the best model would take for the whole. `decompose="always"` asks no such question.
    """
    if policy.decompose == "always":
        return True
    if not decision.ranking:
        return False
    requirements = {word for word in re.findall(r"[a-z]+", features.text.lower()) if word in VERBS}
    if len(requirements) < MIN_REQUIREMENTS or features.tokens < MIN_TOKENS:
        return False
    cost, whole = decision.ranking[0].cost_nusd, expect(reference, features, Situation()).cost_nusd
    return cost is not None and cost <= MAX_COST_SHARE * (whole or 0) if cost else True


async def model_plan(
    io: Io, features: Features, policy: Policy, task: dict[str, object], private: bool
) -> tuple[list[Piece], list[Attempt], str]:
    """Pieces, the calls that were made, and a note; no pieces when planning is not worth it or the plan is garbage."""
    portfolio = await io.portfolio()
    broad = Portfolio(spec for spec in portfolio.values() if not spec.has("narrow"))
    planning = dataclasses.replace(features, task_type="planning", expects="json")
    now = await situation(io, task, private=private)
    decision = decide("plan", planning, broad, policy.model_copy(update={"strategy": "route"}), now)
    if not decision.ranking:
        return [], [], "no model here can plan" if policy.decompose == "always" else ""
    best = max(decision.ranking, key=lambda e: e.quality)
    if not worth_planning(features, policy, decision, broad[best.candidate.id]):
        return [], [], ""
    model = decision.ranking[0].candidate.id
    whole = Subtask("plan", features.text, features, (), private)
    messages: list[AnyMessage] = [HumanMessage(PROMPT + features.text)]
    calls: list[Attempt] = []
    problem = ""
    for _ in range(2):
        attempt = await io.call(
            model, messages, task, whole, purpose="plan", max_tokens=PLAN_TOKENS, json_schema=schema(), logprobs=False
        )
        calls.append(attempt)
        if attempt.failure is not None:
            return [], calls, f"planner {model} failed ({attempt.failure.kind}); the task was left whole"
        pieces, problem = parse_plan(attempt.text)
        if pieces:
            return (pieces if len(pieces) > 1 else []), calls, f"planned by {model}"
        messages += [
            AIMessage(attempt.text),
            HumanMessage(f"That is not a usable plan ({problem}). JSON only, please."),
        ]
    return [], calls, f"planner {model} gave no usable plan ({problem}); the task was left whole"
