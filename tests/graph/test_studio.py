"""`langgraph dev` serves the graph as it is shipped: offline, without a key, with plan, results and bill to be seen."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langgraph_sdk import get_sync_client
from langgraph_sdk.client import SyncLangGraphClient

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

ROOT = Path(__file__).resolve().parents[2]
TASK = "Reverse lantern, then count the letter n in the result; meanwhile add 47 and 38"
GIVEN = {"messages": [{"role": "user", "content": TASK}]}
ARGUMENTS = ["dev", "--no-browser", "--no-reload", "--n-jobs-per-worker", "4", "--config", str(ROOT / "langgraph.json")]
PATIENCE_S = 60


class Server:
    """`langgraph dev` in a folder and with a home of its own."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.folder, self.log = folder, folder / "log"
        command = [str(Path(sys.executable).with_name("langgraph")), *ARGUMENTS, "--port", str(self.port)]
        scrubbed = {"PATH": os.environ["PATH"], "HOME": str(folder)}
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, cwd=folder, env=scrubbed, stdout=log, stderr=log)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait(self) -> None:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        ends = time.monotonic() + PATIENCE_S
        while time.monotonic() < ends:
            assert self.process.poll() is None, self.log.read_text()
            try:
                with opener.open(f"{self.url}/ok", timeout=2):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
        pytest.fail(f"not healthy after {PATIENCE_S} s:\n{self.log.read_text()}")

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(20)
        finally:
            self.process.kill()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("studio"))
    try:
        server.wait()
        yield server
    finally:
        ended = server.stop()
    log = server.log.read_text()
    assert ended == 0, log
    assert "BlockingError" not in log
    assert "Failed to get" not in log
    assert (server.folder / ".langgraph_api").is_dir()


@pytest.fixture
def client(server: Server) -> Iterator[SyncLangGraphClient]:
    with get_sync_client(url=server.url) as client:
        yield client


def assert_whole(out: Any) -> None:
    assert set(out) == {"messages", "plan", "results", "bill"}
    assert [step["needs"] for step in out["plan"]] == [[], ["1"], []]
    assert set(out["results"]) == {"1", "2", "3"}
    assert out["results"]["1"]["answer"] == "nretnal"
    assert out["results"]["3"]["answer"] == "85"
    assert all(result["why"] for result in out["results"].values())
    assert all(result["candidate"].startswith("pocket:") for result in out["results"].values())
    assert out["bill"]["calls"] >= 3
    assert "nretnal" in out["messages"][-1]["content"]


def test_a_run_gives_plan_results_and_bill(client: SyncLangGraphClient) -> None:
    assert_whole(client.runs.wait(None, "orchestrator", input=GIVEN))


def test_a_thread_keeps_the_state_and_bills_each_turn(client: SyncLangGraphClient) -> None:
    thread = client.threads.create()["thread_id"]
    assert_whole(client.runs.wait(thread, "orchestrator", input=GIVEN, context={"tradeoff": "best"}))
    second: Any = client.runs.wait(
        thread, "orchestrator", input={"messages": [{"role": "user", "content": "Add 4 and 8"}]}
    )
    assert set(second["results"]) == {"1"}
    assert len(second["messages"]) == 4
    assert client.threads.get_state(thread)["values"]["bill"] == second["bill"]


def test_the_streams_show_plan_results_and_bill(client: SyncLangGraphClient) -> None:
    modes: Any = ["updates", "values", "custom", "messages-tuple"]
    chunks: list[Any] = list(client.runs.stream(None, "orchestrator", input=GIVEN, stream_mode=modes))
    assert_whole([chunk.data for chunk in chunks if chunk.event == "values"][-1])
    updates = [chunk.data for chunk in chunks if chunk.event == "updates"]
    assert len(updates[0]["analyzer"]["plan"]) == 3
    assert {key for update in updates for key in update.get("solve", {}).get("results", {})} == {"1", "2", "3"}
    assert updates[-1]["synthesizer"]["bill"]["calls"] >= 3
    events = {chunk.data["event"] for chunk in chunks if chunk.event == "custom"}
    assert {"plan", "decision", "call", "verdict", "result"} <= events
    (message,) = [chunk.data[0] for chunk in chunks if chunk.event == "messages"]
    assert "nretnal" in message["content"]


@pytest.mark.parametrize(
    ("context", "words"),
    [
        ({"max_cost_usd": -1}, "greater than or equal to 0"),
        ({"pin": "pocket:none"}, "policy.pin = 'pocket:none' is not in the portfolio"),
        ({"deny": ["pocket:*"]}, "policy leaves no candidate"),
    ],
)
def test_a_mistake_is_named(client: SyncLangGraphClient, context: dict[str, Any], words: str) -> None:
    out: Any = client.runs.wait(None, "orchestrator", input=GIVEN, context=context, raise_error=False)
    assert words in out["__error__"]["message"]


def test_studio_shows_every_policy_field_with_its_description(client: SyncLangGraphClient) -> None:
    (assistant,) = client.assistants.search()
    schemas: Any = client.assistants.get_schemas(assistant["assistant_id"])
    fields = schemas["context_schema"]["properties"]
    assert fields["tradeoff"]["description"] == "0 = cheapest .. 1 = best; or cheap, balanced, best."
    assert all(field.get("description") for name, field in fields.items() if name not in {"user_id"})
    assert "messages" in schemas["input_schema"]["properties"]
    assert set(schemas["output_schema"]["properties"]) == {"messages", "plan", "results", "bill"}
