"""`response_format`: the answer as JSON of that form beside its text, or an honest `None`."""

import dataclasses
import json
from collections.abc import Callable
from typing import Any, TypedDict

import pytest
from langchain_core.messages import AIMessage, BaseMessage
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import BaseModel, Field, field_validator

from orchestrator_graph import ModelSpec, Policy
from tests.graph.support import model, orchestrated, run
from tests.graph.test_stream import streamed
from tests.graph.tooled import Desk, call, caller, calls, once

GOOD = '{"author": "Goethe", "year": 1808}'
ASK = "Who wrote Faust?"


class Book(BaseModel):
    """A book."""

    author: str
    year: int = Field(description="of the first part")

    @field_validator("year")
    @classmethod
    def _printed(cls, value: int) -> int:
        if value < 1450:
            raise ValueError("nothing was printed then")
        return value


@dataclasses.dataclass
class BookData:
    author: str
    year: int


class BookDict(TypedDict):
    """A book."""

    author: str
    year: int


SCHEMA: dict[str, Any] = {
    "title": "Book",
    "type": "object",
    "properties": {"author": {"type": "string"}, "year": {"type": "integer"}},
    "required": ["author", "year"],
}
FORMS: list[Any] = [Book, BookData, BookDict, SCHEMA, {"type": "json_schema", "json_schema": {"schema": SCHEMA}}]


def says(name: str, reply: "str | Callable[[str], str]", quality: float = 0.8, **more: Any) -> ModelSpec:
    """A scripted model that can write JSON, and gives a function what it is asked as a whole."""

    def replies(messages: list[BaseMessage], _: list[Any]) -> str | AIMessage:
        whole = "\n".join(str(message.content) for message in messages)
        return reply if isinstance(reply, str) else reply(whole)

    return caller(name, replies, quality, can=more.pop("can", "chat json"), **more)


@pytest.mark.parametrize("form", FORMS, ids=["pydantic", "dataclass", "typeddict", "schema", "wrapped"])
def test_one_call_answers_in_the_form(mode: str, form: Any) -> None:
    asked: list[str] = []

    def reply(whole: str) -> str:
        asked.append(whole)
        return f"```json\n{GOOD}\n```"

    with orchestrated(says("a", reply), response_format=form, system_prompt="Be exact.") as orc:
        out = run(orc, mode, ASK)
    assert json.loads(json.dumps(out["structured_response"])) == {"author": "Goethe", "year": 1808}
    assert out["bill"]["calls"] == 1
    assert asked[0].startswith("Be exact.\n\nAnswer with one JSON object")
    assert out["results"]["1"]["verdict"]["evidence"][0]["name"] == "check: json"


def test_the_output_schema_shows_it_where_it_is_asked_for() -> None:
    with orchestrated(says("a", GOOD), response_format=Book) as orc:
        assert "structured_response" in orc.graph.get_output_jsonschema()["properties"]
    with orchestrated(says("a", GOOD)) as orc:
        assert "structured_response" not in orc.graph.get_output_jsonschema()["properties"]
        assert "structured_response" not in orc.run(ASK)


def test_a_form_that_does_not_fit_escalates(mode: str) -> None:
    weak = says("weak", '{"author": "Goethe", "year": 12}', 0.95, price=0.1)
    with orchestrated(weak, says("strong", GOOD, 0.96, price=9.0), response_format=Book) as orc:
        out = run(orc, mode, ASK, Policy(tradeoff="cheap"))
    assert out["structured_response"]["year"] == 1808
    assert (out["results"]["1"]["candidate"], out["results"]["1"]["escalations"]) == ("test:strong", 1)
    assert [line["purpose"] for line in out["bill"]["lines"]] == ["execute", "execute"]


def test_tools_first_and_then_one_call_for_the_form(mode: str) -> None:
    desk = Desk()
    tooling = caller("tooling", once(calls(call("add", a=1800, b=8)), "Goethe, in {}"), 0.9)
    writer = says("writer", lambda whole: GOOD if "Goethe, in 1808" in whole else "?", 0.95)
    with orchestrated(tooling, writer, tools=[desk.add], response_format=Book) as orc:
        out = run(orc, mode, ASK)
    assert out["messages"][-1].content == "Goethe, in 1808"
    assert out["structured_response"] == {"author": "Goethe", "year": 1808}
    assert {(line["purpose"], line["model"]): line["calls"] for line in out["bill"]["lines"]} == {
        ("execute", "test:tooling"): 2,
        ("structure", "test:writer"): 1,
        ("tool", "add"): 1,
    }


