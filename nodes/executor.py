"""Runs the chosen candidate with fail-over along the ranking. All failures are values; nothing is raised."""

from typing import Any

from orchestrator_graph.nodes.failover import remaining
from orchestrator_graph.nodes.io import Io, call_record
from orchestrator_graph.nodes.recipes import Answer, run_recipe
from orchestrator_graph.routing.robust import dear_ones
from orchestrator_graph.state import SolveState
from orchestrator_graph.types import Attempt, Candidate, Decision, Failure, to_json

__all__ = ["execute", "nothing_left"]


async def execute(state: SolveState, io: Io) -> dict[str, Any]:
    """The executor node: the target's answer, or that of the first candidate behind it that gives one."""
    ranking = [Candidate.from_json(item["candidate"]) for item in state["decision"]["ranking"]]
    tried = list(state.get("tried") or [])
    target = state.get("target")
    if target is not None:
        ranking = [Candidate.from_json(target), *ranking]
    queue = [c for i, c in enumerate(ranking) if c.id not in tried and c not in ranking[:i]]
    queue += [c for c in ranking[target is not None :] if c.id in _given_up(state)]  # heard out if nobody else answers
    portfolio, policy = await io.portfolio(), io.policy(state["task"])
    dear, limit = dear_ones(Decision.from_json(state["decision"]).ranking), policy.dear_per_hour
    calls: dict[str, Any] = {}
    answer, shown = Answer(candidate="", failure=nothing_left(state)), False
    part: Answer | None = None
    while queue:
        candidate = queue.pop(0)
        if candidate.id in dear and not io.services.dear.take(policy.tenant, policy.user_id, limit):
            continue
        tried.append(candidate.id)
        answer, attempts = await run_recipe(candidate, state, io, shown=shown)
        shown = shown or answer.streamed
        calls.update(_records(attempts))
        if answer.failure is None or answer.failure.kind == "early_exit":  # whom to ask instead is escalate's business
            break
        part = part or (answer if answer.text else None)
        queue = remaining(queue, candidate, answer.failure, portfolio)
    if answer.failure is not None and part is not None:
        answer = part
    return {"current": to_json(answer), "tried": tried, "calls": calls}


def _given_up(state: SolveState) -> set[str]:
    """Whose answer was left early, where there is none else: it is better than none."""
    hand = state.get("hand") or []
    if any(item["text"] for item in hand):
        return set()
    return {item["candidate"] for item in hand if item["failure"] and item["failure"]["kind"] == "early_exit"}


def _records(attempts: list[Attempt]) -> dict[str, Any]:
    return {key: value for attempt in attempts for key, value in call_record(attempt).items()}


def nothing_left(state: SolveState) -> Failure:
    """The failure where nobody could be asked; names what excluded whom."""
    excluded = state["decision"]["excluded"]
    reasons = (
        "; ".join(f"{item['candidate']}: {item['detail']}" for item in excluded) or "all were tried or are too dear"
    )
    poor = any(item["constraint"] == "budget" for item in excluded)
    return Failure("budget" if poor else "not_found", f"no candidate is left ({reasons})")
