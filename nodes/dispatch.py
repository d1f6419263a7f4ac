"""Sends what is ready, with the answers that it depends on, and has the next wave prepared meanwhile.

Waves of Send: see docs/decisions/0003.
"""

from collections.abc import Sequence
from typing import Any, Literal

from langchain_core.messages import AnyMessage, HumanMessage
from langgraph.types import Command, Send

from orchestrator_graph.nodes.ahead import next_wave, wake
from orchestrator_graph.nodes.io import Io
from orchestrator_graph.nodes.recall import prefetch
from orchestrator_graph.nodes.result import readable
from orchestrator_graph.nodes.spent import catch_up
from orchestrator_graph.state import State

__all__ = ["dispatch"]

HISTORY_BYTES = 16_000


async def dispatch(state: State, io: Io) -> Command[Literal["solve", "synthesizer"]]:
    """Commands the next wave, or the synthesizer when nothing is left to send."""
    results = dict(state.get("results") or {})
    blocked = _blocked(state, results)
    results.update(blocked)
    for name in blocked:
        io.emit("result", subtask=name, status="failed")
    ready = [
        subtask
        for subtask in state["subtasks"]
        if subtask["id"] not in results and all(need in results for need in subtask["needs"])
    ]
    if not ready:
        return Command(goto="synthesizer", update={"results": blocked})
    spent = await catch_up(io, state["task"], state.get("calls") or {})
    task = {**state["task"], "spent_nusd": spent, "alone": len(state["subtasks"]) == 1}
    later = [item for item in state["subtasks"] if item["id"] not in results and item not in ready]
    await prefetch(io, task, [*ready, *later], len(ready))
    if named := await wake(io, task, next_wave(later, results, ready)):
        io.emit("ahead", models=named)
    sends = [Send("solve", _payload(state, task, subtask, results)) for subtask in ready]
    return Command(goto=sends, update={"results": blocked})


def _payload(state: State, task: dict[str, Any], subtask: dict[str, Any], results: dict[str, Any]) -> dict[str, Any]:
    answers = {need: results[need]["answer"] for need in subtask["needs"]}
    messages = state["messages"] if task["alone"] else _recent(state["messages"])
    if any(results[need].get("private") for need in subtask["needs"]):  # labels are inherited, also later ones
        subtask = {**subtask, "private": True}
    return {"task": task, "subtask": subtask, "answers": answers, "messages": messages}


def _recent(messages: Sequence[AnyMessage]) -> list[AnyMessage]:
    """The last turns in 16 kB, the task itself left out: every branch's copy goes into every checkpoint."""
    last = next((i for i in range(len(messages) - 1, -1, -1) if messages[i].type == "human"), 0)
    kept: list[AnyMessage] = []
    room = HISTORY_BYTES
    for message in reversed(messages[:last]):
        room -= len(str(message.content).encode())
        if room < 0:
            break
        kept.append(message)
    return [*reversed(kept), HumanMessage("")]


def _blocked(state: State, results: dict[str, Any]) -> dict[str, Any]:
    """Results of subtasks that cannot run because something that they need has failed, transitively."""
    blocked: dict[str, Any] = {}
    for subtask in state["subtasks"]:  # plan order is dependency order
        lost = [need for need in subtask["needs"] if {**results, **blocked}.get(need, {}).get("status") == "failed"]
        if lost and subtask["id"] not in results:
            blocked[subtask["id"]] = _unrun(subtask, f"needs {', '.join(lost)}, which gave no answer")
    return blocked


def _unrun(subtask: dict[str, Any], missing: str) -> dict[str, Any]:
    return {
        "id": subtask["id"],
        "brief": readable(subtask["brief"], {}),
        "task_type": subtask["features"]["task_type"],
        "needs": subtask["needs"],
        "answer": "",
        "status": "failed",
        "missing": missing,
        "candidate": "",
        "models": [],
        "why": "not run",
        "confidence": None,
        "calibrated": False,
        "tries": 0,
        "escalations": 0,
        "cost_nusd": 0,
        "cost_usd": 0.0,
        "latency_s": 0.0,
        "energy_j": None,
        "decision": None,
        "verdict": None,
        "hand": [],
    }
