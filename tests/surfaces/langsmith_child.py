"""An application that traces to LangSmith by its environment, as users do: one run, then its ids as JSON."""

import asyncio
import json
import sys
from typing import Any

from langchain_core.tracers.langchain import wait_for_all_tracers
from langgraph.checkpoint.memory import InMemorySaver

from orchestrator_graph import Orchestrator, Policy, create_orchestrator

TASK = "Reverse zebracanary"


def with_orchestrator(way: str, private: bool) -> dict[str, Any]:
    policy = Policy(private=private)
    with Orchestrator("pocket") as orc:
        if way == "sync":
            return orc.run(TASK, policy)
        if way == "async":
            return asyncio.run(orc.arun(TASK, policy))
        return [chunk for mode, chunk in orc.stream(TASK, policy) if mode == "values"][-1]


def with_graph(way: str, private: bool) -> dict[str, Any]:
    """The graph itself, as `create_orchestrator` gives it."""
    graph: Any = create_orchestrator("pocket", checkpointer=InMemorySaver() if way == "thread" else None)
    given: dict[str, Any] = {"messages": [("user", TASK)]}
    if way == "personal data":
        given = {"messages": [("user", f"{TASK}, then write ann@example.org")]}
        return dict(graph.invoke(given))
    policy = {"context": Policy(private=private)}
    if way == "graph":
        return dict(graph.invoke(given, **policy))
    if way == "agraph":
        return dict(asyncio.run(graph.ainvoke(given, **policy)))
    if way == "events":
        return dict(asyncio.run(last_event(graph, given, policy)))
    if way == "thread":
        thread: Any = {"configurable": {"thread_id": "1"}}
        graph.invoke(given, thread, **policy)
        return dict(graph.invoke({"messages": [("user", "Reverse lantern")]}, thread))
    return list(graph.with_config(tags=["copy"]).stream(given, stream_mode="values", **policy))[-1]


async def last_event(graph: Any, given: Any, policy: Any) -> Any:
    events = [event async for event in graph.astream_events(given, version="v2", **policy)]
    return events[-1]["data"]["output"]


def main(way: str, private: bool) -> None:
    out = (with_orchestrator if way in ("sync", "async", "stream") else with_graph)(way, private)
    wait_for_all_tracers()
    sys.stdout.write(json.dumps({"run_id": out["bill"]["run_id"], "answer": out["messages"][-1].content}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] == "private")
