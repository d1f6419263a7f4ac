"""`orchestrator doctor` against a machine with nothing, and one with an Ollama."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrator_graph.cli.app import app


class Tags(BaseHTTPRequestHandler):
    """Answers as Ollama's /api/tags does."""

    def do_GET(self) -> None:
        body = json.dumps({"models": [{"name": "qwen3:4b"}, {"name": "all-minilm:latest"}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def ollama() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Tags) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("HOME", "USERPROFILE", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    for name in ("ORCHESTRATOR_CONFIG", "ORCHESTRATOR_DEMO", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:1")


def findings(code: int) -> dict[str, dict[str, str]]:
    result = CliRunner().invoke(app, ["doctor", "--json"])
    assert result.exit_code == code, result.output
    return {finding["name"]: finding for finding in json.loads(result.stdout)["findings"]}


def test_nothing_to_use_is_an_error_with_one_command_that_mends_it() -> None:
    found = findings(1)
    assert found["a model to use"]["state"] == "missing"
    assert "ollama" in found["a model to use"]["mend"]
    assert found["Ollama"]["detail"] == "no answer at http://127.0.0.1:1"
    text = CliRunner().invoke(app, ["doctor"]).stdout
    assert "Missing: a model to use. Run: " in text


def test_ollama_and_its_models_are_named(ollama: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", ollama)
    found = findings(0)
    assert found["Ollama"]["detail"] == f"http://{ollama}: qwen3:4b, all-minilm:latest"
    assert found["embedder"]["detail"] == "ollama:all-minilm:latest"
    assert CliRunner().invoke(app, ["doctor"]).stdout.rstrip().endswith("Ready.")


def test_keys_are_named_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("orchestrator.toml").write_text("[[models]]\nmodel = 'openai:x'\napi_key_env = 'LAB_KEY'", encoding="utf-8")
    monkeypatch.setenv("LAB_KEY", "sk-secret-1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-2")
    result = CliRunner().invoke(app, ["doctor", "--json"])
    assert findings(0)["cloud keys"]["detail"] == "LAB_KEY, OPENAI_API_KEY"
    assert "secret" not in result.output


def test_a_broken_config_is_a_finding_and_not_a_crash() -> None:
    Path("orchestrator.toml").write_text("[", encoding="utf-8")
    found = findings(1)
    assert "line 1" in found["config file"]["detail"]
    assert found["config file"]["mend"].endswith("orchestrator.toml")


def test_a_memory_server_is_shown_without_its_address() -> None:
    Path("orchestrator.toml").write_text("memory = 'postgresql://db/x'", encoding="utf-8")
    assert findings(1)["memory"]["detail"] == "postgresql server"
