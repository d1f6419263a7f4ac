"""What a caller sees of an agent under way: tokens, usage once, and nothing of ours in a parent's state."""

import asyncio
import json
from typing import Any

from langchain_core.callbacks import get_usage_metadata_callback
from langchain_core.messages import AIMessageChunk
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph

from orchestrator_graph import Orchestrator
from tests.surfaces.agents.agent import SUM, THREAD, agent_of, kept_of
from tests.surfaces.agents.fixtures import lent_server, lent_world  # noqa: F401
from tests.surfaces.agents.stacks import World


def streamed(agent: Any, mode: str, how: Any, config: Any = THREAD, **options: Any) -> list[Any]:
    if mode == "sync":
        return list(agent.stream(SUM, config, stream_mode=how, **options))

    async def collected() -> list[Any]:
        return [item async for item in agent.astream(SUM, config, stream_mode=how, **options)]

    return asyncio.run(collected())


def test_tokens_pass_through_as_they_come_and_usage_is_counted_once(world: World, mode: str) -> None:
    with Orchestrator([world.spec("good")]) as orc, get_usage_metadata_callback() as used:
        agent = agent_of(world, orc)
        seen = streamed(agent, mode, "messages")
    assert {meta["langgraph_node"] for _, meta in seen} == {"model", "tools"}
    chunks = [message for message, _ in seen if isinstance(message, AIMessageChunk)]
    pieces = [chunk.text for chunk in chunks if chunk.text]
    assert "".join(pieces) == "It is 5, tell bob@example.com"
    assert len(pieces) == 5
    assert any(chunk.tool_call_chunks for chunk in chunks)
    assert {name: told["total_tokens"] for name, told in used.usage_metadata.items()} == {"good": 50}
    assert all(body["stream"] for body in world.server.bodies())


def test_updates_tell_of_the_decision_in_json(world: World, mode: str) -> None:
    with Orchestrator([world.spec("good")]) as orc:
        seen = streamed(agent_of(world, orc), mode, "updates")
    told = [
        (node, update["orchestrator"]) for item in seen for node, update in item.items() if "orchestrator" in update
    ]
    assert [node for node, _ in told] == ["OrchestratorMiddleware.before_agent", "model", "model"]
    assert [kept["steps"] for _, kept in told] == [0, 1, 2]
    assert all(json.loads(json.dumps(kept)) == kept for _, kept in told)
    assert "own" not in told[-1][1]


def test_a_parent_that_has_a_key_of_that_name_neither_gives_nor_gets(world: World, mode: str) -> None:
    class State(MessagesState):
        orchestrator: dict[str, Any]

    with Orchestrator([world.spec("good")]) as orc:
        inner = agent_of(world, orc, checkpointer=None)
        parent: Any = StateGraph(State)
        parent.add_node("agent", inner)
        parent.add_edge(START, "agent")
        parent.add_edge("agent", END)
        graph = parent.compile(checkpointer=InMemorySaver())
        given = {**SUM, "orchestrator": {"ours": "not yours"}}
        out = graph.invoke(given, THREAD) if mode == "sync" else asyncio.run(graph.ainvoke(given, THREAD))
    assert out["messages"][-1].text == "It is 5, tell bob@example.com"
    assert out["orchestrator"] == {"ours": "not yours"}


def test_a_fork_from_a_checkpoint_keeps_the_runs_decision(world: World, mode: str) -> None:
    with Orchestrator([world.spec("good")]) as orc:
        agent = agent_of(world, orc)
        streamed(agent, mode, "values")
        before = kept_of(agent)
        tools = next(state for state in agent.get_state_history(THREAD) if state.next == ("tools",))
        again = agent.invoke(None, tools.config) if mode == "sync" else asyncio.run(agent.ainvoke(None, tools.config))
        after = kept_of(agent)
        assert again["messages"][-1].text == "It is 5, tell bob@example.com"
        assert (after["decision_id"], after["steps"]) == (before["decision_id"], 2)
        assert orc.memory.stats()["decisions"] == 1
    assert world.server.counts() == {"good": 3}
