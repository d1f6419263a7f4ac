"""The model planner: asked only where the task does not fall apart by itself and a plan promises more than it costs."""

import dataclasses
import re
from pathlib import Path

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage

from orchestrator_graph.nodes.features import untooled
from orchestrator_graph.nodes.io import Io
from orchestrator_graph.nodes.plan import parse_plan, schema
from orchestrator_graph.nodes.situation import situation
from orchestrator_graph.nodes.structure import Piece
from orchestrator_graph.nodes.vocabulary import VERBS
from orchestrator_graph.policy import Policy
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.registry.spec import ModelSpec
from orchestrator_graph.routing.decide import decide
from orchestrator_graph.routing.expectation import expect
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Attempt, Decision, Features, Subtask

__all__ = ["affordable", "model_plan", "promises_gain"]

ONE_CALL = Policy(strategy="route")

MIN_REQUIREMENTS, MIN_TOKENS = 3, 40
MAX_COST_SHARE = 0.25
PLAN_TOKENS = 500
PROMPT = (Path(__file__).parent / "planner_prompt.txt").read_text(encoding="utf-8")


def promises_gain(features: Features) -> bool:
    """Whether a plan could gain anything: the task asks for several things, at some length."""
    requirements = {word for word in re.findall(r"[a-z]+", features.text.lower()) if word in VERBS}
    return len(requirements) >= MIN_REQUIREMENTS and features.tokens >= MIN_TOKENS


def affordable(features: Features, decision: Decision, reference: ModelSpec) -> bool:
    """Whether the plan costs at most a quarter of what the best model would take for the whole task."""
    cost, whole = decision.ranking[0].cost_nusd, expect(reference, features, Situation()).cost_nusd
    return cost == 0 or (cost is not None and cost <= MAX_COST_SHARE * (whole or 0))


async def model_plan(
    io: Io, features: Features, policy: Policy, task: dict[str, object], private: bool
) -> tuple[list[Piece], list[Attempt], str]:
    """Pieces, the calls that were made, and a note; no pieces when planning is not worth it or the plan is garbage."""
    always = policy.decompose == "always"
    if not always and not promises_gain(features):
        return [], [], ""
    portfolio = await io.portfolio()
    broad = Portfolio(spec for spec in portfolio.values() if not spec.has("narrow"))
    planning = dataclasses.replace(untooled(features), task_type="planning", expects="json")
    now = await situation(io, task, private=private)
    decision = decide("plan", planning, broad, policy.overlaid(ONE_CALL), now)
    if not decision.ranking:
        return [], [], "no model here can plan" if always else ""
    best = max(decision.ranking, key=lambda e: e.quality)
    if not always and not affordable(features, decision, broad[best.candidate.id]):
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
