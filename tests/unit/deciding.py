"""Asks a deciding model inside a graph of one node, as the router does, and hands out what came of it."""

import asyncio
import time
from typing import Any, TypedDict

from langgraph.graph import StateGraph

from orchestrator_graph import Orchestrator, Policy
from orchestrator_graph.nodes.decider import decided
from orchestrator_graph.nodes.io import Io
from orchestrator_graph.nodes.situation import situation
from orchestrator_graph.nodes.step import Step
from orchestrator_graph.types import Features, Subtask, new_id

TASK = Features("Add 47 and 38", "maths")


class Run(TypedDict, total=False):
    now: Any
    calls: Any
    private: bool


def ask(decider: Any, *models: Any, mode: str = "sync", private: bool = False, **policy: Any) -> dict[str, Any]:
    """What `decided` gives inside a graph: the situation, the calls, and the progress events."""
    subtask = Subtask("1", TASK.text, TASK, private=private)
    task = {
        "run_id": new_id(),
        "policy": Policy(**policy).model_dump(exclude_unset=True),
        "spent_nusd": 0,
        "started_at": time.time(),
        "private": private,
    }

    async def logic(state: Run, io: Io) -> dict[str, Any]:
        now = await situation(io, task, private=private)
        now, calls = await decided(io, task, subtask, now)
        return {"now": now, "calls": calls}

    with Orchestrator(list(models), estimators=[decider] if decider else []) as orchestrator:
        builder = StateGraph(Run)
        builder.add_node("decide", Step("decide", logic, orchestrator.services))
        builder.set_entry_point("decide")
        graph = builder.compile()
        given_: Any = {"private": private}
        out = graph.invoke(given_) if mode == "sync" else asyncio.run(graph.ainvoke(given_))
        orchestrator.gateway.release(task["run_id"])
    return dict(out)
