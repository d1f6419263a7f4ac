"""A user's own `langgraph.json`: models of Ollama, a memory on disk, and nothing that blocks the server's loop."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from langgraph_sdk import get_sync_client
from langgraph_sdk.client import SyncLangGraphClient

from tests.ollama_double import OllamaDouble
from tests.surfaces.studio.dev_server import DevServer, Spy
from tests.surfaces.studio.support import candidates, given, last

pytestmark = [pytest.mark.studio, pytest.mark.timeout(180)]

MY_GRAPH = """
import time

from langgraph.graph import START, MessagesState, StateGraph

from orchestrator_graph import create_orchestrator
from orchestrator_graph.studio import checked

graph = checked(lambda: create_orchestrator(["ollama:alpha", "ollama:beta"], memory="./memory"))


async def blocks(state):
    time.sleep(0.05)
    return {}


blocking = StateGraph(MessagesState).add_node("blocks", blocks).add_edge(START, "blocks").compile()
"""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    folder = tmp_path_factory.mktemp("own")
    (folder / "my_graph.py").write_text(MY_GRAPH)
    graphs = {"mine": "./my_graph.py:graph", "blocking": "./my_graph.py:blocking"}
    (folder / "langgraph.json").write_text(
        json.dumps({"dependencies": ["."], "graphs": graphs, "env": {"LANGGRAPH_NO_VERSION_CHECK": "true"}})
    )
    ollama = OllamaDouble()
    try:
        server = DevServer(folder, folder / "langgraph.json", OLLAMA_HOST=ollama.url)
        try:
            yield server
        finally:
            assert server.stop() == 0
        assert server.spy.asked == []
    finally:
        ollama.stop()


@pytest.fixture
def mine(own: DevServer) -> Iterator[SyncLangGraphClient]:
    with get_sync_client(url=own.url) as client:
        yield client


def test_own_models_and_memory_without_blocking_the_loop(own: DevServer, mine: SyncLangGraphClient) -> None:
    thread = mine.threads.create()["thread_id"]
    for text in ("What is six times seven?", "What is six times seven in words?"):
        out: Any = mine.runs.wait(thread, "mine", input=given(text))
        assert last(out) == "forty two"
        assert candidates(out) <= {"ollama:alpha", "ollama:beta"}
    assert own.errors("PolicyError", graph="mine") == []
    assert (own.folder / "memory").is_dir()


def test_a_wrong_policy_is_named_by_an_own_graph_too(mine: SyncLangGraphClient) -> None:
    out: Any = mine.runs.wait(None, "mine", input=given("x"), context={"privat": True}, raise_error=False)
    assert "policy.privat: unknown field" in out["__error__"]["message"]


def test_a_blocking_node_would_have_been_seen(own: DevServer, mine: SyncLangGraphClient) -> None:
    """The control of the tests that find no BlockingError: this server does raise it."""
    out: Any = mine.runs.wait(None, "blocking", input=given("x"), raise_error=False)
    assert out["__error__"]["error"] == "BlockingError"
    assert any("BlockingError" in line for line in own.errors(graph="blocking"))


def test_a_call_off_the_machine_would_have_been_seen() -> None:
    """The control of the tests that find nobody at the proxy."""
    spy = Spy()
    try:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": spy.url}))
        with pytest.raises((urllib.error.URLError, OSError)):
            opener.open("http://example.invalid/", timeout=5)
    finally:
        spy.stop()
    assert spy.asked == ["GET http://example.invalid/ HTTP/1.1"]
