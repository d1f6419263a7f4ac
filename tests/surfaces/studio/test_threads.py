"""Chat mode on a thread: several turns, an interrupt that resumes, and forks from an earlier checkpoint."""

from typing import Any

import pytest
from langgraph_sdk import get_client
from langgraph_sdk.client import SyncLangGraphClient

from tests.surfaces.studio.dev_server import DevServer
from tests.surfaces.studio.support import ASKING, TASK, UNSURE, assert_whole, candidates, chat, given, last

pytestmark = [pytest.mark.studio, pytest.mark.timeout(180)]


def texts(out: Any) -> list[str]:
    found = [message["content"] for message in out["messages"]]
    return [item if isinstance(item, str) else item[0]["text"] for item in found]


def test_chat_over_three_turns(client: SyncLangGraphClient, record_property: Any) -> None:
    thread = client.threads.create()["thread_id"]
    assert_whole(client.runs.wait(thread, "orchestrator", input=chat(TASK), context={"tradeoff": "best"}))
    second: Any = client.runs.wait(thread, "orchestrator", input=chat("Add 4 and 8"))
    assert set(second["results"]) == {"1"}  # the first turn's results are not left over
    assert second["bill"]["calls"] >= 1
    third: Any = client.runs.wait(thread, "orchestrator", input=chat("Write cabin in capitals"))
    assert texts(third)[2:] == ["Add 4 and 8", "12", "Write cabin in capitals", "CABIN"]
    state: Any = client.threads.get_state(thread)
    assert state["values"]["bill"] == third["bill"]
    assert state["next"] == []
    record_property("messages", len(third["messages"]))


@pytest.mark.parametrize(
    ("reply", "answer", "status", "candidate"),
    [({"answer": "Lima"}, "Lima", "accepted", "person"), ({"reject": True}, None, "failed", None)],
    ids=["an answer", "a rejection"],
)
def test_an_interrupt_resumes(
    client: SyncLangGraphClient, reply: dict[str, Any], answer: str | None, status: str, candidate: str | None
) -> None:
    thread = client.threads.create()["thread_id"]
    out: Any = client.runs.wait(thread, "orchestrator", input=given(UNSURE), context=ASKING)
    (asked,) = out["__interrupt__"]
    assert asked["value"]["question"] == UNSURE
    assert set(asked["value"]["response_schema"]["properties"]) == {"answer", "score", "reject"}
    assert client.threads.get(thread)["status"] == "interrupted"
    waiting: Any = client.threads.get_state(thread, subgraphs=True)
    assert waiting["next"] == ["solve"]
    assert waiting["tasks"][0]["state"]["next"] == ["person"]  # two levels down, and seen

    resumed: Any = client.runs.wait(thread, "orchestrator", command={"resume": reply})
    assert resumed["results"]["1"]["status"] == status
    assert resumed["results"]["1"]["tries"] == 1  # nothing was paid for again
    assert client.threads.get(thread)["status"] == "idle"
    if answer is not None:
        assert last(resumed) == answer
        assert candidates(resumed) == {candidate}


async def test_an_interrupt_resumes_in_a_stream(server: DevServer) -> None:
    async with get_client(url=server.url) as client:
        thread = (await client.threads.create())["thread_id"]
        asked: list[Any] = [
            chunk.data
            async for chunk in client.runs.stream(
                thread, "orchestrator", input=given(UNSURE), context=ASKING, stream_mode="updates"
            )
        ]
        assert asked[-1]["__interrupt__"][0]["value"]["proposed"]
        answered: list[Any] = [
            chunk.data
            async for chunk in client.runs.stream(
                thread, "orchestrator", command={"resume": "Lima"}, stream_mode="updates"
            )
        ]
    assert answered[-1]["synthesizer"]["messages"][-1]["content"] == "Lima"


def test_forks_differ_and_leave_the_first_way_as_it_was(client: SyncLangGraphClient, record_property: Any) -> None:
    thread = client.threads.create()["thread_id"]
    policy = {"pin": "pocket:maths"}
    first: Any = client.runs.wait(thread, "orchestrator", input=given("Add 47 and 38"), context=policy)
    assert last(first) == "85"
    history: Any = client.threads.get_history(thread, limit=50)
    (start,) = [state for state in history if state["next"] == ["analyzer"]]

    # Another policy from the same checkpoint: another model decides, and is wrong.
    other: Any = client.runs.wait(
        thread, "orchestrator", input=None, checkpoint=start["checkpoint"], context={"pin": "pocket:small"}
    )
    assert candidates(other) == {"pocket:small"}
    assert last(other) != "85"

    # Another message in its place.
    changed = {"messages": [{**start["values"]["messages"][0], "content": "Add 20 and 30"}]}
    fork: Any = client.threads.update_state(thread, changed, checkpoint=start["checkpoint"], as_node="__start__")
    edited: Any = client.runs.wait(thread, "orchestrator", input=None, checkpoint=fork["checkpoint"], context=policy)
    assert texts(edited) == ["Add 20 and 30", "50"]

    # A new turn after the first answer, as if the two forks had never been.
    (end,) = [state for state in history if not state["next"]]
    identity = end["checkpoint"]["checkpoint_id"]
    third: Any = client.runs.wait(
        thread, "orchestrator", input=given("Add 5 and 6"), checkpoint_id=identity, context=policy
    )
    assert texts(third) == ["Add 47 and 38", "85", "Add 5 and 6", "11"]

    kept: Any = client.threads.get_state(thread, checkpoint_id=identity)
    assert texts(kept["values"]) == ["Add 47 and 38", "85"]
    record_property("checkpoints", len(client.threads.get_history(thread, limit=100)))
