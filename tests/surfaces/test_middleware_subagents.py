"""Sub-agents decide for themselves: agents as tools, and the `task` tool of deep agents (deepagents#535)."""

from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver

from orchestrator_graph import Orchestrator, OrchestratorMiddleware, Policy
from orchestrator_graph.routing.defaults import default_estimators
from orchestrator_graph.routing.rules import Rule, Rules
from tests.surfaces.agents.agent import THREAD, add, kept_of
from tests.surfaces.agents.fixtures import lent_server, lent_world  # noqa: F401
from tests.surfaces.agents.stacks import World, ask


def by_task(world: World) -> Orchestrator:
    """Whoever delegates is `writer`, whoever is told to add is `clerk`: one pool, different tasks."""
    told = (Rule({"words": ["delegate"]}, pin="openai:writer"), Rule({"words": ["add"]}, pin="openai:clerk"))
    rules = Rules(told)
    return Orchestrator([world.spec("clerk"), world.spec("writer")], estimators=[rules, *default_estimators()])


def test_an_agent_as_a_tool_has_its_own_decision_policy_and_state(world: World, mode: str) -> None:
    with Orchestrator([world.spec("large", 0.9, 50.0), world.spec("small", 0.6, 0.1)]) as orc:
        inner = create_agent(
            world.chat("own"), [add], middleware=[OrchestratorMiddleware(orc, policy=Policy(tradeoff="cheap"))]
        )
        seen = []

        @tool
        async def helper(question: str) -> str:
            """Adds numbers."""
            out = await inner.ainvoke({"messages": [("user", question)]})
            seen.append(out)
            return str(out["messages"][-1].text)

        @tool("helper")
        def helper_sync(question: str) -> str:
            """Adds numbers."""
            out = inner.invoke({"messages": [("user", question)]})
            seen.append(out)
            return str(out["messages"][-1].text)

        agent = create_agent(
            world.chat("own"),
            [helper if mode == "async" else helper_sync],
            middleware=[OrchestratorMiddleware(orc, policy=Policy(tradeoff="best"))],
            checkpointer=InMemorySaver(),
        )
        out = ask(agent, mode, {"messages": [("user", "ask the helper: add 2 and 3")]}, THREAD)
        kept = kept_of(agent)
        assert "It is 5" in out["messages"][-1].text
        inside = [m.response_metadata["orchestrator"] for m in seen[0]["messages"] if isinstance(m, AIMessage)]
        assert {record["candidate"] for record in inside} == {"openai:small"}
        assert kept["candidate"] == "openai:large"
        assert kept["run_id"] not in {record["run_id"] for record in inside}
        assert kept["steps"] == 2
        assert orc.memory.stats()["decisions"] == 2
        assert "orchestrator" not in seen[0]
    assert world.server.counts() == {"large": 2, "small": 2}


@pytest.mark.parametrize("shared", [True, False], ids=["one middleware for both", "one each"])
def test_a_deep_agent_and_its_sub_agent_take_different_models(shared: bool, world: World, mode: str) -> None:
    from deepagents import create_deep_agent

    with by_task(world) as orc:
        ours = OrchestratorMiddleware(orc)
        theirs = ours if shared else OrchestratorMiddleware(orc)
        worker: Any = {
            "name": "worker",
            "description": "Adds numbers.",
            "system_prompt": "You add.",
            "tools": [add],
            "middleware": [theirs],
        }
        agent = create_deep_agent(
            world.chat("own"),
            system_prompt="You write.",
            subagents=[worker],
            middleware=[ours],
            checkpointer=InMemorySaver(),
        )
        out = ask(agent, mode, {"messages": [("user", "delegate worker: add 2 and 3")]}, THREAD)
        kept = kept_of(agent)
        assert "It is 5" in out["messages"][-1].text
        assert kept["candidate"] == "openai:writer"
        assert kept["steps"] == 2
        stats = orc.memory.stats()
        assert (stats["tasks"], stats["decisions"], stats["calls"]) == (2, 2, 4)
    assert world.server.counts() == {"writer": 2, "clerk": 2}


def test_a_deep_agents_general_purpose_sub_agent_decides_too_where_ours_is_given_to_it(world: World, mode: str) -> None:
    from deepagents import create_deep_agent

    with by_task(world) as orc:
        ours = OrchestratorMiddleware(orc)
        general: Any = {
            "name": "general-purpose",
            "description": "Does anything.",
            "system_prompt": "You do.",
            "tools": [add],
            "middleware": [ours],
        }
        agent = create_deep_agent(
            world.chat("own"), tools=[add], subagents=[general], middleware=[ours], checkpointer=InMemorySaver()
        )
        ask(agent, mode, {"messages": [("user", "delegate general-purpose: add 2 and 3")]}, THREAD)
    counts = world.server.counts()
    assert "own" not in counts
    assert counts == {"writer": 2, "clerk": 2}


def test_the_key_is_private_to_deep_agents() -> None:
    from deepagents.middleware._state import private_state_field_names

    assert "orchestrator" in private_state_field_names(OrchestratorMiddleware.state_schema)
