"""Ctrl-C, with real processes: a model that never answers, and the time before anything is imported."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAIN = "from orchestrator_graph.cli import main; main()"
FILE = '[[models]]\nmodel = "openai:slow"\nbase_url = "http://127.0.0.1:{port}/v1"\nlocal = true\n'


def started(folder: Path, code: str, *arguments: str) -> "subprocess.Popen[str]":
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(folder), "ORCHESTRATOR_CONFIG": ""}
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: "subprocess.Popen[str]") -> str:
    before = time.monotonic()
    process.send_signal(signal.SIGINT)
    try:
        shown, errors = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 130, errors
    assert time.monotonic() - before < 10
    assert "Traceback" not in errors
    assert errors.count("interrupted") == 1
    return shown


@pytest.mark.parametrize("stream", [[], ["--stream"]], ids=["live", "stream"])
def test_a_model_that_never_answers_does_not_hold_the_process(tmp_path: Path, stream: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hole:
        hole.settimeout(60)
        (tmp_path / "orchestrator.toml").write_text(FILE.format(port=hole.getsockname()[1]), encoding="utf-8")
        process = started(tmp_path, MAIN, "run", "hi", *stream)
        with hole.accept()[0] as connection:
            assert connection.recv(1)
            ended(process)


def test_an_interrupt_during_imports_is_no_traceback(tmp_path: Path) -> None:
    fake = "import sys, time, types\nclass Slow:\n    def find_spec(self, name, *rest):\n"
    fake += "        if name == 'orchestrator_graph.cli.app':\n            print('ready', flush=True)\n"
    fake += "            time.sleep(30)\nsys.meta_path.insert(0, Slow())\n"
    process = started(tmp_path, fake + MAIN, "--version")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    ended(process)


def test_an_interrupt_that_was_switched_off_stays_off(tmp_path: Path) -> None:
    ignoring = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); signal.raise_signal(signal.SIGINT); "
    process = started(tmp_path, ignoring + MAIN, "--version")
    shown, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert shown.startswith("orchestrator-graph")
