"""Private subtasks: the tools are the user's own code and run; what they return stays where the text has to stay."""

from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, BaseMessage
from langgraph.checkpoint.memory import InMemorySaver

from orchestrator_graph import ModelSpec, Policy
from orchestrator_graph.errors import PrivacyError
from tests.graph.support import orchestrated, run
from tests.graph.test_stream import streamed
from tests.graph.tooled import Desk, Replies, call, caller, calls, once, results

MAIL = "jo@example.org"


def look_up(name: str) -> str:
    """Looks a person up."""
    return f"{name}: {MAIL}"


LOOK = calls(call("look_up", name="Jo"))


class Listening(BaseCallbackHandler):
    """A tracer of somebody else's."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.asked: list[str] = []

    def on_tool_start(self, serialized: dict[str, Any], input_str: str, **kwargs: Any) -> None:
        self.heard.append(input_str)

    def on_chat_model_start(self, serialized: Any, messages: list[list[BaseMessage]], **kwargs: Any) -> None:
        self.asked.append("\n".join(str(message.content) for message in messages[0]))


def heard_by(seen: list[str], replies: Replies) -> Replies:
    def told(messages: list[BaseMessage], tools: list[Any]) -> str | AIMessage:
        seen.append("\n".join(str(message.content) for message in messages))
        return replies(messages, tools)

    return told


def pool(seen: list[str], home: Replies | None = None) -> list[ModelSpec]:
    """A good model elsewhere that calls the tool, and a weaker one at home."""
    cloud = caller("cloud", heard_by(seen, once(LOOK)), 0.9, 0.1)
    return [cloud, caller("home", home or once(LOOK), 0.6, 0.1, local=True)]


def test_a_private_subtask_names_its_tools_and_nothing_else(mode: str) -> None:
    seen: list[str] = []
    with orchestrated(*pool(seen), tools=[look_up]) as orc:
        stream = streamed(orc, mode, "Who is Jo?", Policy(private=True))
    result = stream.values[-1]["results"]["1"]
    assert (result["candidate"], result["private"], seen) == ("test:home", True, [])
    (listed,) = result["tools"]
    assert set(listed) == {"name", "ok", "seconds", "cost_nusd", "candidate", "call_id"}
    assert "args" not in stream.of("tool")[0]


@pytest.mark.parametrize("private", [False, True])
def test_foreign_tracers_hear_of_the_tools_of_open_tasks_only(mode: str, private: bool) -> None:
    handler = Listening()
    with orchestrated(*pool([]), tools=[look_up]) as orc:
        run(orc, mode, "Who is Jo?", Policy(private=private, pii="ignore"), callbacks=[handler])
    assert len(handler.heard) == (0 if private else 1)


def test_personal_data_from_a_tool_keeps_the_rest_at_home(mode: str) -> None:
    seen: list[str] = []
    with orchestrated(*pool(seen), tools=[look_up], checkpointer=InMemorySaver()) as orc:
        thread = {"configurable": {"thread_id": "t"}}
        out = run(orc, mode, "Who is Jo?", Policy(tradeoff="best"), **thread)
        assert (out["results"]["1"]["candidate"], out["results"]["1"]["private"]) == ("test:home", True)
        assert out["plan"][0]["private"] is True
        run(orc, mode, "And who is he really?", **thread)
    assert seen == ["Who is Jo?"]
    assert any("personal data seen in what tools returned (email): kept on local" in n for n in out["bill"]["notes"])
    assert "args" not in out["results"]["1"]["tools"][0]


def test_personal_data_in_blocks_is_seen_too(mode: str) -> None:
    def look_up(name: str) -> list[dict[str, Any]]:
        """Looks a person up."""
        return [{"type": "json", "json": {"name": name, "mail": [MAIL]}}]

    with orchestrated(*pool([]), tools=[look_up]) as orc:
        out = run(orc, mode, "Who is Jo?", Policy(tradeoff="best"))
    assert (out["results"]["1"]["candidate"], out["results"]["1"]["private"]) == ("test:home", True)


def test_once_private_foreign_tracers_hear_of_no_further_tool(mode: str) -> None:
    def twice(messages: list[BaseMessage], _: list[Any]) -> str | AIMessage:
        return "done" if len(results(messages)) > 1 else calls(call("look_up", "c2", name="Jim"))

    handler, names = Listening(), list[str]()
    with orchestrated(*pool([], twice), tools=[look_up]) as orc:
        out = run(orc, mode, "Who is Jo?", Policy(tradeoff="best"), callbacks=[handler])
    names += [item["candidate"] for item in out["results"]["1"]["tools"]]
    assert names == ["test:cloud", "test:home"]
    assert len(handler.heard) == 1
    assert handler.asked == ["Who is Jo?"]  # the model at home had tools bound, which merges a run's handlers


def test_what_builds_on_it_is_private_too(mode: str) -> None:
    seen: list[str] = []
    with orchestrated(*pool(seen), tools=[look_up]) as orc:
        out = run(orc, mode, "Find the mail of Jo, then translate the result into French", Policy(tradeoff="best"))
    assert [result["private"] for result in out["results"].values()] == [True, True]
    assert out["results"]["2"]["candidate"] == "test:home"
    assert not any(MAIL in text for text in seen)


def test_without_a_model_at_home_it_goes_on_and_says_so(mode: str) -> None:
    with orchestrated(pool([])[0], tools=[look_up]) as orc:
        out = run(orc, mode, "Who is Jo?")
    assert MAIL in out["messages"][-1].content
    assert any("no local model may take it" in note for note in out["bill"]["notes"])


def test_refused_personal_data_ends_the_subtask(mode: str) -> None:
    seen: list[str] = []
    with orchestrated(*pool(seen), tools=[look_up]) as orc:
        out = run(orc, mode, "Who is Jo?", Policy(pii="refuse", tradeoff="best"))
    assert out["results"]["1"]["missing"].startswith("privacy: personal data seen in what tools returned (email)")
    assert seen == ["Who is Jo?"]


def test_private_and_no_local_model_with_tools_is_refused(mode: str) -> None:
    chat_only = caller("home", once(LOOK), local=True, can="chat")
    with orchestrated(pool([])[0], chat_only, tools=[look_up]) as orc, pytest.raises(Exception, match="home: cap") as e:
        run(orc, mode, "Who is Jo?", Policy(private=True))
    assert not isinstance(e.value, PrivacyError)


def test_a_made_up_name_is_repeated_nowhere(mode: str) -> None:
    def replies(messages: list[BaseMessage], _: list[Any]) -> str | AIMessage:
        return "done" if results(messages) else calls(call("my_secret_7"))

    with orchestrated(caller("home", replies, local=True), tools=[Desk().add]) as orc:
        out = run(orc, mode, "Who is Jo?", Policy(private=True))
    assert out["results"]["1"]["tools"][0]["name"] == "(unknown)"
    assert "my_secret_7" not in str(out)
