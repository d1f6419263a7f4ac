"""Bounds of a tool loop: rounds, calls, money, time; and that every call is answered once, whatever models do."""

import time
from decimal import Decimal
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.prebuilt import InjectedState

from orchestrator_graph import Orchestrator, Policy
from orchestrator_graph.policy import LIMITS
from tests.graph.support import orchestrated, run
from tests.graph.test_stream import streamed
from tests.graph.tooled import Desk, call, caller, calls, once, results


def test_the_loop_ends_after_its_rounds(mode: str) -> None:
    desk, last = Desk(), list[str]()

    def replies(messages: list[BaseMessage], _: list[Any]) -> AIMessage:
        last.append(str(messages[-1].content))
        return calls(call("add", a=len(messages), b=0))  # the same id each time, as some servers do

    with orchestrated(caller("a", replies), tools=[desk.add]) as orc:
        out = run(orc, mode, "Who wrote Faust?")
    assert len(desk.ran) == LIMITS.tool_rounds
    assert len(last) == LIMITS.tool_rounds + 1
    assert last[-1].startswith("No more tools")
    assert out["results"]["1"]["missing"] == "bad_response: it still calls tools after 8 rounds"


def test_money_ends_the_loop(mode: str) -> None:
    desk = Desk()
    with orchestrated(caller("a", lambda m, t: calls(call("add", a=1, b=1)), price=50.0), tools=[desk.add]) as orc:
        out = run(orc, mode, "Who wrote Faust?", Policy(max_cost_usd=0.05))
    assert 0 < len(desk.ran) < LIMITS.tool_rounds
    assert out["bill"]["total_usd"] <= 0.05
    assert out["results"]["1"]["missing"].startswith("budget")


def test_what_a_tool_says_it_costs_is_billed_and_drawn_from_the_budget(mode: str) -> None:
    @tool(response_format="content_and_artifact")
    def search(query: str) -> tuple[str, dict[str, float]]:
        """Searches, for money."""
        return "found", {"cost_usd": 0.02}

    replies = lambda m, t: calls(call("search", query="x"))  # noqa: E731
    with orchestrated(caller("a", replies, price=0.01), tools=[search]) as orc:
        out = run(orc, mode, "Who wrote Faust?", Policy(max_cost_usd=0.05))
    (line,) = [line for line in out["bill"]["lines"] if line["purpose"] == "tool"]
    assert (line["calls"], line["cost_nusd"], line["billed"]) == (3, 60_000_000, True)
    assert out["results"]["1"]["missing"].startswith("budget")  # the third call passed the limit; nobody is asked then


SAID = [(Decimal("0.02"), 20_000_000), ("0.02", 20_000_000), (1e300, 10**15), (10**400, 0), (float("nan"), 0), (-1, 0)]
SAID += [(None, 0), (True, 0), ("much", 0)]


@pytest.mark.parametrize(("said", "billed"), SAID, ids=[str(said)[:8] for said, _ in SAID])
def test_whatever_a_tool_says_it_costs_the_bill_is_a_bill(mode: str, said: Any, billed: int) -> None:
    @tool(response_format="content_and_artifact")
    def search(query: str) -> tuple[str, dict[str, Any]]:
        """Searches, for money."""
        return query, {"cost_usd": said}

    with orchestrated(caller("a", once(calls(call("search", query="x"))), price=0.01), tools=[search]) as orc:
        out = run(orc, mode, "Who wrote Faust?")
    assert [line["cost_nusd"] for line in out["bill"]["lines"] if line["purpose"] == "tool"] == [billed]


def test_parts_side_by_side_see_what_the_others_tools_cost(mode: str) -> None:
    @tool(response_format="content_and_artifact")
    def search(query: str) -> tuple[str, dict[str, float]]:
        """Searches, for money."""
        return "85", {"cost_usd": 0.02}

    with orchestrated(caller("a", once(calls(call("search", query="x")), "{}")), tools=[search]) as orc:
        seen = streamed(orc, mode, "Add 47 and 38; meanwhile add 40 and 45")
    total = seen.values[-1]["bill"]["total_nusd"]
    assert seen.of("call")[-1]["spent_nusd"] == total > 40_000_000


