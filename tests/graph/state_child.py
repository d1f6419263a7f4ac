"""Runs tasks under LANGGRAPH_STRICT_MSGPACK and hands back all that a caller, a checkpointer and memory get to see.

Usage: state_child.py FOLDER sync|async PORT. In its environment: a key, by the name FAKE_KEY. At PORT listens a server
that refuses the key and repeats it in its answer.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from langchain_core.messages import BaseMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from orchestrator_graph import ModelSpec, Orchestrator, Policy, Price, Prior
from orchestrator_graph.testing import ScriptedChat

THREAD: Any = {"configurable": {"thread_id": "t"}}
TASK = "Multiply 6 by 7, then count the letter n in the result; meanwhile reverse lantern"
MODES: Any = ["custom", "messages", "values", "updates", "debug"]


def pool(port: str) -> list[ModelSpec]:
    def answer(asked: str) -> str:
        return "dunno" if "Multiply" in asked else "2" if "Count" in asked else "nretnal"

    def good(quality: float) -> dict[str, Prior]:
        return {"*": Prior(quality, 50, "test")}

    url = f"http://127.0.0.1:{port}/v1"
    return [
        ModelSpec("openai:refused", base_url=url, api_key_env="FAKE_KEY", price=Price(1, 1), priors=good(0.95)),
        ModelSpec(ScriptedChat(model="a", script=answer), alias="test:a", price=Price(1, 1), priors=good(0.9)),
        ModelSpec(ScriptedChat(model="b", script=answer), alias="test:b", price=Price(2, 2), priors=good(0.9)),
    ]


async def gone_through(graph: Any, mode: str) -> tuple[list[Any], Any, list[Any]]:
    """The stream of a run that ends in a question, the state at that point, and every earlier state."""
    given, options = {"messages": [("user", TASK)]}, {"context": Policy(human="ask"), "stream_mode": MODES}
    if mode == "sync":
        items = list(graph.stream(given, THREAD, subgraphs=True, **options))
        return items, graph.get_state(THREAD, subgraphs=True), list(graph.get_state_history(THREAD))
    items = [item async for item in graph.astream(given, THREAD, subgraphs=True, **options)]
    history = [state async for state in graph.aget_state_history(THREAD)]
    return items, await graph.aget_state(THREAD, subgraphs=True), history


def plain(values: dict[str, Any]) -> dict[str, Any]:
    """A state as JSON; fails for anything but messages that JSON does not know."""
    messages = values.get("messages", [])
    assert all(isinstance(message, BaseMessage) for message in messages), messages
    rest = {key: value for key, value in values.items() if key != "messages"}
    assert json.loads(json.dumps(rest)) == rest
    return {**rest, "messages": [message.model_dump(mode="json") for message in messages]}


async def seen(saver: Any, folder: str, mode: str, port: str) -> dict[str, Any]:
    with Orchestrator(pool(port), memory=str(Path(folder, "memory")), checkpointer=saver) as orc:
        items, state, history = await gone_through(orc.graph, mode)
        states = [plain(one.values) for one in [state, *history]]
        states += [plain(task.state.values) for task in state.tasks if task.state is not None]
        assert [interrupt.value["question"] for interrupt in state.interrupts] == ["Multiply 6 by 7"]
        given, other = {"messages": [("user", "Reverse lantern")]}, {"configurable": {"thread_id": "other"}}
        whole = orc.graph.invoke(given, other) if mode == "sync" else await orc.graph.ainvoke(given, other)
        return {"states": states, "stream": repr(items), "whole": plain(whole), "portfolio": repr(orc.portfolio())}


async def scenes(folder: str, mode: str, port: str) -> list[dict[str, Any]]:
    path = str(Path(folder, "threads.sqlite"))
    found = [await seen(InMemorySaver(), folder, mode, port)]
    if mode == "sync":
        with SqliteSaver.from_conn_string(path) as saver:
            return [*found, await seen(saver, folder, mode, port)]
    async with AsyncSqliteSaver.from_conn_string(path) as durable:
        return [*found, await seen(durable, folder, mode, port)]


if __name__ == "__main__":
    print(json.dumps(asyncio.run(scenes(*sys.argv[1:]))))  # noqa: T201
