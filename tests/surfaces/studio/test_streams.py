"""Each stream mode of the server, and what it shows."""

from typing import Any

import pytest
from langgraph_sdk import get_client
from langgraph_sdk.client import SyncLangGraphClient

from tests.surfaces.studio.dev_server import DevServer
from tests.surfaces.studio.support import ASKING, TASK, UNSURE, assert_whole, candidates, given, last

pytestmark = [pytest.mark.studio, pytest.mark.timeout(180)]

NODES = {"analyzer", "dispatch", "solve", "synthesizer"}


def values(chunks: list[Any]) -> None:
    states = [data for event, data in chunks if event == "values"]
    assert "plan" not in states[0]
    assert len(states[1]["plan"]) == 3
    assert states[1]["results"] == {}
    assert_whole(states[-1])


def updates(chunks: list[Any]) -> None:
    steps = [data for event, data in chunks if event == "updates"]
    assert {name for step in steps for name in step} == NODES
    assert len(steps[0]["analyzer"]["plan"]) == 3
    solved = [step["solve"]["results"] for step in steps if "solve" in step]
    assert sorted(key for results in solved for key in results) == ["1", "2", "3"]
    assert steps[-1]["synthesizer"]["bill"]["calls"] >= 3


def messages(chunks: list[Any]) -> None:
    (complete,) = [data for event, data in chunks if event == "messages/complete"]
    assert "nretnal" in complete[0]["content"]
    (about,) = [data for event, data in chunks if event == "messages/metadata"]
    assert about[complete[0]["id"]]["metadata"]["langgraph_node"] == "synthesizer"


def messages_tuple(chunks: list[Any]) -> None:
    ((message, about),) = [data for event, data in chunks if event == "messages"]
    assert "nretnal" in message["content"]
    assert about["langgraph_node"] == "synthesizer"


def custom(chunks: list[Any]) -> None:
    """The progress events of the stream writer, from both levels."""
    events = [data for event, data in chunks if event == "custom"]
    assert {"plan", "decision", "call", "verdict", "result"} <= {data["event"] for data in events}
    assert {data["subtask"] for data in events if data["event"] == "result"} == {"1", "2", "3"}
    assert all(data["why"] for data in events if data["event"] == "decision")


def debug(chunks: list[Any]) -> None:
    entries = [data for event, data in chunks if event == "debug"]
    assert {entry["type"] for entry in entries} == {"checkpoint", "task", "task_result"}
    assert {entry["payload"]["name"] for entry in entries if entry["type"] == "task"} == NODES


def events(chunks: list[Any]) -> None:
    entries = [data for event, data in chunks if event == "events"]
    assert {entry["name"] for entry in entries} >= NODES
    assert {"on_chain_start", "on_chain_stream", "on_chain_end"} <= {entry["event"] for entry in entries}
    assert "nretnal" in last(entries[-1]["data"]["output"])


MODES: dict[str, Any] = {
    "values": values,
    "updates": updates,
    "messages": messages,
    "messages-tuple": messages_tuple,
    "custom": custom,
    "debug": debug,
    "events": events,
}


@pytest.mark.parametrize("mode", MODES)
async def test_stream_mode(server: DevServer, mode: Any, record_property: Any) -> None:
    async with get_client(url=server.url) as client:
        thread = (await client.threads.create())["thread_id"]
        chunks: Any = client.runs.stream(thread, "orchestrator", input=given(TASK), stream_mode=mode)
        seen = [(chunk.event, chunk.data) async for chunk in chunks]
    assert seen[0][0] == "metadata"
    MODES[mode](seen)
    record_property("chunks", len(seen))


def test_all_modes_at_once_and_the_child_graph_too(client: SyncLangGraphClient, record_property: Any) -> None:
    modes: Any = ["values", "updates", "custom", "messages-tuple"]
    stream = client.runs.stream(None, "orchestrator", input=given(TASK), stream_mode=modes, stream_subgraphs=True)
    seen: list[Any] = [(chunk.event, chunk.data) for chunk in stream]
    values(seen)
    messages_tuple(seen)
    inner = {name for event, data in seen if event.startswith("updates|solve:") for name in data}
    assert {"router", "executor", "judge"} <= inner
    record_property("chunks", len(seen))


def test_the_thread_protocol_with_policy_interrupt_and_reply(client: SyncLangGraphClient) -> None:
    """The newer protocol (`threads.stream`), which knows no context: the policy travels as `configurable`."""
    with client.threads.stream(assistant_id="orchestrator") as thread:
        thread.run.start(input=given(UNSURE), config={"configurable": ASKING})
        states: list[Any] = list(thread.values)
        assert states[-1]["results"] == {}
        assert thread.interrupted
        thread.run.respond("Lima")
        states = list(thread.values)
    assert last(states[-1]) == "Lima"
    assert candidates(states[-1]) == {"person"}
