"""The recipes of docs/attach/graph.md: the graph as a tool, an edge on a decision, chains, threads, deep agents."""

import asyncio
import json
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable, RunnableLambda
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph

from orchestrator_graph import ChatOrchestrator, ModelSpec, Orchestrator, create_orchestrator
from orchestrator_graph.errors import NoCandidateError, PrivacyError
from tests.graph.support import model, orchestrated
from tests.surfaces.both_ways import ran, streamed

THREAD: Any = {"configurable": {"thread_id": "t"}}
BETA = pytest.mark.filterwarnings("ignore:This API is in beta:langchain_core._api.LangChainBetaWarning")


def as_one_string(graph: Any) -> Any:
    chain = RunnableLambda(lambda given: {"messages": [("user", given["task"])]}) | graph | answer_of
    return chain.as_tool(name="solve", description="Solves a task.", arg_types={"task": str})


def answer_of(out: Any) -> str:
    return str(out["messages"][-1].text)


@BETA
def test_as_tool_takes_one_string_and_gives_the_answer(mode: str) -> None:
    solve = as_one_string(create_orchestrator("pocket"))
    assert solve.args == {"task": {"title": "Task", "type": "string"}}
    call = {"name": "solve", "args": {"task": "Add 47 and 38"}, "id": "1", "type": "tool_call"}
    assert ran(solve, mode, call).content == "85"


@BETA
def test_the_bare_as_tool_is_as_unusable_as_the_page_says() -> None:
    bare = create_orchestrator("pocket").as_tool(name="solve", description="Solves a task.")
    assert len(json.dumps(bare.tool_call_schema.model_json_schema())) > 15_000
    with pytest.raises(KeyError, match="tool_call_id"):  # what a model would send as a message is taken for another
        bare.invoke({"messages": [{"role": "user", "content": "Add 47 and 38"}]})


def test_an_agent_calls_the_graph_as_a_tool_twice_at_once(mode: str) -> None:
    from langchain.agents import create_agent

    graph = create_orchestrator("pocket")

    @tool
    def solve(task: str) -> str:
        """Solves a task in words."""
        return str(graph.invoke({"messages": [("user", task)]})["messages"][-1].text)

    def lead(messages: Any, tools: Any) -> Any:
        told = [message.text for message in messages if message.type == "tool"]
        wanted = ["Add 47 and 38", "Reverse the word lantern"]
        calls = [{"name": "solve", "args": {"task": task}, "id": str(n)} for n, task in enumerate(wanted)]
        return " and ".join(told) if told else AIMessage("", tool_calls=calls)

    agent = create_agent(ChatOrchestrator([calling("lead", lead)]), [solve], checkpointer=InMemorySaver())
    out = ran(agent, mode, {"messages": [("user", "Both")]}, THREAD)
    assert out["messages"][-1].text == "85 and nretnal"


def calling(name: str, replies: Any, **fields: Any) -> ModelSpec:
    spec = model(name, capabilities=frozenset({"chat", "tools", "json"}), **fields)
    spec.model.replies = replies
    return spec


@pytest.mark.parametrize(
    ("text", "where"),
    [("Reverse the word lantern", "cheap"), ("Add 47 and 38", "maths"), ("Who are you?", "dear")],
)
def test_a_conditional_edge_on_a_decision_calls_nobody(mode: str, text: str, where: str) -> None:
    with Orchestrator("pocket") as orc:

        def way(state: MessagesState) -> str:
            return named(orc.decide(state["messages"][-1].text))

        async def away(state: MessagesState) -> str:
            return named(await orc.adecide(state["messages"][-1].text))

        flow: Any = StateGraph(MessagesState)
        ends = ("cheap", "dear", "maths")
        for name in ends:
            flow.add_node(name, RunnableLambda(lambda state, name=name: {"messages": [("ai", name)]}))
        flow.add_conditional_edges(START, way if mode == "sync" else away, ends)
        out = ran(flow.compile(), mode, {"messages": [("user", text)]})
        assert out["messages"][-1].text == where
        assert orc.memory.stats()["tasks"] == 0


