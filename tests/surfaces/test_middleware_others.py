"""`OrchestratorMiddleware` beside others: whose choice is whose, retries, tool loops, resumed and parallel runs."""

import asyncio
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import (
    AgentMiddleware,
    LLMToolSelectorMiddleware,
    ModelFallbackMiddleware,
    ModelRetryMiddleware,
)
from langchain_core.messages import ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from orchestrator_graph import ChatOrchestrator, Orchestrator, OrchestratorMiddleware, Policy
from orchestrator_graph.surfaces.failed import AnswerError
from tests.surfaces.agents.agent import SUM, THREAD, add, agent_of, kept_of
from tests.surfaces.agents.fixtures import lent_server, lent_world  # noqa: F401
from tests.surfaces.agents.stacks import World, ask


@tool
def broken(n: int) -> int:
    """Never works."""
    raise ValueError(f"no {n}")


def test_whoever_took_over_is_asked_first_from_then_on(world: World, mode: str) -> None:
    with Orchestrator([world.spec("gone", 0.9), world.spec("good", 0.5)], policy=Policy(tradeoff="best")) as orc:
        agent = agent_of(world, orc)
        ask(agent, mode, SUM, THREAD)
        assert kept_of(agent)["candidate"] == "openai:good"
        assert kept_of(agent)["why"].endswith("; openai:gone failed (not_found), then openai:good")
    assert world.server.counts() == {"gone": 1, "good": 2}


def test_our_pool_comes_first_and_then_the_fallback(world: World, mode: str) -> None:
    fallback = ModelFallbackMiddleware(world.chat("gone-too"), world.chat("fallback"))
    for stack in ((fallback, None), (None, fallback)):
        world.server.reset()
        with Orchestrator([world.spec("gone", 0.9), world.spec("gone-as-well", 0.5)]) as orc:
            agent = agent_of(world, orc, *stack)
            out = ask(agent, mode, {"messages": [("user", "hello")]}, THREAD)
            others = kept_of(agent)["others"]
        assert out["messages"][-1].text == "You said: hello"
        assert world.server.counts() == {"gone": 1, "gone-as-well": 1, "gone-too": 1, "fallback": 1}
        assert [name.rpartition(":")[2] for name in others] == ["fallback"]


def test_what_a_retry_cannot_mend_is_not_tried_again(world: World, mode: str) -> None:
    retry = ModelRetryMiddleware(max_retries=2, initial_delay=0.0, jitter=False, on_failure="error")
    for stack in ((retry, None), (None, retry)):
        world.server.reset()
        with Orchestrator([world.spec("gone")]) as orc, pytest.raises(AnswerError, match="not_found"):
            ask(agent_of(world, orc, *stack), mode, SUM, THREAD)
        assert world.server.counts() == {"gone": 1}


@pytest.mark.parametrize("inside", [False, True])
def test_a_retry_keeps_the_decision_and_writes_it_once(inside: bool, world: World, mode: str) -> None:
    retry = ModelRetryMiddleware(max_retries=1, initial_delay=0.0, jitter=False, on_failure="error")
    with Orchestrator([world.spec("flaky-3-a")]) as orc:  # the gateway tries three times, and then the retry
        agent = agent_of(world, orc, *((None, retry) if inside else (retry, None)))
        ask(agent, mode, SUM, THREAD)
        stats = orc.memory.stats()
        assert (stats["tasks"], stats["decisions"], stats["calls"]) == (1, 1, 3)
        assert kept_of(agent)["steps"] == 2
    assert world.server.counts() == {"flaky-3-a": 5}


def test_a_stuck_tool_loop_moves_up_where_each_step_decides(world: World, mode: str) -> None:
    class Told(AgentMiddleware[Any, Any, Any]):
        """Tool errors as messages."""

        def wrap_tool_call(self, request: Any, handler: Any) -> Any:
            try:
                return handler(request)
            except ValueError as error:
                name = request.tool_call["id"]
                return ToolMessage(f"Error: {error}", tool_call_id=name, status="error")

        async def awrap_tool_call(self, request: Any, handler: Any) -> Any:
            try:
                return await handler(request)
            except ValueError as error:
                return ToolMessage(f"Error: {error}", tool_call_id=request.tool_call["id"], status="error")

    task: Any = {"messages": [("user", "fail on")]}
    models = [world.spec("small", 0.6, 0.1), world.spec("large", 0.9, 50.0)]
    counts = {}
    for decide in ("run", "step"):
        world.server.reset()
        with Orchestrator(models, policy=Policy(tradeoff="cheap")) as orc:
            ask(agent_of(world, orc, None, Told(), tools=(broken,), decide=decide), mode, task, THREAD)
            assert orc.memory.stats()["decisions"] == 1
        counts[decide] = world.server.counts()
    assert counts == {"run": {"small": 4}, "step": {"small": 2, "large": 2}}


