"""What to do about an answer that is not sure enough: another candidate, a person, or the best one in hand."""

from typing import Any, Literal

from langgraph.config import get_config
from langgraph.types import Command

from orchestrator_graph.nodes.io import Io
from orchestrator_graph.nodes.result import best_in_hand, finished
from orchestrator_graph.nodes.situation import situation
from orchestrator_graph.policy import LIMITS, Policy
from orchestrator_graph.routing.constraints import feasible
from orchestrator_graph.state import SolveState
from orchestrator_graph.types import Subtask

__all__ = ["escalate"]

Estimate = dict[str, Any]


async def escalate(state: SolveState, io: Io) -> Command[Literal["executor", "person", "__end__"]]:
    """The escalate node: one step up while there is one that pays, at most four; never worse than what was in hand."""
    policy, subtask = io.policy(state["task"]), Subtask.from_json(state["subtask"])
    hand = state["hand"]
    target = None
    if _may_go_on(hand, policy):
        target = next_up(state, policy, await _still_feasible(state, io, subtask, policy))
    if target is not None:
        io.emit("escalate", subtask=subtask.id, to=target["candidate_id"], why=_why(hand[-1], policy, subtask))
        return Command(goto="executor", update={"target": target["candidate"]})
    best = best_in_hand(hand)
    if policy.human == "ask" and _can_ask():
        return Command(goto="person")
    status = "failed" if best is None else "unsure"
    io.emit("result", subtask=subtask.id, status=status)
    return Command(goto="__end__", update={"results": finished(state, state.get("calls") or {}, status, best)})


def next_up(state: SolveState, policy: Policy, allowed: set[str]) -> Estimate | None:
    """The next candidate: the next level of a cascade, else the best untried one believed to be no worse."""
    tried = state["tried"]
    left: list[Estimate] = [
        e for e in state["decision"]["ranking"] if e["candidate_id"] not in tried and _within(e, allowed)
    ]
    if not left:
        return None
    last = next((e for e in state["decision"]["ranking"] if e["candidate_id"] == tried[-1]), None)
    if last is None or (policy.cascade and policy.strategy == "cascade"):
        return next((e for e in left if not policy.cascade or e["candidate_id"] in policy.cascade), None)
    better = [e for e in left if e["quality"] >= last["quality"]]
    if last["candidate"]["kind"] != "single":
        # Models that disagreed, or samples that scattered, call for the best mind that has not spoken.
        spoken = {member["model"] for member in last["candidate"]["members"]}
        fresh = [e for e in left if e["candidate_id"] not in spoken]
        return max(fresh or left, key=lambda e: e["quality"])
    return better[0] if better else None


def _within(estimate: Estimate, allowed: set[str]) -> bool:
    return all(member["model"] in allowed for member in estimate["candidate"]["members"])


def _may_go_on(hand: list[dict[str, Any]], policy: Policy) -> bool:
    if policy.strategy == "route" or hand[-1]["streamed"] or not hand[-1]["candidate"]:
        return False
    return len(hand) <= LIMITS.escalations


async def _still_feasible(state: SolveState, io: Io, subtask: Subtask, policy: Policy) -> set[str]:
    now = await situation(io, state["task"], private=subtask.private)
    kept, _ = feasible(await io.portfolio(), subtask.features, policy, now)
    return {spec.id for spec in kept}


def _why(answer: dict[str, Any], policy: Policy, subtask: Subtask) -> str:
    if answer["failure"]:
        return f"{answer['candidate']} failed: {answer['failure']['kind']}"
    wanted = policy.confidence_for(subtask.features.task_type)
    return f"confidence {answer['verdict']['confidence']:.2f} of {answer['candidate']} is below {wanted:.2f}"


def _can_ask() -> bool:
    """Interrupts need a checkpointer, and a checkpointer needs a thread."""
    return bool(get_config().get("configurable", {}).get("thread_id"))
