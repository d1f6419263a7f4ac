"""Interrupts, crashes, other processes: a finished tool call is kept by the checkpointer and never made again."""

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import pytest
from langchain_core.messages import ToolMessage
from langchain_core.tools import BaseTool, InjectedToolCallId, tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.prebuilt import InjectedState, InjectedStore, ToolRuntime
from langgraph.store.memory import InMemoryStore
from langgraph.types import Command, interrupt

from orchestrator_graph import Orchestrator, Policy
from tests.graph.support import orchestrated, resume, run
from tests.graph.test_stream import streamed
from tests.graph.tooled import Desk, call, caller, calls, once

THREAD: Any = {"thread_id": "t"}


def test_an_interrupt_in_a_tool_costs_nothing_again(mode: str) -> None:
    desk = Desk()

    @tool
    def book(seat: str) -> str:
        """Books a seat, if a person agrees."""
        return f"{seat}: {interrupt({'book': seat})}"

    asked = calls(call("add", "c1", a=47, b=38), call("book", "c2", seat="12A"))
    with orchestrated(caller("a", once(asked)), tools=[desk.add, book], checkpointer=InMemorySaver()) as orc:
        first = run(orc, mode, "Who wrote Faust?", configurable=THREAD)
        assert [item.value for item in first["__interrupt__"]] == [{"book": "12A"}]
        out = go_on(orc, mode, Command(resume="yes"))
    assert out["messages"][-1].content == "It is 12A: yes"
    assert desk.ran == [(47, 38)]
    lines = {line["purpose"]: line["calls"] for line in out["bill"]["lines"] if line["purpose"] == "execute"}
    assert lines == {"execute": 2}
    assert [item["name"] for item in out["results"]["1"]["tools"]] == ["add", "book"]


def test_whoever_goes_on_in_another_process_knows_what_was_spent(mode: str) -> None:
    @tool
    def ask() -> str:
        """Asks a person."""
        return str(interrupt("well?"))

    saver, spec, spent = InMemorySaver(), caller("a", once(calls(call("ask")))), list[int]()
    with orchestrated(spec, tools=[ask], checkpointer=saver) as orc:
        run(orc, mode, "Who wrote Faust?", configurable=THREAD)
    with orchestrated(spec, tools=[ask], checkpointer=saver) as other:
        out = go_on(other, mode, Command(resume="yes"), spent)
    assert spent == [out["bill"]["total_nusd"]]
    assert [line["calls"] for line in out["bill"]["lines"]] == [2, 1]


def test_a_person_asked_by_a_tool_has_time(mode: str) -> None:
    @tool
    def ask() -> str:
        """Asks a person."""
        return str(interrupt("well?"))

    policy = Policy(deadline_s=1.0)
    pool = [caller("a", once(calls(call("ask"))))]
    with orchestrated(*pool, tools=[ask], checkpointer=InMemorySaver(), policy=policy) as orc:
        orc.portfolio()
        run(orc, mode, "Who wrote Faust?", configurable=THREAD)
        time.sleep(1.1)
        assert go_on(orc, mode, Command(resume="Goethe"))["messages"][-1].content == "It is Goethe"


def go_on(orc: Orchestrator, mode: str, given: Any, spent: list[int] | None = None) -> dict[str, Any]:
    """Goes on with the thread; `spent` takes what the task had spent after each call of a model."""
    options: Any = {"config": {"configurable": THREAD}, "stream_mode": ["custom", "values"]}

    async def items() -> list[Any]:
        return [item async for item in orc.graph.astream(given, **options)]

    found = list(orc.graph.stream(given, **options)) if mode == "sync" else asyncio.run(items())
    events = [chunk for kind, chunk in found if kind == "custom" and chunk["event"] == "call"]
    (spent if spent is not None else []).extend(event["spent_nusd"] for event in events)
    return dict(found[-1][1])


def test_a_crash_between_two_tools_repeats_none_that_was_finished(mode: str) -> None:
    desk, crashes = Desk(), [KeyboardInterrupt]

    @tool
    def crash() -> str:
        """Ends the process, the first time."""
        if crashes:
            raise crashes.pop()
        return "well"

    def replies(messages: Any, _: Any) -> Any:
        told = [m for m in messages if isinstance(m, ToolMessage)]
        if not told:
            return calls(call("add", "c1", a=47, b=38))
        return "done" if len(told) > 1 else calls(call("crash", "c2"))

    with orchestrated(caller("a", replies), tools=[desk.add, crash], checkpointer=InMemorySaver()) as orc:
        with pytest.raises(KeyboardInterrupt):
            run(orc, mode, "Who wrote Faust?", configurable=THREAD)
        out = resume(orc, mode, configurable=THREAD)
    assert (out["messages"][-1].content, desk.ran, crashes) == ("done", [(47, 38)], [])
    assert sum(line["calls"] for line in out["bill"]["lines"] if line["purpose"] == "execute") == 3


