"""The message stream shows accepted text only; drafts, the bill and the reasons come as custom events."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from langchain_core.outputs import ChatGenerationChunk

from orchestrator_graph import ModelSpec, Orchestrator, Policy, Price, Prior
from orchestrator_graph.testing import ScriptedChat
from tests.graph.support import model, orchestrated

TOLD = "Goethe wrote it in Weimar"
MODES = ["messages", "custom", "values"]


def streamed(orc: Orchestrator, mode: str, text: str, policy: Policy | None = None, **options: Any) -> "Seen":
    """Everything that a caller of `graph.stream` or `graph.astream` sees."""
    given = {"messages": [("user", text)]}
    settings: Any = {"context": policy, "stream_mode": MODES, **options}
    if mode == "sync":
        return Seen(list(orc.graph.stream(given, **settings)))

    async def collect() -> list[Any]:
        return [item async for item in orc.graph.astream(given, **settings)]

    return Seen(asyncio.run(collect()))


class Seen:
    """A stream taken apart."""

    def __init__(self, items: list[Any]) -> None:
        pairs = [item[-2:] for item in items]
        self.order = [chunk["event"] if mode == "custom" else mode for mode, chunk in pairs]
        self.messages = [chunk[0] for mode, chunk in pairs if mode == "messages"]
        self.events = [chunk for mode, chunk in pairs if mode == "custom"]
        self.values = [chunk for mode, chunk in pairs if mode == "values"]

    def texts(self) -> dict[str, str]:
        """The text shown under each message id."""
        shown: dict[str, str] = {}
        for message in self.messages:
            shown[message.id] = shown.get(message.id, "") + message.text
        return shown

    def of(self, event: str) -> list[dict[str, Any]]:
        return [item for item in self.events if item["event"] == event]

    def drafts(self, name: str) -> str:
        return "".join(item["text"] for item in self.of("token") if item["model"] == name)


@pytest.mark.parametrize("subgraphs", [False, True])
def test_tokens_of_a_task_that_nobody_judges_pass_straight_through(mode: str, subgraphs: bool) -> None:
    with orchestrated(model("only", TOLD)) as orc:
        seen = streamed(orc, mode, "Who wrote Faust?", subgraphs=subgraphs)
    assert [message.text for message in seen.messages] == ["Goethe ", "wrote ", "it ", "in ", "Weimar"]
    assert list(seen.texts().values()) == [TOLD]
    assert seen.of("token") == []
    answer = seen.values[-1]["messages"][-1]
    assert {answer.id: answer.text} == seen.texts()
    assert seen.order.index("messages") < seen.order.index("call") < seen.order.index("result")


def test_a_rejected_draft_is_never_shown_as_a_message(mode: str) -> None:
    weak, strong = model("weak", "no idea at all", 0.7, 0.1), model("strong", "42", 0.9, 10.0)
    with orchestrated(weak, strong) as orc:
        seen = streamed(orc, mode, "Multiply 6 by 7", Policy(strategy="cascade"))
    assert list(seen.texts().values()) == ["42"]
    assert seen.drafts("test:weak") == "no idea at all"
    assert seen.drafts("test:strong") == "42"


def test_parts_are_drafts_and_the_whole_is_one_message(mode: str) -> None:
    with orchestrated(model("all", "85")) as orc:
        seen = streamed(orc, mode, "Add 47 and 38; meanwhile add 40 and 45")
    (answer,) = seen.texts().values()
    assert answer == seen.values[-1]["messages"][-1].text
    assert {item["subtask"] for item in seen.of("token")} == {"1", "2"}


def test_planner_judge_and_synthesizer_calls_are_no_messages(mode: str) -> None:
    plan = '{"subtasks":[{"id":"a","brief":"Find hotels"},{"id":"b","brief":"Find trains"}]}'
    said = {"Answer with JSON only": plan, "Write one answer": "the whole"}
    script = lambda asked: next((text for key, text in said.items() if key in asked), "a part")  # noqa: E731
    pool = [model(name, script, 0.9, judges=0.93) for name in "ab"]
    with orchestrated(*pool) as orc:
        seen = streamed(orc, mode, "A weekend in Rome", Policy(decompose="always", fault_tolerance="low"))
    assert {event["purpose"] for event in seen.of("call")} == {"plan", "execute", "judge", "synthesize"}
    assert list(seen.texts().values()) == ["the whole"]
    assert {item["text"] for item in seen.of("token")} == {"a ", "part"}


FIELDS = {
    "plan": {"plan"},
    "decision": {"subtask", "candidate", "why"},
    "token": {"subtask", "model", "text"},
    "call": {"subtask", "model", "purpose", "ok", "failure", "cost_nusd", "spent_nusd", "latency_s"},
    "verdict": {"subtask", "confidence", "action"},
    "escalate": {"subtask", "to", "why"},
    "result": {"subtask", "status"},
}


def test_events_come_in_order_with_their_fields(mode: str) -> None:
    weak, strong = model("weak", "dunno", 0.7, 0.1), model("strong", "42", 0.9, 10.0)
    with orchestrated(weak, strong) as orc:
        seen = streamed(orc, mode, "Multiply 6 by 7", Policy(strategy="cascade"))
    ours = [name for name in seen.order if name in FIELDS]
    once = ["token", "call", "verdict"]
    assert ours == ["plan", "decision", *once, "escalate", *once, "result"]
    for event in seen.events:
        assert set(event) - {"event"} == FIELDS[event["event"]]
    assert [event["action"] for event in seen.of("verdict")] == ["escalate", "accept"]
    assert seen.of("escalate")[0]["to"] == "test:strong"
    spent = [event["spent_nusd"] for event in seen.of("call")]
    assert spent[0] == seen.of("call")[0]["cost_nusd"] > 0
    assert spent[1] == seen.values[-1]["bill"]["total_nusd"]


def test_a_step_that_cannot_run_is_reported(mode: str) -> None:
    with orchestrated(model("only", lambda asked: "" if "bad" in asked else "fine")) as orc:
        seen = streamed(orc, mode, "Name a bad thing, then translate the result into French")
    assert [(event["subtask"], event["status"]) for event in seen.of("result")] == [("1", "failed"), ("2", "failed")]


def test_private_drafts_stay_out_of_the_stream(mode: str) -> None:
    with orchestrated(model("home", "85", local=True)) as orc:
        seen = streamed(orc, mode, "Add 47 and 38; meanwhile add 40 and 45", Policy(private=True))
    assert seen.of("token") == []
    assert len(seen.of("call")) == 2


def front_door(orc: Orchestrator, mode: str, text: str) -> list[tuple[str, Any]]:
    if mode == "sync":
        return list(orc.stream(text))

    async def collect() -> list[tuple[str, Any]]:
        return [item async for item in orc.astream(text)]

    return asyncio.run(collect())


def test_the_front_door_streams_the_output_and_nothing_more(mode: str) -> None:
    with orchestrated(model("all", "85")) as orc:
        items = front_door(orc, mode, "Add 47 and 38; meanwhile add 40 and 45")
        values = [chunk for name, chunk in items if name == "values"]
        assert all(set(chunk) <= {"messages", "plan", "results", "bill"} for chunk in values)
        assert items[-1] == ("values", values[-1])
        assert values[-1]["bill"]["calls"] == 2
        assert set(values[-1]["results"]) == {"1", "2"}
        assert {name for name, _ in items} == set(MODES)


@pytest.mark.parametrize("private", [False, True])
def test_a_caller_may_walk_away(mode: str, private: bool) -> None:
    with orchestrated(model("home", TOLD, local=True)) as orc:
        policy = Policy(private=private)
        if mode == "sync":
            stream = orc.stream("Who wrote Faust?", policy)
            assert next(iter(stream))[0] in MODES
            stream.close()
            return

        async def leave() -> None:
            async for name, _ in orc.astream("Who wrote Faust?", policy):
                assert name in MODES
                break

        asyncio.run(leave())


class BreaksOff(ScriptedChat):
    """Says two words and goes away."""

    def _stream(self, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        for number, chunk in enumerate(super()._stream(*args, **kwargs)):
            if number == 2:
                raise ConnectionResetError("gone")
            yield chunk

    async def _astream(self, *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:
        number = 0
        async for chunk in super()._astream(*args, **kwargs):
            if number == 2:
                raise ConnectionResetError("gone")
            number += 1
            yield chunk


def test_another_model_is_never_spliced_into_a_broken_stream(mode: str) -> None:
    broken = BreaksOff(model="broken", script=TOLD)
    first = ModelSpec(broken, alias="test:broken", price=Price(1, 1), priors={"*": Prior(0.9, 50, "test")})
    with orchestrated(first, model("second", "It was Goethe", 0.5)) as orc:
        seen = streamed(orc, mode, "Who wrote Faust?", Policy(tradeoff="best"))
    assert list(seen.texts().values()) == ["Goethe wrote ", "It was Goethe"]
    assert len(seen.messages) == 3  # two pieces of the first, the second as a whole
    assert [event["failure"] for event in seen.of("call")] == ["truncated_stream", None]
