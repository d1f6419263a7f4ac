"""`checked`: a graph for `langgraph.json` that is made once, and names a policy field that the server would drop."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langgraph.store.memory import InMemoryStore
from langgraph_sdk.runtime import _ExecutionRuntime, _ReadRuntime

from orchestrator_graph.errors import PolicyError
from orchestrator_graph.studio import checked


def running(context: Any) -> Any:
    return _ExecutionRuntime(access_context="threads.create_run", store=InMemoryStore(), context=context)


def test_it_is_made_once_also_when_many_ask_at_once() -> None:
    made: list[object] = []

    def make() -> object:
        made.append(object())
        return made[-1]

    graph = checked(make)
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(graph, [running(None)] * 64))
    assert len(made) == 1
    assert set(map(id, got)) == {id(made[0])}


@pytest.mark.parametrize(
    "context",
    [
        None,
        {},
        {"private": True, "tradeoff": "cheap"},
        {"thread_id": "1", "__event_streaming_v2": True, "langgraph_request_id": "2", "private": True},
    ],
)
def test_a_policy_passes_and_so_does_what_the_server_puts_beside_it(context: Any) -> None:
    assert checked(lambda: "graph")(running(context)) == "graph"


@pytest.mark.parametrize(
    ("context", "words"),
    [
        ({"privat": True}, r"policy\.privat: unknown field\. Known fields: allow, "),
        ({"deadline_s": 0}, r"policy\.deadline_s = 0: Input should be greater than 0"),
    ],
)
def test_a_wrong_policy_is_named_and_nothing_is_made_for_it(context: Any, words: str) -> None:
    made: list[str] = []
    with pytest.raises(PolicyError, match=words):
        checked(lambda: made.append("graph"))(running(context))
    assert made == []


def test_reading_needs_no_policy() -> None:
    assert checked(lambda: "graph")(_ReadRuntime(access_context="assistants.read", store=InMemoryStore())) == "graph"
