"""The graph inside another graph (docs/attach/graph.md): what a parent lends, what it keeps, what passes through."""

from typing import Any, TypedDict

import pytest
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.config import get_store
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.store.memory import InMemoryStore
from langgraph.types import Command

from orchestrator_graph import Policy, create_orchestrator
from tests.graph.support import model, orchestrated
from tests.surfaces.both_ways import ran, streamed

TASK: Any = {"messages": [("user", "Who wrote Faust?")]}
THREAD: Any = {"configurable": {"thread_id": "t"}}
MODES = ("values", "updates", "messages", "custom", "tasks", "checkpoints", "debug")


class State(MessagesState):
    results: dict[str, Any]
    bill: dict[str, Any]


class Context(TypedDict, total=False):
    region: str
    tier: str
    private: bool
    orchestrator: dict[str, Any]


def parent_of(node: Any, **options: Any) -> Any:
    parent: Any = StateGraph(State, context_schema=Context)
    parent.add_node("inside", node)
    parent.add_edge(START, "inside")
    parent.add_edge("inside", END)
    return parent.compile(**options)


def test_a_parents_store_is_there_for_checks_of_an_answer(mode: str) -> None:
    read = []

    def looked_up(answer: str) -> bool:
        store = get_store()
        found = store.search(("facts",)) if mode == "sync" else None  # an async store is not read from its loop
        read.append((store is lent, [item.value for item in found or ()]))
        return True

    lent = InMemoryStore()
    lent.put(("facts",), "faust", {"author": "Goethe"})
    with orchestrated(model("only", "Goethe"), checks={"known": looked_up}) as orc:
        ran(parent_of(orc.graph, store=lent), mode, TASK)
    assert read == [(True, [{"author": "Goethe"}] if mode == "sync" else [])]


@pytest.mark.parametrize("subgraphs", [False, True])
def test_a_parents_checkpointer_keeps_and_resumes_the_inside(mode: str, subgraphs: bool) -> None:
    only = model("only", "dunno")
    asking: Any = {"region": "eu", "orchestrator": {"human": "ask"}}
    with orchestrated(only) as orc:
        parent = parent_of(orc.graph, checkpointer=InMemorySaver())
        first = streamed(
            parent,
            mode,
            {"messages": [("user", "Multiply 6 by 7")]},
            THREAD,
            context=asking,
            stream_mode="updates",
            subgraphs=subgraphs,
        )
        asked = [item[-1] if subgraphs else item for item in first]
        assert sum("__interrupt__" in item for item in asked) >= 1
        inside = parent.get_state(THREAD, subgraphs=True).tasks[0].state
        assert inside.values["plan"][0]["brief"] == "Multiply 6 by 7"
        calls = len(only.model.seen)
        out = ran(parent, mode, Command(resume={"answer": "42"}), THREAD, context=asking)
    assert (out["messages"][-1].text, len(only.model.seen), calls) == ("42", calls, out["bill"]["calls"])


@pytest.mark.parametrize(
    ("context", "who"),
    [
        ({"region": "eu"}, "test:dear"),
        ({"tier": "gold"}, "test:dear"),  # no policy of ours, though all its fields are called like ours
        ({"tier": "gold", "private": True}, "test:home"),  # the one field that may only make it stricter
        ({"tier": "gold", "orchestrator": {"pin": "test:home"}}, "test:home"),
        ({"private": True, "orchestrator": {"pin": "test:dear"}}, "test:dear"),  # ours is there: it is what counts
    ],
)
def test_of_a_parents_context_only_our_key_counts(mode: str, context: Any, who: str) -> None:
    pool = [model("dear", "Goethe", 0.95), model("home", "Goethe", 0.5, local=True)]
    with orchestrated(*pool, policy=Policy(tradeoff="best")) as orc:
        out = ran(parent_of(orc.graph), mode, TASK, context=context)
    assert out["results"]["1"]["candidate"] == who


def test_a_parents_fields_loosen_nothing(mode: str) -> None:
    pool = [model("dear", "Goethe", 0.95), model("home", "Goethe", 0.5, local=True)]
    with orchestrated(*pool, policy=Policy(private=True)) as orc:
        out = ran(parent_of(orc.graph), mode, TASK, context={"private": False})
    assert (out["results"]["1"]["candidate"], pool[0].model.seen) == ("test:home", [])


def test_our_key_with_a_wrong_field_names_it(mode: str) -> None:
    with (
        orchestrated(model("only")) as orc,
        pytest.raises(ValueError, match=r"policy\.privat: unknown field"),
    ):
        ran(parent_of(orc.graph), mode, TASK, context={"orchestrator": {"privat": True}})


@pytest.mark.parametrize("stream_mode", MODES)
def test_streams_show_the_inside_where_subgraphs_are_asked_for(mode: str, stream_mode: str) -> None:
    with orchestrated(model("only", "Goethe wrote it")) as orc:
        parent = parent_of(orc.graph, checkpointer=InMemorySaver())
        config: Any = {"configurable": {"thread_id": stream_mode}}
        inner = streamed(parent, mode, TASK, config, stream_mode=stream_mode, subgraphs=True)
        outer = streamed(parent, mode, TASK, config, stream_mode=stream_mode)
    places = {place for place, _ in inner}
    assert any(place and place[0].startswith("inside:") for place in places)
    if stream_mode == "custom":
        assert outer == []
        events = [event["event"] for _, event in inner if event["event"] != "token"]
        assert events == ["plan", "decision", "call", "verdict", "result"]
    elif stream_mode == "messages":
        texts = ["".join(m.text for m, _ in items) for items in (outer, [item for _, item in inner])]
        assert texts == ["Goethe wrote it"] * 2
        assert (len(outer), len(inner) > 1) == (1, True), "token by token from inside, as one step else"
    else:
        assert outer


def test_a_graph_called_in_a_node_runs_as_a_part_of_it(mode: str) -> None:
    only = model("only", "dunno")
    inner = create_orchestrator([only])

    def solve(state: State) -> Any:
        return {"messages": inner.invoke({"messages": state["messages"]}, context=Policy(human="ask"))["messages"]}

    async def asolve(state: State) -> Any:
        out = await inner.ainvoke({"messages": state["messages"]}, context=Policy(human="ask"))
        return {"messages": out["messages"]}

    parent = parent_of(RunnableLambda(solve, asolve), checkpointer=InMemorySaver())
    out = ran(parent, mode, {"messages": [("user", "Multiply 6 by 7")]}, THREAD)
    assert out["__interrupt__"][0].value["proposed"] == "dunno"
    calls = len(only.model.seen)
    out = ran(parent, mode, Command(resume={"answer": "42"}), THREAD)
    assert (out["messages"][-1].text, len(only.model.seen)) == ("42", calls)