def tools_that_are_told_more(seen: dict[str, Any]) -> list[BaseTool]:
    @tool
    def look(word: str, state: Annotated[dict[str, Any], InjectedState], runtime: ToolRuntime) -> str:
        """Sees the state."""
        seen["state"], seen["id"] = [message.type for message in state["messages"]], runtime.tool_call_id
        runtime.stream_writer({"event": "mine", "word": word})
        return word

    @tool
    def keep(word: str, store: Annotated[Any, InjectedStore]) -> str:
        """Keeps a word."""
        store.put(("words",), word, {"kept": True})
        return word

    @tool
    def command(go: bool, tool_call_id: Annotated[str, InjectedToolCallId]) -> Any:
        """Answers with a command."""
        message = ToolMessage("by command", tool_call_id=tool_call_id)
        return Command(update={"messages": [message]}, goto="elsewhere" if go else ())

    return [look, keep, command]


def test_tools_are_given_state_store_and_runtime(mode: str) -> None:
    seen, store = dict[str, Any](), InMemoryStore()
    asked = calls(call("look", "c1", word="x"), call("keep", "c2", word="y"))
    with orchestrated(caller("a", once(asked)), tools=tools_that_are_told_more(seen), store=store) as orc:
        events = streamed(orc, mode, "Who wrote Faust?")
    assert seen == {"state": ["human", "ai"], "id": "c1"}
    assert [item.key for item in store.search(("words",))] == ["y"]
    assert [event["word"] for event in events.of("mine")] == ["x"]


def test_a_store_that_is_not_there_is_an_error_for_the_model(mode: str) -> None:
    asked = calls(call("keep", word="y"))
    with orchestrated(caller("a", once(asked)), tools=tools_that_are_told_more({})) as orc:
        out = run(orc, mode, "Who wrote Faust?")
    assert out["results"]["1"]["tools"][0]["ok"] is False
    assert "compile your graph with a store" in out["messages"][-1].content


@pytest.mark.parametrize(("go", "words"), [(False, "by command"), (True, "a Command that goes elsewhere")])
def test_of_a_command_the_message_is_taken(mode: str, go: bool, words: str) -> None:
    with orchestrated(caller("a", once(calls(call("command", go=go)))), tools=tools_that_are_told_more({})) as orc:
        out = run(orc, mode, "Who wrote Faust?")
    assert words in out["messages"][-1].content
    assert out["results"]["1"]["tools"][0]["ok"] is not go


def test_the_output_of_a_direct_tool_is_the_answer(mode: str) -> None:
    desk = Desk()
    direct = tool(return_direct=True)(desk.add)
    with orchestrated(caller("a", once(calls(call("add", a=47, b=38)), "never")), tools=[direct]) as orc:
        out = run(orc, mode, "Add 47 and 38")
    assert (out["messages"][-1].content, desk.ran) == ("85", [(47, 38)])
    assert sum(line["calls"] for line in out["bill"]["lines"] if line["purpose"] == "execute") == 1


CHILD = """
import json, sys
from langgraph.checkpoint.sqlite import SqliteSaver
from orchestrator_graph import Orchestrator
from tests.graph.tooled import Desk, call, caller, calls, once
with SqliteSaver.from_conn_string(sys.argv[1]) as saver:
    pool = [caller("a", once(calls(call("add", a=47, b=38))))]
    with Orchestrator(pool, tools=[Desk().add], response_format={"properties": {"n": {"type": "integer"}}},
                      checkpointer=saver) as orc:
        config = {"configurable": {"thread_id": "t"}}
        out = orc.graph.invoke({"messages": [("user", "Add 47 and 38")]}, config)
        states = [dict(one.values) for one in orc.graph.get_state_history(config)]
        for state in states:
            state.pop("messages", None)
        print(json.dumps([out["messages"][-1].content, len(states), json.loads(json.dumps(states)) == states]))
"""


def test_the_state_is_json_under_the_strict_check(tmp_path: Path) -> None:
    settings = {**os.environ, "LANGGRAPH_STRICT_MSGPACK": "true", "PYTHONPATH": str(Path.cwd())}
    words = [sys.executable, "-W", "error", "-c", CHILD, str(tmp_path / "threads.sqlite")]
    done = subprocess.run(words, env=settings, capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    said, states, plain = json.loads(done.stdout)
    assert (said, plain) == ("It is 85", True)
    assert states >= 5