def named(decision: Any) -> str:
    first = decision.ranking[0]
    if first.candidate.id == "pocket:maths":
        return "maths"
    return "dear" if first.cost_nusd > 100_000 else "cheap"


def test_a_decision_refuses_what_a_run_would_refuse() -> None:
    with orchestrated(model("cloud")) as orc:
        with pytest.raises(PrivacyError):
            orc.decide("Write to ann@example.org", {"pii": "refuse"})
        with pytest.raises(PrivacyError, match="no model runs on this machine"):
            orc.decide("Who wrote Faust?", {"private": True})
        with pytest.raises(NoCandidateError, match="tier"):
            orc.decide("Who wrote Faust?", {"tier": "gold"})


def test_in_a_chain_batches_keep_their_order_and_bills(mode: str) -> None:
    prompt = ChatPromptTemplate.from_messages([("user", "Add {a} and 1")])
    given = [{"a": number} for number in range(2, 8)]
    with Orchestrator("pocket") as orc:
        whole: Runnable[Any, Any] = prompt | ChatOrchestrator(orc)
        chain = whole | StrOutputParser()
        planned = prompt | (lambda value: {"messages": value.to_messages()}) | orc.graph | answer_of
        for asked in (chain, planned):
            answers = asked.batch(given) if mode == "sync" else asyncio.run(asked.abatch(given))
            assert answers == [str(number + 1) for number in range(2, 8)]
        messages = whole.batch(given)
        assert len({m.response_metadata["orchestrator"]["decision_id"] for m in messages}) == len(given)
        assert all(m.response_metadata["total_usd"] > 0 for m in messages)
        pieces = streamed(chain, mode, {"a": 9}, None)
    assert ("".join(pieces), len(pieces) > 1) == ("10", True)


def test_a_thread_keeps_the_messages_and_renews_the_rest(mode: str) -> None:
    talk = create_orchestrator("pocket", checkpointer=InMemorySaver())
    for number in (1, 2):
        out = ran(talk, mode, {"messages": [("user", f"Add {number} and 2")]}, THREAD)
    assert [m.text for m in out["messages"]] == ["Add 1 and 2", "3", "Add 2 and 2", "4"]
    assert (list(out["results"]), out["bill"]["calls"]) == (["1"], 1)


def test_deep_agents_and_their_sub_agents_each_decide_for_themselves(mode: str) -> None:
    from deepagents import create_deep_agent

    def lead(messages: Any, tools: Any) -> Any:
        if messages[-1].type == "tool":
            return "The report: " + messages[-1].text
        wanted = {"description": "Add 47 and 38", "subagent_type": "mathematician"}
        return AIMessage("", tool_calls=[{"name": "task", "args": wanted, "id": "1"}])

    large = calling("large", lead, quality=0.95, price=10.0)
    small = calling("small", lambda messages, tools: "85", quality=0.8, price=0.1)
    with Orchestrator([large, small]) as orc:
        sub: Any = {"name": "mathematician", "description": "Adds.", "system_prompt": "Add."}
        sub["model"] = ChatOrchestrator(orc, policy={"tradeoff": "cheap"})
        agent = create_deep_agent(ChatOrchestrator(orc, policy={"tradeoff": "best"}), subagents=[sub])
        out = ran(agent, mode, {"messages": [("user", "Report on 47 and 38")]})
        assert orc.memory.stats()["tasks"] == 2, "the agent's task and the sub-agent's"
    answered = [m.response_metadata["model_name"] for m in out["messages"] if m.type == "ai"]
    assert (out["messages"][-1].text, answered) == ("The report: 85", ["large", "large"])
    assert small.model.seen == ["Add 47 and 38"]
