"""Checkpointers, turns, resume, subgraphs: what is paid is kept and what is asked holds."""

import asyncio
from typing import Any, TypedDict

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Command

from orchestrator_graph import Policy
from tests.graph.support import model, orchestrated, run

THREAD: dict[str, Any] = {"configurable": {"thread_id": "t"}}


def breaking(asked: str) -> str:
    return "" if "bad" in asked else "fine"


@pytest.mark.parametrize("saver", [False, True])
@pytest.mark.parametrize(("count", "failing"), [(2, 1), (20, 7)])
def test_siblings_of_a_failing_branch_keep_their_paid_work(mode: str, saver: bool, count: int, failing: int) -> None:
    text = "\n".join(f"{i + 1}. Name a {'bad' if i < failing else 'good'} thing number {i + 1}" for i in range(count))
    options = {"checkpointer": InMemorySaver()} if saver else {}
    with orchestrated(model("only", breaking), **options) as orc:
        out = run(orc, mode, text, **(THREAD if saver else {}))
    done = [r for r in out["results"].values() if r["status"] == "accepted"]
    lost = [r for r in out["results"].values() if r["status"] == "failed"]
    assert (len(done), len(lost)) == (count - failing, failing)
    assert all(r["cost_nusd"] > 0 for r in done)
    answer = out["messages"][-1].content
    for result in lost:
        assert f"- {result['id']}. {result['brief']} (empty: " in answer
    assert out["bill"]["failed_calls"] >= failing


def test_what_needs_a_failed_step_is_not_run(mode: str) -> None:
    only = model("only", breaking)
    with orchestrated(only) as orc:
        out = run(orc, mode, "Name a bad thing, then translate the result into French; meanwhile add 2 and 3")
    assert out["results"]["2"]["missing"] == "needs 1, which gave no answer"
    assert not any("Translate" in asked for asked in only.model.seen)


def test_turn_three_bills_turn_three_only(mode: str) -> None:
    with orchestrated(model("only", "fine"), checkpointer=InMemorySaver()) as orc:
        outs = [run(orc, mode, f"Name a thing number {turn}", **THREAD) for turn in range(3)]
    assert [out["bill"]["calls"] for out in outs] == [1, 1, 1]
    assert len(outs[2]["results"]) == 1
    assert len(outs[2]["messages"]) == 6
    assert len({out["bill"]["run_id"] for out in outs}) == 3


class ParentContext(TypedDict, total=False):
    region: str
    orchestrator: dict[str, Any]


@pytest.mark.parametrize(
    ("context", "candidate"),
    [
        ({"region": "eu"}, "test:home"),
        ({"region": "eu", "orchestrator": {"private": False, "tradeoff": "best"}}, "test:cloud"),
        (None, "test:home"),
    ],
)
def test_as_subgraph_the_policy_is_right(mode: str, context: Any, candidate: str) -> None:
    pool = [model("cloud", "c", 0.95), model("home", "h", 0.6, local=True)]
    with orchestrated(*pool, policy=Policy(private=True)) as orc:
        parent: Any = StateGraph(MessagesState, context_schema=ParentContext)
        parent.add_node("orchestrator", orc.graph)
        parent.add_edge(START, "orchestrator")
        parent.add_edge("orchestrator", END)
        graph = parent.compile()
        given = {"messages": [("user", "Who wrote Faust?")]}
        if mode == "sync":
            out = graph.invoke(given, context=context)
        else:
            out = asyncio.run(graph.ainvoke(given, context=context))
    assert out["messages"][-1].content == {"test:cloud": "c", "test:home": "h"}[candidate]


def test_a_person_is_asked_and_nothing_is_paid_twice() -> None:
    only = model("only", "dunno")
    with orchestrated(only, checkpointer=InMemorySaver()) as orc:
        out = orc.graph.invoke({"messages": [("user", "Multiply 6 by 7")]}, THREAD, context=Policy(human="ask"))
        (question,) = out["__interrupt__"]
        assert question.value["proposed"] == "dunno"
        calls = len(only.model.seen)
        out = orc.graph.invoke(Command(resume={"answer": "42"}), THREAD, context=Policy(human="ask"))
    assert out["messages"][-1].content == "42"
    assert out["results"]["1"]["candidate"] == "person"
    assert len(only.model.seen) == calls
    assert out["bill"]["calls"] == calls


def test_without_a_checkpointer_nobody_is_asked(mode: str) -> None:
    with orchestrated(model("only", "dunno")) as orc:
        out = run(orc, mode, "Multiply 6 by 7", Policy(human="ask"))
    assert out["results"]["1"]["status"] == "unsure"
