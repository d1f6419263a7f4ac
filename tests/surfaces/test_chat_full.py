"""Full mode: a plain task goes through the graph, and comes back as one message of one run."""

import asyncio

import pytest
from langchain_core.callbacks import get_usage_metadata_callback
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph

from orchestrator_graph import Orchestrator
from orchestrator_graph.surfaces.chat_model import ChatOrchestrator
from orchestrator_graph.surfaces.failed import AnswerError
from tests.surfaces.scripted import WAYS, Told, jotted, said, scripted

TASK = "Reverse the word lantern"
ANSWER = "nretnal"


@pytest.mark.parametrize("way", WAYS)
def test_the_accepted_text_comes_with_the_whole_bill(way):
    answer = said(ChatOrchestrator("pocket", mode="full"), way, TASK)
    record = answer.response_metadata["orchestrator"]
    assert answer.text == ANSWER
    assert record["status"] == {"1": "accepted"}
    lines = record["bill"]["lines"]
    assert record["bill"]["calls"] == sum(line["calls"] for line in lines) >= 1
    assert answer.usage_metadata["input_tokens"] == sum(line["input_tokens"] for line in lines)
    assert answer.usage_metadata["output_tokens"] == sum(line["output_tokens"] for line in lines)


@pytest.mark.parametrize("way", WAYS)
def test_a_task_of_two_parts_is_planned(way):
    answer = said(ChatOrchestrator("pocket", mode="full"), way, "1. Reverse the word lantern\n2. Add 47 and 38")
    assert set(answer.response_metadata["orchestrator"]["status"]) == {"1", "2"}
    assert ANSWER in answer.text and "85" in answer.text


@pytest.mark.parametrize("way", WAYS)
def test_callbacks_see_one_model_and_usage_once(way):
    told = Told()
    with get_usage_metadata_callback() as usage:
        answer = said(ChatOrchestrator("pocket", mode="full"), way, TASK, {"callbacks": [told]})
    assert (told.started, told.ended) == (1, 1)
    (counted,) = usage.usage_metadata.values()
    assert counted["total_tokens"] == told.tokens == answer.usage_metadata["total_tokens"]


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_inside_a_parents_graph_its_stream_shows_the_answer_once_and_its_threads_stay_its_own(mode):
    chat = ChatOrchestrator("pocket", mode="full")

    def ask(state):
        return {"messages": [chat.invoke(state["messages"])]}

    async def aask(state):
        return {"messages": [await chat.ainvoke(state["messages"])]}

    saver, builder = InMemorySaver(), StateGraph(MessagesState)
    builder.add_node("ask", ask if mode == "sync" else aask)
    builder.add_edge(START, "ask")
    graph = builder.compile(checkpointer=saver)
    config = {"configurable": {"thread_id": "mine"}}
    given = {"messages": [("user", TASK)]}

    async def collected():
        return [item async for item in graph.astream(given, config, stream_mode="messages")]

    items = list(graph.stream(given, config, stream_mode="messages")) if mode == "sync" else asyncio.run(collected())
    assert "".join(str(message.text) for message, _ in items) == ANSWER
    assert {checkpoint.config["configurable"]["thread_id"] for checkpoint in saver.list(None)} == {"mine"}
    assert [m.text for m in graph.get_state(config).values["messages"]] == [TASK, ANSWER]


def test_inside_a_running_loop_the_sync_half_works():
    async def app():
        return ChatOrchestrator("pocket", mode="full").invoke(TASK).text

    assert asyncio.run(app()) == ANSWER


@pytest.mark.parametrize("wish", [{"stop": ["a"]}, {"max_tokens": 3}, {"temperature": 0.5}])
def test_a_wish_about_one_call_is_one_call(wish):
    """The graph's calls have bounds and sampling of their own: such a task is routed, and the wish is kept."""
    answer = ChatOrchestrator("pocket", mode="full").invoke(TASK, **wish)
    assert answer.response_metadata["orchestrator"]["bill"]["calls"] == 1
    assert "status" not in answer.response_metadata["orchestrator"]
    assert len(answer.text) <= {"stop": 5, "max_tokens": 3}.get(next(iter(wish)), 99)


def test_a_person_is_not_waited_for():
    orc = Orchestrator([scripted("a", script="maybe")], policy={"human": "ask", "fault_tolerance": "low"})
    answer = ChatOrchestrator(orc, mode="full").invoke(TASK)
    assert answer.text == "maybe"


def fails(text):
    raise ConnectionError("no route")


@pytest.mark.parametrize("way", WAYS)
def test_when_nobody_answers_it_raises(way):
    spec = scripted("a", script=fails)
    with pytest.raises(AnswerError, match="no model gave an answer"):
        said(ChatOrchestrator([spec], mode="full"), way, TASK)
    assert jotted(spec)
