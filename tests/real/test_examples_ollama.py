"""Four examples with a small instruct model of a real Ollama in the place of the embedded ones or of a stand-in."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from real_server import OllamaServer

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture
def settings(at_ollama: OllamaServer, tmp_path: Path) -> dict[str, str]:
    """The environment of an example that is to use SmolLM2."""
    kept = {key: os.environ[key] for key in ("PATH", "LANG", "TMPDIR") if key in os.environ}
    return {**kept, "HOME": str(tmp_path), "OLLAMA_HOST": at_ollama.url, "EXAMPLE_MODEL": "ollama:smollm2"}


def run(name: str, settings: dict[str, str], folder: Path) -> str:
    command = [sys.executable, "-W", "error", EXAMPLES / f"{name}.py"]
    done = subprocess.run(command, cwd=folder, env=settings, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_chain(settings: dict[str, str], tmp_path: Path) -> None:
    said = run("lcel_chain", settings, tmp_path)
    assert len(re.findall(r"^    ollama:smollm2, \$0\.0+: ", said, re.MULTILINE)) == 3
    assert re.search(r"As a stream: .*\w\|.*\w", said, re.DOTALL), "it came in pieces"


def test_retrieved_private_text_goes_to_it_alone(settings: dict[str, str], tmp_path: Path) -> None:
    said = run("rag", settings, tmp_path)
    assert "ollama:smollm2, private: True" in said
    answer = said.partition("night porter earn a month?")[2].partition("ollama:")[0]
    assert len(answer.split()) > 3, "what it makes of the text is its own affair, but it answers"
    assert "The cloud was shown the porter's pay: False" in said


def test_a_customers_record_goes_to_it_alone(settings: dict[str, str], tmp_path: Path) -> None:
    said = run("support_agent", settings, tmp_path)
    assert len(re.findall(r"^    ollama:smollm2, ", said, re.MULTILINE)) == 2
    assert "The cloud saw: ['A customer asks: When are you open?']" in said


def test_an_openai_client(settings: dict[str, str], tmp_path: Path) -> None:
    said = run("openai_client", settings, tmp_path)
    assert len(re.findall(r"^    ollama:smollm2, \$0\.0+: ", said, re.MULTILINE)) == 3
    assert re.search(r"As a stream: .*\w\|.*\w", said, re.DOTALL)
