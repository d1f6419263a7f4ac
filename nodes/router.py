"""Decides which candidate shall take a subtask, naming the remembered tasks that it looked at. Calls no model."""

from typing import Any

from orchestrator_graph.memory import Lookup
from orchestrator_graph.nodes.io import Io, call_record
from orchestrator_graph.nodes.recall import recall
from orchestrator_graph.nodes.situation import situation
from orchestrator_graph.routing.decide import decide
from orchestrator_graph.state import SolveState
from orchestrator_graph.types import Attempt, Decision, Subtask, Usage, new_id, to_json

__all__ = ["route"]


async def route(state: SolveState, io: Io) -> dict[str, Any]:
    """The router node: the decision of this subtask."""
    policy, subtask = io.policy(state["task"]), Subtask.from_json(state["subtask"])
    lookup = await recall(io, state["task"], subtask)
    context = sum(len(answer.encode()) for answer in state["answers"].values())
    now = await situation(io, state["task"], private=subtask.private, lookup=lookup, context_bytes=context)
    portfolio = await io.portfolio()
    decision = decide(subtask.id, subtask.features, portfolio, policy, now, io.services.estimators)
    first = decision.ranking[0].candidate.id if decision.ranking else ""
    io.emit("decision", subtask=subtask.id, candidate=first, why=decision.why)
    return {
        "decision": _record(decision),
        "hand": [],
        "tried": [],
        "target": None,
        "calls": _embedding(lookup, subtask),
    }


def _record(decision: Decision) -> dict[str, Any]:
    data: dict[str, Any] = to_json(decision)
    for entry, estimate in zip(data["ranking"], decision.ranking, strict=True):
        entry["candidate_id"] = estimate.candidate.id
    return data


def _embedding(lookup: Lookup, subtask: Subtask) -> dict[str, Any]:
    """The bill's entry for asking an embedder other than the built-in one."""
    if not lookup.embed_calls:
        return {}
    return call_record(
        Attempt(
            new_id(),
            lookup.embed_model,
            "embed",
            usage=Usage(subtask.features.tokens, 0, measured=False),
            billed=False,
            cost_measured=False,
            latency_s=lookup.embed_seconds,
            subtask_id=subtask.id,
        )
    )
