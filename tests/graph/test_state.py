"""State is messages and JSON, passes the strict msgpack check, and holds no secret - nor does anything else."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

KEY = "sk-fake-4f1d0b62c7e94a35"
CHILD = Path(__file__).with_name("state_child.py")


class Refusing(BaseHTTPRequestHandler):
    """Refuses every key, and repeats it as careless servers do."""

    heard: list[str]

    def do_POST(self) -> None:
        key = self.headers["Authorization"].removeprefix("Bearer ")
        self.server.heard.append(key)  # type: ignore[attr-defined]
        body = json.dumps({"error": {"message": f"Incorrect API key provided: {key}", "code": "invalid_api_key"}})
        self.send_response(401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *args: Any) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        server.heard = []  # type: ignore[attr-defined]
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module", params=["sync", "async"])
def child(
    request: pytest.FixtureRequest, server: ThreadingHTTPServer, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    folder = tmp_path_factory.mktemp("state")
    words = [sys.executable, "-W", "error", str(CHILD), str(folder), request.param, str(server.server_port)]
    settings = {**os.environ, "LANGGRAPH_STRICT_MSGPACK": "true", "FAKE_KEY": KEY, "PYTHONPATH": str(Path.cwd())}
    return folder, subprocess.run(words, env=settings, capture_output=True, text=True, timeout=100, check=False)


Child = tuple[Path, "subprocess.CompletedProcess[str]"]


def test_state_survives_every_checkpointer_under_the_strict_check(child: Child) -> None:
    _, done = child
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    in_ram, on_disk = json.loads(done.stdout)
    assert len(in_ram["states"]) == len(on_disk["states"]) >= 5
    for scene in (in_ram, on_disk):
        assert scene["states"][0]["task"]["policy"] == {"human": "ask"}
        assert scene["states"][0]["results"].keys() == {"3"}
        inner = [state for state in scene["states"] if "subtask" in state]
        assert sorted(state["hand"][0]["text"] for state in inner) == ["dunno", "nretnal"]
        assert scene["whole"]["bill"]["failed_calls"] == 1


def test_no_secret_is_anywhere(child: Child, server: ThreadingHTTPServer) -> None:
    folder, done = child
    assert set(server.heard) == {KEY}  # type: ignore[attr-defined]
    calls = [call for scene in json.loads(done.stdout) for call in scene["states"][0]["calls"].values()]
    refused = [call["failure"] for call in calls if call["failure"]]
    assert {failure["kind"] for failure in refused} == {"auth"}
    assert all("Incorrect API key provided" in failure["message"] for failure in refused)
    assert KEY not in done.stdout + done.stderr
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert any(path.name == "ledger.sqlite" for path in files)
    assert [path for path in files if KEY.encode() in path.read_bytes()] == []
