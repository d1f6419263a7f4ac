"""Asks a person, in a node of its own so that a resumed run pays for nothing twice."""

from typing import Any, Literal

from langgraph.types import Command, interrupt

from orchestrator_graph.nodes.io import Io
from orchestrator_graph.nodes.result import best_in_hand, finished
from orchestrator_graph.state import SolveState

__all__ = ["person"]

SCHEMA = {
    "type": "object",
    "properties": {"answer": {"type": "string", "description": "The answer to use; empty = keep the proposed one."}},
}


async def person(state: SolveState, io: Io) -> Command[Literal["__end__"]]:
    """The person node: `interrupt` with the question and the best answer so far; resumed with `{"answer": "..."}`."""
    best = best_in_hand(state["hand"])
    reply = interrupt(
        {
            "question": state["subtask"]["brief"],
            "proposed": best["text"] if best else "",
            "confidence": best["verdict"]["confidence"] if best else 0.0,
            "why": "no candidate is sure enough",
            "response_schema": SCHEMA,
        }
    )
    policy = io.policy(state["task"])
    if policy.deadline_s is not None:  # the person's time is not the run's
        (await io.lease(state["task"])).restart(policy.deadline_s)
    text = str(reply.get("answer", "") if isinstance(reply, dict) else reply or "").strip()
    calls = state.get("calls") or {}
    if not text and best is None:
        return Command(goto="__end__", update={"results": finished(state, calls, "failed")})
    kept = _by_person(text) if text else dict(best or {})
    evidence = [{"name": "person", "value": 1.0, "detail": "said so", "decisive": True}]
    kept["verdict"] = {"confidence": 1.0, "action": "accept", "evidence": evidence, "calibrated": False, "n": 1}
    io.emit("result", subtask=state["subtask"]["id"], status="accepted")
    return Command(goto="__end__", update={"results": finished(state, calls, "accepted", kept)})


def _by_person(text: str) -> dict[str, Any]:
    return {
        "candidate": "person",
        "model": "person",
        "text": text,
        "failure": None,
        "streamed": False,
        "message_id": "",
        "call_ids": [],
        "said": [],
    }
