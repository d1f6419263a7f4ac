"""`tools=[...]`: a bounded loop per subtask, errors as values, each call on the bill, no step in the conversation."""

import asyncio
import time
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver

from orchestrator_graph import Policy, create_orchestrator, format_bill
from orchestrator_graph.errors import InputError, NoCandidateError
from tests.graph.support import model, orchestrated, run
from tests.graph.test_stream import streamed
from tests.graph.tooled import Desk, call, caller, calls, once, results


def test_a_tool_is_called_and_its_result_answers(mode: str) -> None:
    desk = Desk()
    with orchestrated(caller("a", once(calls(call("add", a=47, b=38)))), tools=[desk.add]) as orc:
        out = run(orc, mode, "Add 47 and 38")
    assert out["messages"][-1].content == "It is 85"
    assert [message.type for message in out["messages"]] == ["human", "ai"]
    assert desk.ran == [(47, 38)]
    (listed,) = out["results"]["1"]["tools"]
    assert (listed["name"], listed["ok"], listed["args"], listed["output"]) == ("add", True, {"a": 47, "b": 38}, "85")
    lines = {line["purpose"]: line for line in out["bill"]["lines"]}
    assert (lines["execute"]["calls"], lines["tool"]["calls"], lines["tool"]["model"]) == (2, 1, "add")
    assert out["bill"]["total_nusd"] == lines["execute"]["cost_nusd"] == out["bill"]["reference"]["cost_nusd"] > 0
    assert "add" in format_bill(out)


def test_calls_of_one_answer_run_side_by_side(mode: str) -> None:
    @tool
    def slow(n: int) -> int:
        """Takes its time."""
        time.sleep(0.3)
        return n

    asked = calls(*(call("slow", f"c{n}", n=n) for n in range(4)))
    with orchestrated(caller("a", once(asked)), tools=[slow]) as orc:
        orc.portfolio()
        began = time.perf_counter()
        out = run(orc, mode, "Who wrote Faust?")
    assert time.perf_counter() - began < 1.0
    assert [item["output"] for item in out["results"]["1"]["tools"]] == ["0", "1", "2", "3"]


