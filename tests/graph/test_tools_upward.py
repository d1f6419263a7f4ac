"""Sticky and escalate-only: who goes on in a tool loop, and from where; what was done is not done again."""

from typing import Any

from langchain_core.messages import AIMessage, BaseMessage

from orchestrator_graph import Policy
from orchestrator_graph.nodes.upward import in_line, upward
from tests.graph.support import orchestrated, run
from tests.graph.tooled import Desk, Replies, call, caller, calls, once, results

ADD = calls(call("add", a=47, b=38))


def down_after_the_tool(messages: list[BaseMessage], _: list[Any]) -> AIMessage:
    if results(messages):
        raise ConnectionRefusedError("nobody there")
    return ADD


def noting(heard: list[list[str]], replies: Replies) -> Replies:
    """Notes the kinds of messages of each call."""

    def told(messages: list[BaseMessage], tools: list[Any]) -> str | AIMessage:
        heard.append([message.type for message in messages])
        return replies(messages, tools)

    return told


def test_a_failure_in_mid_loop_moves_up_and_goes_on_from_the_results(mode: str) -> None:
    desk, better, worse = Desk(), list[list[str]](), list[list[str]]()
    pool = [
        caller("first", down_after_the_tool, 0.8, 0.1),
        caller("worse", noting(worse, once(ADD)), 0.7, 0.2),
        caller("better", noting(better, once(ADD)), 0.9, 5.0),
    ]
    with orchestrated(*pool, tools=[desk.add]) as orc:
        out = run(orc, mode, "Who wrote Faust?", Policy(tradeoff="cheap"))
    assert out["results"]["1"]["decision"]["ranking"][0]["candidate_id"] == "test:first"
    assert (out["messages"][-1].content, out["results"]["1"]["candidate"]) == ("It is 85", "test:better")
    assert (better, worse) == ([["human", "ai", "tool"]], [])
    assert desk.ran == [(47, 38)]


def test_somebody_worse_is_better_than_no_answer(mode: str) -> None:
    desk = Desk()
    pool = [caller("first", down_after_the_tool, 0.9, 0.1), caller("worse", once(ADD), 0.5, 0.2)]
    with orchestrated(*pool, tools=[desk.add]) as orc:
        out = run(orc, mode, "Who wrote Faust?")
    assert (out["messages"][-1].content, out["results"]["1"]["candidate"]) == ("It is 85", "test:worse")
    assert desk.ran == [(47, 38)]


def test_the_one_in_use_stays_where_it_works(mode: str) -> None:
    desk, other = Desk(), list[list[str]]()

    def thrice(messages: list[BaseMessage], _: list[Any]) -> str | AIMessage:
        return "done" if len(results(messages)) > 2 else calls(call("add", f"c{len(messages)}", a=1, b=1))

    pool = [caller("cheap", thrice, 0.8, 0.1), caller("dear", noting(other, once(ADD)), 0.9, 9.0)]
    with orchestrated(*pool, tools=[desk.add]) as orc:
        out = run(orc, mode, "Who wrote Faust?", Policy(tradeoff="cheap"))
    assert (out["results"]["1"]["models"], other, len(desk.ran)) == (["test:cheap"], [], 3)


def test_after_the_judge_the_next_one_starts_from_the_results_too(mode: str) -> None:
    desk, heard = Desk(), list[list[str]]()
    pool = [
        caller("weak", once(ADD, "dunno"), 0.7, 0.1),
        caller("strong", noting(heard, once(ADD, "{}")), 0.9, 10.0),
    ]
    with orchestrated(*pool, tools=[desk.add]) as orc:
        out = run(orc, mode, "Add 47 and 38", Policy(strategy="cascade"))
    result = out["results"]["1"]
    assert (result["answer"], result["escalations"], result["status"]) == ("85", 1, "accepted")
    assert (heard, desk.ran) == ([["human", "ai", "tool"]], [(47, 38)])


