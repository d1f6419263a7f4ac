"""Private runs of the graph: whatever handlers a caller has, however they were given, they hear nothing from inside."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph

from orchestrator_graph import Policy
from tests.graph.support import model, orchestrated

SECRET: Any = {"messages": [("user", "my secret")]}
MAIL = "mail jo@example.org"
THREAD: Any = {"configurable": {"thread_id": "t"}}


class Ear(BaseCallbackHandler):
    """A tracer of somebody else's: the names of the runs that it hears of."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def on_chain_start(self, serialized: Any, inputs: Any, **told: Any) -> None:
        self.heard.append(str(told.get("name")))

    def on_chat_model_start(self, serialized: Any, messages: Any, **told: Any) -> None:
        self.heard.append("model")


def ran(graph: Any, mode: str, given: Any, config: Any = None, **more: Any) -> Any:
    if mode == "sync":
        return graph.invoke(given, config, **more)
    return asyncio.run(graph.ainvoke(given, config, **more))


@pytest.mark.parametrize("private", [True, False])
@pytest.mark.parametrize("bound", [True, False], ids=["with_config", "config"])
def test_a_callers_handlers_hear_of_open_runs_only(mode: str, bound: bool, private: bool) -> None:
    ear = Ear()
    with orchestrated(model("home", local=True)) as orc:
        graph, config = (orc.graph.with_config(callbacks=[ear]), None) if bound else (orc.graph, {"callbacks": [ear]})
        out = ran(graph, mode, SECRET, config, context=Policy(private=private))
    assert out["messages"][-1].content == "ok"
    assert bool(ear.heard) is not private


FORMS = [[("user", MAIL)], ("user", MAIL), MAIL, {"role": "user", "content": MAIL}, HumanMessage(MAIL)]


@pytest.mark.parametrize("form", FORMS, ids=["list", "pair", "text", "dict", "message"])
def test_personal_data_is_seen_in_each_form_of_a_message(mode: str, form: Any) -> None:
    ear = Ear()
    with orchestrated(model("home", local=True)) as orc:
        out = ran(orc.graph, mode, {"messages": form}, {"callbacks": [ear]})
    assert [message.type for message in out["messages"]] == ["human", "ai"]
    assert ear.heard == []


@pytest.mark.parametrize("bound", [True, False], ids=["with_config", "config"])
def test_after_a_private_turn_the_thread_is_quiet(mode: str, bound: bool) -> None:
    ear = Ear()
    with orchestrated(model("home", local=True), checkpointer=InMemorySaver()) as orc:
        ran(orc.graph, mode, SECRET, THREAD, context=Policy(private=True))
        graph, config = (orc.graph.with_config(THREAD), {}) if bound else (orc.graph, THREAD)
        ran(graph, mode, {"messages": [("user", "again")]}, {**config, "callbacks": [ear]})
    assert ear.heard == []


def node_of(graph: Any) -> Any:
    parent: Any = StateGraph(MessagesState)
    parent.add_node("inside", graph)
    parent.add_edge(START, "inside")
    parent.add_edge("inside", END)
    return parent.compile(name="parent")


AROUND: list[tuple[Callable[[Any], Any], list[str]]] = [
    (node_of, ["parent", "inside"]),
    (lambda graph: node_of(RunnableLambda(graph.invoke, graph.ainvoke)), ["parent", "inside"]),
    (lambda graph: RunnableLambda(lambda given: given) | graph, ["RunnableSequence", "RunnableLambda"]),
]


@pytest.mark.parametrize(("around", "names"), AROUND, ids=["node", "called", "chain"])
def test_what_is_around_tells_of_itself_alone(mode: str, around: Callable[[Any], Any], names: list[str]) -> None:
    ear = Ear()
    with orchestrated(model("home", local=True), policy=Policy(private=True)) as orc:
        ran(around(orc.graph), mode, SECRET, {"callbacks": [ear]})
    assert [name for name in ear.heard if name not in ("invoke", "ainvoke")] == names


def test_a_number_in_disguise_in_an_earlier_turn_keeps_the_task_here(mode: str) -> None:
    earlier = "My card is \uff14\uff11\uff11\uff11 1111 1111 1111"
    turns = [HumanMessage(earlier), AIMessage("Noted."), HumanMessage("What did I say?")]
    with orchestrated(model("cloud", "x", 0.95), model("home", "y", 0.5, local=True)) as orc:
        graph = orc.graph
        out = graph.invoke({"messages": turns}) if mode == "sync" else asyncio.run(graph.ainvoke({"messages": turns}))
    assert out["plan"][0]["private"] is True
    assert out["results"]["1"]["candidate"] == "test:home"
