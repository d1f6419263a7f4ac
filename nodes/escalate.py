"""What to do about an answer that is not sure enough: another candidate, a person, or the best one in hand."""

from typing import Any, Literal

from langgraph.config import get_config
from langgraph.types import Command

from orchestrator_graph.nodes.bound import bound, referred
from orchestrator_graph.nodes.io import Io
from orchestrator_graph.nodes.onward import HOPELESS, heard_again, onward
from orchestrator_graph.nodes.result import best_in_hand, finished
from orchestrator_graph.nodes.situation import situation
from orchestrator_graph.nodes.upward import upward
from orchestrator_graph.policy import LIMITS, Policy
from orchestrator_graph.routing.constraints import feasible
from orchestrator_graph.routing.robust import dear_ones
from orchestrator_graph.state import SolveState
from orchestrator_graph.types import Decision, Subtask

__all__ = ["escalate"]

Estimate = dict[str, Any]


async def escalate(state: SolveState, io: Io) -> Command[Literal["executor", "person", "__end__"]]:
    """The escalate node: one step on while there is one that pays, at most four; never worse than what was in hand.

    Where confidences are calibrated, cascade routing says what pays; else whoever is believed to be no worse is next.
    """
    policy, subtask = io.policy(state["task"]), Subtask.from_json(state["subtask"])
    hand = heard_again(state, io, subtask)
    state = {**state, "hand": hand}
    best = best_in_hand(hand)
    target = None
    if bound(state):
        target = referred(state)
    elif not _enough(best, policy, subtask) and _may_go_on(hand, policy):
        target = await _next(state, io, subtask, policy)
    if target is not None:
        io.emit("escalate", subtask=subtask.id, to=target["candidate_id"], why=_why(hand[-1], policy, subtask))
        return Command(goto="executor", update={"target": target["candidate"], "hand": hand})
    enough = _enough(best, policy, subtask)
    if policy.human == "ask" and not enough and not bound(state) and _can_ask():
        return Command(goto="person", update={"hand": hand})
    status = "failed" if best is None else "accepted" if enough else "unsure"
    io.emit("result", subtask=subtask.id, status=status)
    return Command(goto="__end__", update={"results": finished(state, state.get("calls") or {}, status, best)})


def _enough(best: Estimate | None, policy: Policy, subtask: Subtask) -> bool:
    """Whether all answers together made one of them sure enough, though the last one was not."""
    if best is None or best["failure"] is not None or not best["verdict"]["calibrated"]:
        return False
    if policy.fault_tolerance == "low":  # there a judge or other models have to say so
        return False
    return bool(best["verdict"]["confidence"] >= policy.confidence_for(subtask.features.task_type))


async def _next(state: SolveState, io: Io, subtask: Subtask, policy: Policy) -> Estimate | None:
    allowed, barred = await _still_feasible(state, io, subtask, policy), _used_up(state, io, policy)
    verdict, failure = state["hand"][-1]["verdict"], state["hand"][-1]["failure"]
    given_up = failure is not None and failure["kind"] == "early_exit"
    told = verdict["calibrated"] and verdict["confidence"] > HOPELESS
    if policy.strategy == "cascade" or not (told or given_up):
        found = next_up(state, policy, allowed, barred)
    else:
        left = _left(state, allowed, barred, again=True)
        chosen = await onward(state, io, subtask, policy, left)
        found = next((e for e in left if e["candidate_id"] == chosen), None)
    if found is None and given_up:  # nobody is left who may be asked instead: it is heard out after all
        found = next((e for e in state["decision"]["ranking"] if e["candidate_id"] == state["tried"][-1]), None)
    return found


def next_up(
    state: SolveState, policy: Policy, allowed: set[str], barred: frozenset[str] = frozenset()
) -> Estimate | None:
    """The next candidate that is not barred, none of whose models has spoken yet.

    The next level of a named cascade; after a failure or a failed check whoever comes next; after a mere doubt only one
    that is believed to be no worse.
    """
    left = _left(state, allowed, barred)
    if policy.cascade and policy.strategy == "cascade":
        return next((e for e in left if e["candidate_id"] in policy.cascade), None)
    last = next((e for e in state["decision"]["ranking"] if e["candidate_id"] == state["tried"][-1]), None)
    if last is None or state["hand"][-1]["verdict"]["confidence"] <= HOPELESS:
        return left[0] if left else None
    better = [e for e in left if e["quality"] >= last["quality"]]
    if last["candidate"]["kind"] != "single" and left:
        # Models that disagreed, or samples that scattered, call for the best mind that has not spoken.
        return max(left, key=lambda e: e["quality"])
    return better[0] if better else None


def _left(state: SolveState, allowed: set[str], barred: frozenset[str], *, again: bool = False) -> list[Estimate]:
    """Who may still be asked; `again`: an ensemble that outcomes tell of also where one of its models has spoken."""
    spoken = {model for name in state["tried"] for model in _members(state, name)}
    left = [
        e
        for e in state["decision"]["ranking"]
        if _models(e) <= allowed
        and e["candidate_id"] not in barred
        and e["candidate_id"] not in state["tried"]
        and (spoken.isdisjoint(_models(e)) or (again and e["candidate"]["kind"] != "single" and e["n"]))
    ]
    return upward(left, state)


def _models(estimate: Estimate) -> set[str]:
    return {member["model"] for member in estimate["candidate"]["members"]}


def _members(state: SolveState, candidate_id: str) -> set[str]:
    found = next((e for e in state["decision"]["ranking"] if e["candidate_id"] == candidate_id), None)
    return _models(found) if found is not None else {candidate_id}


def _may_go_on(hand: list[dict[str, Any]], policy: Policy) -> bool:
    if policy.strategy == "route" or hand[-1]["streamed"] or not hand[-1]["candidate"]:
        return False
    return len(hand) <= LIMITS.escalations


async def _still_feasible(state: SolveState, io: Io, subtask: Subtask, policy: Policy) -> set[str]:
    now = await situation(io, state["task"], private=subtask.private)
    kept, _ = feasible(await io.portfolio(), subtask.features, policy, now)
    return {spec.id for spec in kept}


def _used_up(state: SolveState, io: Io, policy: Policy) -> frozenset[str]:
    """The dear candidates, where this user may have none any more."""
    used, limit = io.services.dear.used(policy.tenant, policy.user_id), policy.dear_per_hour
    spent = limit is not None and used >= limit
    return dear_ones(Decision.from_json(state["decision"]).ranking) if spent else frozenset()


def _why(answer: dict[str, Any], policy: Policy, subtask: Subtask) -> str:
    if answer["failure"]:
        return f"{answer['candidate']} failed: {answer['failure']['kind']}"
    wanted = policy.confidence_for(subtask.features.task_type)
    return f"confidence {answer['verdict']['confidence']:.2f} of {answer['candidate']} is below {wanted:.2f}"


def _can_ask() -> bool:
    """Only where a checkpointer can hold the question: a thread's id alone would lose the paid answer."""
    # LangGraph has no public way to ask; a test fails should this key ever change.
    return get_config().get("configurable", {}).get("__pregel_checkpointer") is not None