def test_a_run_goes_on_in_another_process_with_its_decision(world: World, mode: str) -> None:
    from langchain.agents.middleware import HumanInTheLoopMiddleware

    saver, person = InMemorySaver(), HumanInTheLoopMiddleware(interrupt_on={"add": True})
    first, other = world.spec("first", 0.9), world.spec("other", 0.1)
    with Orchestrator([first, other], policy=Policy(tradeoff="best")) as orc:
        agent = agent_of(world, orc, None, person, checkpointer=saver)
        run = agent.invoke if mode == "sync" else lambda *given: asyncio.run(agent.ainvoke(*given))
        assert "__interrupt__" in run(SUM, THREAD)
        before = kept_of(agent)
    with Orchestrator(
        [first, other], policy=Policy(tradeoff="cheap", pin="openai:other")
    ) as orc:  # would choose another
        agent = agent_of(world, orc, None, person, checkpointer=saver)
        ask(agent, mode, Command(resume={"decisions": [{"type": "approve"}]}), THREAD)
        after = kept_of(agent)
    assert (before["decision_id"], before["run_id"]) == (after["decision_id"], after["run_id"])
    assert (before["steps"], after["steps"]) == (1, 2)
    assert world.server.counts() == {"first": 2}


def test_a_resumed_run_whose_models_are_gone_decides_anew(world: World, mode: str) -> None:
    saver = InMemorySaver()
    with Orchestrator([world.spec("first")]) as orc:
        agent = agent_of(world, orc, checkpointer=saver, interrupt_before=["tools"])
        ask(agent, mode, SUM, THREAD)
    with Orchestrator([world.spec("other")]) as orc:
        agent = agent_of(world, orc, checkpointer=saver)
        ask(agent, mode, None, THREAD)
        assert kept_of(agent)["candidate"] == "openai:other"
    assert world.server.counts() == {"first": 1, "other": 1}


def test_many_runs_share_one_middleware(world: World) -> None:
    with Orchestrator([world.spec("down-pool"), world.spec("down-pool-2")]) as orc:
        agent = agent_of(world, orc, ModelFallbackMiddleware(world.chat("fallback")), None)

        async def run(number: int) -> str:
            config: Any = {"configurable": {"thread_id": str(number)}}
            out = await agent.ainvoke({"messages": [("user", f"add {number} and 1")]}, config)
            return str(out["messages"][-1].text)

        async def every() -> list[str]:
            return await asyncio.gather(*(run(number) for number in range(40)))

        found = asyncio.run(every())
        ids = {kept_of(agent, {"configurable": {"thread_id": str(n)}})["run_id"] for n in range(40)}
    assert found == [f"It is {number + 1}, tell bob@example.com" for number in range(40)]
    assert len(ids) == 40
    assert world.server.counts()["fallback"] == 80
    assert "own" not in world.server.counts()


def test_an_agent_of_a_chat_orchestrator_keeps_fallbacks_too(world: World, mode: str) -> None:
    with Orchestrator([world.spec("gone")]) as orc:
        stack: Any = [ModelFallbackMiddleware(world.chat("fallback")), OrchestratorMiddleware(orc)]
        agent = create_agent(ChatOrchestrator(orc), [add], middleware=stack)
        out = ask(agent, mode, SUM, THREAD)
    assert out["messages"][-1].text == "It is 5, tell bob@example.com"
    assert world.server.counts() == {"gone": 2, "fallback": 2}


def test_a_tool_selector_inside_ours_asks_the_pool_as_a_part_of_the_run(world: World, mode: str) -> None:
    with Orchestrator([world.spec("good")]) as orc:
        agent = agent_of(world, orc, None, LLMToolSelectorMiddleware(max_tools=1))
        assert ask(agent, mode, SUM, THREAD)["messages"][-1].text == "It is 5, tell bob@example.com"
        assert orc.memory.stats()["decisions"] == 1
        assert kept_of(agent)["steps"] == 4
    assert world.server.counts() == {"good": 4}
