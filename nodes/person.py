"""Asks a person, in a node of its own so that a resumed run pays for nothing twice."""

from typing import Any, Literal

from langgraph.types import Command, interrupt

from orchestrator_graph.confidence.settle import what_would_settle
from orchestrator_graph.gateway.run_span import paused
from orchestrator_graph.nodes.io import Io
from orchestrator_graph.nodes.reply import SCHEMA, Reply, read_reply
from orchestrator_graph.nodes.result import best_in_hand, finished
from orchestrator_graph.state import SolveState
from orchestrator_graph.types import Evidence

__all__ = ["person"]

ASKED = 3
"""Times that a person is asked who answers with something that is no answer."""

Hand = dict[str, Any]


async def person(state: SolveState, io: Io) -> Command[Literal["__end__"]]:
    """The person node: `interrupt` with the question and the best answer so far, resumed with `reply.SCHEMA`.

    A reply that has not that form is asked for again, with what was wrong; after three of them the best answer is
    given, marked unsure. `reject` without an answer gives none; `score` alone keeps the proposed one at that
    confidence.
    """
    best = best_in_hand(state["hand"])
    with paused(io.services.gateway.held(state["task"]["run_id"])):
        reply = _asked(state, best)
    policy = io.policy(state["task"])
    if policy.deadline_s is not None:  # the person's time is not the run's
        (await io.lease(state["task"])).restart(policy.deadline_s)
    wanted = policy.confidence_for(state["subtask"]["features"]["task_type"])
    status, kept = _outcome(reply, best, wanted)
    results = finished(state, state.get("calls") or {}, status, kept)
    if status == "failed" and best is not None:
        results[state["subtask"]["id"]]["missing"] = "a person rejected the proposed answer"
    io.emit("result", subtask=state["subtask"]["id"], status=status)
    return Command(goto="__end__", update={"results": results})


def _asked(state: SolveState, best: Hand | None) -> Reply | None:
    """What the person said; `None` where no reply could be used. Each question keeps its reply over resumptions."""
    features, verdict = state["subtask"]["features"], best["verdict"] if best else None
    evidence = [Evidence(**item) for item in verdict["evidence"]] if verdict else []
    question = {
        "question": state["subtask"]["brief"],
        "proposed": best["text"] if best else "",
        "confidence": verdict["confidence"] if verdict else 0.0,
        "calibrated": verdict["calibrated"] if verdict else False,
        "why": "no candidate is sure enough",
        "would_settle": what_would_settle(evidence, features["expects"], bool(verdict and verdict["calibrated"])),
        "response_schema": SCHEMA,
    }
    problem = None
    for _ in range(ASKED):
        reply = read_reply(interrupt(question if problem is None else {**question, "problem": problem}))
        if isinstance(reply, Reply):
            return reply
        problem = reply
    return None


def _outcome(reply: Reply | None, best: Hand | None, wanted: float) -> tuple[str, Hand | None]:
    """Status and the answer that counts, with the person's word as its verdict."""
    if reply is not None and reply.answer:
        said = "said so" if reply.score is None else f"said so, and gave the proposed one {reply.score:g}"
        return "accepted", _sure(_by_person(reply.answer), 1.0, said)
    if best is None:
        return "failed", None
    if reply is None:
        return "unsure", best
    if reply.reject:
        return "failed", _sure(best, 0.0, "rejected it")
    score = 1.0 if reply.score is None else reply.score
    return ("accepted" if score >= wanted or reply.score is None else "unsure"), _sure(best, score, "said so")


def _sure(answer: Hand, confidence: float, said: str) -> Hand:
    evidence = [{"name": "person", "value": confidence, "detail": said, "decisive": True}]
    action = "accept" if confidence > 0 else "escalate"
    verdict = {"confidence": confidence, "action": action, "evidence": evidence, "calibrated": False, "n": 1}
    return {**answer, "verdict": verdict}


def _by_person(text: str) -> Hand:
    return {
        "candidate": "person",
        "model": "person",
        "text": text,
        "failure": None,
        "streamed": False,
        "message_id": "",
        "call_ids": [],
        "said": [],
        "signals": {},
    }
