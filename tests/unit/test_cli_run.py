"""`run`, `decide` and `models` on the embedded models, in process and as a real process."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from orchestrator_graph.cli.app import app

TASK = "Reverse the word lantern, then add 47 and 38"
POCKET = ["--models", "pocket", "--memory", "none"]


@pytest.fixture(autouse=True)
def somewhere_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("HOME", "USERPROFILE", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    for name in ("ORCHESTRATOR_CONFIG", "ORCHESTRATOR_DEMO", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:1")


def invoke(*arguments: str, code: int = 0, stdin: str | None = None) -> str:
    result = CliRunner().invoke(app, arguments, input=stdin, env={"COLUMNS": "110"})
    assert result.exit_code == code, result.output
    return result.stdout


def test_run_shows_subtasks_reasons_bill_and_answer() -> None:
    shown = invoke("run", TASK, *POCKET)
    for words in ("Who did what, and why", "pocket:", "not billed", "Total $", "unproved", "uncalibrated"):
        assert words in shown
    assert shown.index("unproved") < len(shown.rstrip()) - 1


def test_json_is_one_object_with_messages_plan_results_and_bill() -> None:
    out: dict[str, Any] = json.loads(invoke("run", TASK, *POCKET, "--json"))
    assert set(out) == {"messages", "plan", "results", "bill"}
    assert out["messages"][-1]["type"] == "ai"
    assert [step["id"] for step in out["plan"]] == list(out["results"]) == ["1", "2"]


@pytest.mark.parametrize("way", ["argument", "file", "stdin"])
def test_the_task_comes_from_argument_file_or_stdin(way: str) -> None:
    Path("task.txt").write_text("Add 47 and 38", encoding="utf-8")
    source = {"argument": ["Add 47 and 38"], "file": ["--file", "task.txt"], "stdin": []}[way]
    stdin = "Add 47 and 38" if way == "stdin" else None
    out = json.loads(invoke("run", *source, *POCKET, "--json", stdin=stdin))
    assert out["messages"][0]["content"] == "Add 47 and 38"


def test_stream_prints_the_answer_first_and_only_once() -> None:
    answer = json.loads(invoke("run", "Add 47 and 38", *POCKET, "--json"))["messages"][-1]["content"]
    shown = invoke("run", "Add 47 and 38", *POCKET, "--stream")
    assert shown.startswith(answer)
    assert answer not in shown[len(answer) :].splitlines()


def test_decide_ranks_and_calls_nothing() -> None:
    shown = invoke("decide", "Reverse lantern", *POCKET, "--policy", "deny=pocket:medium")
    for words in ("Ranking", "±", "Excluded", "pocket:medium", "unproved; nothing was called"):
        assert words in shown
    decision = json.loads(invoke("decide", "Reverse lantern", *POCKET, "--json"))
    assert decision["ranking"][0]["n"] >= 0
    assert sum(decision["propensities"].values()) == pytest.approx(1)


def test_what_was_done_is_remembered_and_named() -> None:
    invoke("run", "Add 47 and 38", "--models", "pocket", "--memory", "kept")
    shown = invoke("decide", "Add 48 and 38", "--models", "pocket", "--memory", "kept")
    assert "Remembered tasks near this one" in shown
    assert "Add 47 and 38" in shown


def test_models_lists_price_latency_context_capabilities_and_use() -> None:
    shown = invoke("models", "--models", "pocket")
    for words in ("pocket:small", "this machine", "not billed", "chat"):
        assert words in shown
    rows = json.loads(invoke("models", "--models", "pocket", "--json"))["models"]
    assert all(row["context"] and row["what_for"] for row in rows)


def test_the_file_is_obeyed_and_the_command_line_wins() -> None:
    Path("orchestrator.toml").write_text('models = "pocket"\nmemory = "kept"\n[policy]\npin = "pocket:small"')
    first = json.loads(invoke("run", "Add 47 and 38", "--json"))
    assert first["results"]["1"]["candidate"] == "pocket:small"
    assert Path("kept").is_dir()
    second = json.loads(invoke("run", "Add 47 and 38", "--json", "--policy", "pin=pocket:medium"))
    assert second["results"]["1"]["candidate"] == "pocket:medium"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["hello"], 4, "no model was found"),
        (["hello", "--models", "nope:x"], 4, "unknown provider 'nope'"),
        (["hello", "--models", "qwen3:4b"], 4, "error: did you mean ollama:qwen3:4b?"),
        (["  ", *POCKET], 2, "empty"),
        (["hello", *POCKET, "--policy", "deny=pocket:*"], 5, "pocket:small: deny"),
    ],
)
def test_mistakes_that_only_the_orchestrator_can_see(arguments: list[str], code: int, words: str) -> None:
    result = CliRunner().invoke(app, ["run", *arguments])
    assert result.exit_code == code
    assert words in result.stderr
    assert "Traceback" not in result.output


def test_ten_megabytes_are_refused_before_anything_is_called() -> None:
    Path("big.txt").write_text("x" * 10_000_000, encoding="utf-8")
    result = CliRunner().invoke(app, ["run", "--file", "big.txt", *POCKET])
    assert result.exit_code == 2
    assert len(result.stderr) < 1000


def test_an_interrupted_process_leaves_with_130_and_without_a_traceback() -> None:
    slow = "import time, orchestrator_graph.orchestrator as o; o.Orchestrator.stream = lambda *a: time.sleep(30)"
    code = f"{slow}; print('ready', flush=True); from orchestrator_graph.cli import main; main()"
    command = [sys.executable, "-c", code, "run", "x", *POCKET]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(2)
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(20) == 130
        errors = process.stderr.read()
    assert "interrupted" in errors
    assert "Traceback" not in errors