def test_the_deadline_holds_for_tools(mode: str) -> None:
    @tool
    def hang() -> str:
        """Hangs."""
        time.sleep(3)
        return "late"

    with orchestrated(caller("a", once(calls(call("hang")))), tools=[hang]) as orc:
        orc.portfolio()
        began = time.perf_counter()
        out = run(orc, mode, "Who wrote Faust?", Policy(deadline_s=0.8))
        took = time.perf_counter() - began
    assert out["results"]["1"]["tools"][0]["ok"] is False
    assert out["results"]["1"]["status"] == "failed"
    assert took < 2.5 or mode == "async"  # asyncio.run waits for the thread at its end


def test_what_a_tool_returns_is_bounded(mode: str) -> None:
    def flood(n: int) -> str:
        """Says much."""
        return "x" * n

    with orchestrated(caller("a", once(calls(call("flood", n=10**7)))), tools=[flood]) as orc:
        out = run(orc, mode, "Who wrote Faust?")
    assert out["messages"][-1].content.endswith("[cut: 100000 of 10000000 characters]")


def test_blocks_are_bounded_together(mode: str) -> None:
    @tool
    def flood(n: int) -> list[dict[str, str]]:
        """Says much, in blocks, as the tools of MCP servers do."""
        return [{"type": "text", "text": "x" * n} for _ in range(3)]

    told: list[Any] = []

    def replies(messages: list[BaseMessage], _: list[Any]) -> str | AIMessage:
        told.extend(message.content for message in results(messages))
        return "done" if told else calls(call("flood", n=80_000))

    with orchestrated(caller("a", replies), tools=[flood]) as orc:
        run(orc, mode, "Who wrote Faust?")
    first, second = told[0]
    assert len(first["text"]) == 80_000
    assert second["text"].endswith("x\n[cut: 20000 of 80000 characters]")


@pytest.mark.parametrize("reads", [False, True])
def test_a_checkpointer_holds_what_tools_returned_few_times_over(mode: str, reads: bool) -> None:
    @tool
    def flood(n: int) -> str:
        """Says much."""
        return str(n % 10) * 50_000

    @tool
    def flood_reading(n: int, state: Annotated[dict[str, Any], InjectedState]) -> str:
        """Says much, having read the state."""
        return str(len(state["messages"]) % 10) * 50_000

    name, saver = "flood_reading" if reads else "flood", InMemorySaver()

    def replies(messages: list[BaseMessage], _: list[Any]) -> str | AIMessage:
        done = len(results(messages))
        return "done" if done == 16 else calls(*(call(name, f"c{done + n}", n=n) for n in range(8)))

    with orchestrated(caller("a", replies), tools=[flood, flood_reading], checkpointer=saver) as orc:
        run(orc, mode, "Who wrote Faust?", configurable={"thread_id": "t"})
    held = sum(len(data) for _, data in saver.blobs.values())
    returned = 16 * 50_000
    assert returned < held < (12 if reads else 3) * returned


STEP = st.lists(st.tuples(st.sampled_from(["add", "fail", "sing"]), st.sampled_from(["", "c1", "c2"])), max_size=20)


@settings(max_examples=25)
@given(st.lists(STEP, max_size=12), st.sampled_from(["sync", "async"]))
def test_each_call_is_answered_once_and_bounds_hold(steps: list[list[tuple[str, str]]], mode: str) -> None:
    desk, asked, wrong = Desk(), list[int](), list[Any]()

    def replies(messages: list[BaseMessage], _: list[Any]) -> str | AIMessage:
        wanted = [c["id"] for m in messages if isinstance(m, AIMessage) for c in m.tool_calls]
        told = [message.tool_call_id for message in results(messages)]
        wrong.extend([] if wanted == told and len(set(told)) == len(told) else [(wanted, told)])
        asked.append(len(messages))
        step = steps[len(asked) - 1] if len(asked) <= len(steps) else []
        given = {"add": {"a": 1, "b": 2}, "fail": {"why": "x"}, "sing": {}}
        return calls(*(call(name, number, **given[name]) for name, number in step)) if step else "done"

    pool = [caller(name, replies, quality) for name, quality in (("a", 0.8), ("b", 0.9))]
    with Orchestrator(pool, tools=[desk.add, desk.fail]) as orc:
        out = run(orc, mode, "Who wrote Faust?")
    assert wrong == []
    assert len(asked) <= LIMITS.model_calls
    assert len(desk.ran) <= LIMITS.tool_rounds * LIMITS.tool_calls
    taken = min(next((n for n, step in enumerate(steps) if not step), len(steps)), LIMITS.tool_rounds)
    assert len(out["results"]["1"]["tools"]) == sum(len(step) for step in steps[:taken])