def test_after_a_failed_check_nobody_worse_takes_over(mode: str) -> None:
    worse, better = list[list[str]](), list[list[str]]()
    pool = [
        caller("first", once(ADD, "dunno"), 0.8, 0.1),
        caller("worse", noting(worse, once(ADD, "{}")), 0.75, 0.1),
        caller("better", noting(better, once(ADD, "{}")), 0.9, 50.0),
    ]
    with orchestrated(*pool, tools=[Desk().add]) as orc:
        out = run(orc, mode, "Add 47 and 38", Policy(tradeoff="cheap"))
    order = [entry["candidate_id"] for entry in out["results"]["1"]["decision"]["ranking"]]
    assert order == ["test:first", "test:worse", "test:better"]
    assert (out["results"]["1"]["candidate"], worse, better) == ("test:better", [], [["human", "ai", "tool"]])


def test_two_failed_calls_in_a_row_move_up(mode: str) -> None:
    desk, heard = Desk(), list[list[str]]()

    def stubborn(messages: list[BaseMessage], _: list[Any]) -> AIMessage:
        return calls(call("fail", f"c{len(messages)}", why="no"))

    pool = [caller("weak", stubborn, 0.8, 0.1), caller("strong", noting(heard, once(ADD, "I give up")), 0.9, 9.0)]
    with orchestrated(*pool, tools=[desk.fail]) as orc:
        out = run(orc, mode, "Who wrote Faust?", Policy(tradeoff="cheap"))
    assert desk.ran == [("no",), ("no",)]
    assert heard == [["human", "ai", "tool", "ai", "tool"]]
    assert out["results"]["1"]["candidate"] == "test:strong"
    steps = {item["candidate"] for item in out["results"]["1"]["tools"]}
    assert steps == {"test:weak"}


def test_two_failed_calls_with_nobody_better_stay(mode: str) -> None:
    desk = Desk()

    def thrice(messages: list[BaseMessage], _: list[Any]) -> str | AIMessage:
        failed = len(results(messages)) < 3
        return calls(call("fail", f"c{len(messages)}", why="no")) if failed else "it does not work"

    pool = [caller("best", thrice, 0.9, 0.1), caller("other", once(ADD), 0.9, 0.2)]
    with orchestrated(*pool, tools=[desk.fail]) as orc:
        out = run(orc, mode, "Who wrote Faust?")
    assert (out["results"]["1"]["candidate"], len(desk.ran)) == ("test:best", 3)


def test_the_judge_sees_what_the_tools_returned(mode: str) -> None:
    seen: list[str] = []

    def judges(asked: str) -> float:
        seen.append(asked)
        return 0.95

    writer = caller("writer", once(ADD), 0.9, 0.1)
    critic = caller("critic", once(ADD), 0.5, 0.1, can="chat")
    critic.model.judges = judges
    with orchestrated(writer, critic, tools=[Desk().add]) as orc:
        out = run(orc, mode, "Who wrote Faust?", Policy(fault_tolerance="low"))
    assert out["results"]["1"]["status"] == "accepted"
    assert 'What tools returned:\n| add({"a": 47, "b": 38}): 85\n' in seen[0]


def estimate(name: str, quality: float) -> dict[str, Any]:
    return {
        "candidate_id": name,
        "quality": quality,
        "candidate": {"kind": "single", "members": [{"model": name, "samples": 1, "effort": None}]},
    }


def test_the_line_by_itself() -> None:
    ranking = [estimate("a", 0.8), estimate("b", 0.6), estimate("c", 0.9), estimate("d", 0.8)]
    fresh = {"decision": {"ranking": ranking}, "subtask": {"private": False}}
    said = {"candidate": "a", "model": "a", "call_id": "x", "message": {"tool_calls": [{"id": "1"}, {"id": "2"}]}}
    within = {**fresh, "loop": {"said": [said], "holder": "a"}, "tried": ["a"], "hand": []}
    failing = {**within, "tools": {"1": {"ok": False}, "2": {"ok": False}}}
    private = {**within, "subtask": {"private": True}}
    line = lambda state, local=frozenset(): "".join(c.id for c in in_line(state, local))  # noqa: E731
    assert line(fresh) == "abcd"
    assert line(within) == "acdb"
    assert line(failing) == "cadb"
    assert line(private, frozenset("bcd")) == "cdb"
    assert [e["candidate_id"] for e in upward(ranking[1:], within)] == ["c", "d"]
    assert [e["candidate_id"] for e in upward(ranking[1:2], within)] == ["b"]
    hand = [{"text": "an answer", "verdict": {"confidence": 0.3}}]
    assert upward(ranking[1:2], {**within, "hand": hand}) == []
