"""`Orchestrator()` and the command line find what a real Ollama has, and leave out what cannot chat."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator_graph import Orchestrator

if TYPE_CHECKING:
    from real_server import OllamaServer

POCKETS = {f"ollama:pocket-{name}:latest" for name in ("small", "medium", "maths", "text", "logic")}


@pytest.mark.usefixtures("at_ollama")
def test_chat_models_are_found_with_their_context_and_abilities() -> None:
    with Orchestrator() as orchestrator:
        found = orchestrator.portfolio()
    assert {*POCKETS, "ollama:smollm2:latest"} <= set(found)
    assert not any("minilm" in name or "faraway" in name for name in found)
    assert found["ollama:smollm2:latest"].context == 2048
    assert {found[name].context for name in POCKETS} == {128}
    for spec in found.values():
        assert {"chat", "json", "logprobs"} <= (spec.capabilities or set())
        assert "embedding" not in (spec.capabilities or set())
        assert spec.is_local
        assert spec.discovered
        assert spec.size_b is not None
        assert spec.size_b < 0.2
    (note,) = (note for note in found.notes if "faraway" in note)
    assert "https://ollama.com" in note


@pytest.mark.parametrize("command", [["models"], ["models", "--json"], ["doctor"]], ids=" ".join)
def test_the_command_line_shows_them(at_ollama: OllamaServer, tmp_path: Path, command: list[str]) -> None:
    done = orchestrator(tmp_path, *command)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "pocket-maths" in done.stdout
    if "--json" in command:
        rows = {row["model"]: row for row in json.loads(done.stdout)["models"]}
        assert rows["ollama:smollm2:latest"]["context"] == 2048
        assert rows["ollama:smollm2:latest"]["local"]
    elif command == ["doctor"]:
        assert at_ollama.url.removeprefix("http://") in done.stdout


@pytest.mark.usefixtures("at_ollama")
def test_a_task_is_done_from_the_command_line(tmp_path: Path) -> None:
    done = orchestrator(tmp_path, "run", "What is the capital of France?", "--models", "ollama:smollm2", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Paris" in json.loads(done.stdout)["messages"][-1]["content"]


def orchestrator(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the installed command in an empty folder, with a memory and settings of its own."""
    program = [str(Path(sys.executable).with_name("orchestrator")), *arguments]
    own = {"XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "COLUMNS": "160"}
    return subprocess.run(
        program, env=os.environ | own, capture_output=True, text=True, cwd=folder, timeout=90, check=False
    )