def test_several_subtasks_are_put_into_the_form_together(mode: str) -> None:
    def reply(whole: str) -> str:
        return '{"sums": [85, 90]}' if "JSON Schema" in whole else "90" if "50" in whole else "85"

    form = {"type": "object", "properties": {"sums": {"type": "array"}}, "required": ["sums"]}
    with orchestrated(says("a", reply), response_format=form) as orc:
        out = run(orc, mode, "Add 47 and 38; meanwhile add 50 and 40")
    assert out["structured_response"] == {"sums": [85, 90]}
    assert out["results"]["1"]["answer"] == "85"


def later(*replies: str) -> Callable[[str], str]:
    """The form only when it is asked for after the answer, one reply after the other."""
    left = list(replies)
    return lambda whole: left.pop(0) if "between the marks" in whole.lower() else "Goethe"


def test_one_repair_is_tried_and_told_what_was_wrong(mode: str) -> None:
    heard: list[str] = []
    told = later('{"author": "Goethe"}', GOOD)

    def reply(whole: str) -> str:
        heard.append(whole)
        return told(whole)

    with orchestrated(says("a", reply), response_format=Book) as orc:
        out = run(orc, mode, ASK)
    assert out["structured_response"] == {"author": "Goethe", "year": 1808}
    assert "That does not fit: year: Field required" in heard[-1]


def test_none_is_said_where_no_repair_helped(mode: str) -> None:
    with orchestrated(says("a", later("no", "no", GOOD)), response_format=Book) as orc:
        out = run(orc, mode, ASK)
    assert out["structured_response"] is None
    assert out["messages"][-1].content == "Goethe"
    assert [line["calls"] for line in out["bill"]["lines"] if line["purpose"] == "structure"] == [2]
    assert any(
        note.startswith("structured_response is None: test:a gave none that fits") for note in out["bill"]["notes"]
    )


def test_private_answers_are_structured_at_home(mode: str) -> None:
    cloud = says("cloud", GOOD, 0.95)
    home = says("home", later("no", "no"), 0.5, local=True)
    with orchestrated(cloud, home, response_format=Book) as orc:
        out = run(orc, mode, ASK, Policy(private=True))
    assert (out["structured_response"], cloud.model.seen) == (None, [])


def test_a_failed_task_has_none_and_costs_no_more(mode: str) -> None:
    def broken(_: str) -> str:
        raise ConnectionRefusedError("down")

    with orchestrated(says("a", broken), response_format=Book) as orc:
        out = run(orc, mode, ASK)
    assert out["structured_response"] is None
    assert "structured_response is None: no answer to subtask 1" in out["bill"]["notes"]
    assert [line["purpose"] for line in out["bill"]["lines"]] == ["execute"]


def test_narrow_models_alone_answer_in_words_and_say_that_nobody_may_write_it(mode: str) -> None:
    with orchestrated(model("small", "85", capabilities=frozenset({"chat", "narrow"})), response_format=Book) as orc:
        out = run(orc, mode, "Add 47 and 38")
    assert (out["results"]["1"]["status"], out["messages"][-1].content) == ("accepted", "85")
    assert out["structured_response"] is None
    assert any("no model may write it" in note for note in out["bill"]["notes"])


def test_a_narrow_model_is_not_asked_for_a_form(mode: str) -> None:
    small = model("small", "85", 0.95, 0.01, capabilities=frozenset({"chat", "narrow"}))
    with orchestrated(small, says("a", GOOD), response_format=Book) as orc:
        out = run(orc, mode, "Add 47 and 38")
    assert (small.model.seen, out["results"]["1"]["models"]) == ([], ["test:a"])


def test_the_call_for_the_form_is_no_message_and_each_turn_begins_without_one(mode: str) -> None:
    thread: Any = {"config": {"configurable": {"thread_id": "t"}}}
    with orchestrated(says("a", later(GOOD, GOOD)), response_format=Book, checkpointer=InMemorySaver()) as orc:
        for _ in range(2):
            seen = streamed(orc, mode, ASK, **thread)
    assert list(seen.texts().values()) == ["Goethe"]
    assert seen.values[1]["structured_response"] is None
    assert seen.values[-1]["structured_response"] == {"author": "Goethe", "year": 1808}