WRONG = {
    "unknown": (call("sing", song="x"), "sing is not a valid tool"),
    "arguments": (call("add", a="many"), "Please fix"),
    "raises": (call("fail", why="no luck"), "no luck"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_goes_wrong_is_told_to_the_model(mode: str, case: str) -> None:
    asked, words = WRONG[case]
    desk = Desk()
    heard: list[ToolMessage] = []

    def replies(messages: list[BaseMessage], _: list[Any]) -> str | AIMessage:
        heard[:] = results(messages)
        return "sorry" if heard else calls(asked)

    with orchestrated(caller("a", replies), tools=[desk.add, desk.fail]) as orc:
        out = run(orc, mode, "Who wrote Faust?")
    assert out["results"]["1"]["status"] == "accepted"
    assert (heard[0].status, heard[0].tool_call_id) == ("error", "c1")
    assert words in str(heard[0].content)
    (line,) = [line for line in out["bill"]["lines"] if line["purpose"] == "tool"]
    assert (line["model"], line["failed"]) == ("(unknown)" if case == "unknown" else asked["name"], 1)
    assert out["results"]["1"]["tools"][0]["ok"] is False


def test_messages_show_accepted_text_only_and_events_show_the_tools(mode: str) -> None:
    desk = Desk()
    asked = calls(call("add", a=47, b=38), text="Let me see")
    with orchestrated(caller("a", once(asked)), tools=[desk.add]) as orc:
        seen = streamed(orc, mode, "Add 47 and 38")
    assert list(seen.texts().values()) == ["It is 85"]
    (event,) = seen.of("tool")
    assert (event["subtask"], event["name"], event["ok"], event["args"]) == ("1", "add", True, {"a": 47, "b": 38})
    assert event["seconds"] >= 0


ENSEMBLES = [Policy(strategy="consensus"), Policy(ensemble="always"), Policy(strategy="best_of_n")]


@pytest.mark.parametrize("policy", ENSEMBLES, ids=["consensus", "always", "best of n"])
def test_a_plan_is_still_made_and_one_model_answers_each_part(mode: str, policy: Policy) -> None:
    desk = Desk()
    pool = [caller(name, once(calls(call("add", a=40, b=45)), "{}"), 0.9) for name in "ab"]
    with orchestrated(*pool, tools=[desk.add]) as orc:
        out = run(orc, mode, "Add 47 and 38; meanwhile add 40 and 45", policy)
    assert len(out["plan"]) == len(desk.ran) == 2
    assert all(len(result["models"]) == 1 for result in out["results"].values())
    assert {r["decision"]["ranking"][0]["candidate"]["kind"] for r in out["results"].values()} == {"single"}
    assert any("was not followed" in note for note in out["bill"]["notes"]) is (policy.strategy != "auto")


def test_a_pool_without_tools_is_refused_before_anything_is_paid(mode: str) -> None:
    plain = model("plain", capabilities=frozenset({"chat"}))
    with orchestrated(plain, tools=[Desk().add]) as orc:
        for ask in (lambda: run(orc, mode, "Add 47 and 38"), lambda: orc.decide("Add 47 and 38")):
            with pytest.raises(NoCandidateError, match=r"no model of this pool can call them.*leave tools out"):
                ask()
    assert plain.model.seen == []


BAD: list[tuple[Any, str]] = [
    ("add", "give a list of functions"),
    ([3], r"tools\[0\] = 3 is a int: give a function"),
    ([Desk().add, Desk().add], r"tools\[1\]: the name 'add' is taken by tools\[0\]"),
    ([{"type": "function", "function": {"name": "x"}}], "describes a tool without its code"),
    ([lambda x: x], r"tools\[0\].*docstring"),
    ([tool("two words", description="Adds.")(Desk().add)], r"tools\[0\]: its name 'two words'"),
]


@pytest.mark.parametrize(("tools", "words"), BAD, ids=[words[:12] for _, words in BAD])
def test_bad_tools_are_refused_at_once(tools: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        create_orchestrator([caller("a", once(calls()))], tools=tools)


def test_an_async_tool_runs_in_an_async_run() -> None:
    @tool
    async def later(n: int) -> int:
        """Takes a number."""
        await asyncio.sleep(0)
        return n

    with orchestrated(caller("a", once(calls(call("later", n=7)))), tools=[later]) as orc:
        assert run(orc, "async", "Who wrote Faust?")["messages"][-1].content == "It is 7"


def test_what_a_provider_runs_itself_is_passed_on_as_it_came(mode: str) -> None:
    seen: list[Any] = []

    def replies(_: list[BaseMessage], tools: list[Any]) -> str:
        seen.extend(tools)
        return "found"

    with orchestrated(caller("a", replies), tools=[{"type": "web_search"}]) as orc:
        out = run(orc, mode, "Who wrote Faust?")
    assert (out["messages"][-1].content, seen, out["results"]["1"]["tools"]) == ("found", [{"type": "web_search"}], [])


def test_the_second_turn_of_a_thread_has_tools_of_its_own(mode: str) -> None:
    desk = Desk()
    spec = caller("a", once(calls(call("add", a=47, b=38))))
    with orchestrated(spec, tools=[desk.add], checkpointer=InMemorySaver()) as orc:
        outs = [run(orc, mode, text, configurable={"thread_id": "t"}) for text in ("Add 47 and 38", "Who wrote Faust?")]
    assert [len(out["results"]["1"]["tools"]) for out in outs] == [1, 1]
    assert [message.type for message in outs[1]["messages"]] == ["human", "ai", "human", "ai"]


@pytest.mark.parametrize("deadline", [None, 20.0])
def test_a_tool_that_cancels_itself_is_an_error_for_the_model(mode: str, deadline: float | None) -> None:
    def gone() -> str:
        """Does what a client does whose server is gone."""
        raise asyncio.CancelledError

    with orchestrated(caller("a", once(calls(call("gone")))), tools=[gone]) as orc:
        out = run(orc, mode, "Who wrote Faust?", Policy(deadline_s=deadline) if deadline else None)
    assert out["messages"][-1].content == "It is Error: RuntimeError('the tool cancelled itself')"


def test_a_caller_who_cancels_is_obeyed() -> None:
    began: list[str] = []

    @tool
    async def wait() -> str:
        """Waits."""
        began.append("wait")
        await asyncio.sleep(30)
        return "late"

    with orchestrated(caller("a", once(calls(call("wait")))), tools=[wait]) as orc, pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(orc.arun("Who wrote Faust?"), 2))
    assert began == ["wait"]


HALF = "\ud83d"
"""Half of an emoji: some servers split them between two chunks."""


def test_half_characters_of_models_and_tools_end_no_run(mode: str) -> None:
    def echo(word: str) -> str:
        """Says it again."""
        return word + HALF

    asked = calls(call("echo", word=HALF), text=HALF)
    with orchestrated(caller("a", once(asked, "It is {}" + HALF)), tools=[echo], checkpointer=InMemorySaver()) as orc:
        out = run(orc, mode, "Who wrote Faust?", configurable={"thread_id": "t"})
        with pytest.raises(InputError, match="messages: half a character"):
            run(orc, mode, HALF, configurable={"thread_id": "u"})
    assert out["messages"][-1].content == "It is ???"
