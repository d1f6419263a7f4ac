"""What finding Ollama and finding the small models share: the cache folder, running a command, and one kind of error.

This module knows neither Ollama nor any model.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

LONGEST_SECONDS = 3600.0


class SetupError(RuntimeError):
    """Something that a real test needs is missing; the message says what, and the way out."""


def cache_dir() -> Path:
    """Return this project's folder in the user's cache, which may not exist yet."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "orchestrator-graph"


def run(command: Sequence[str], purpose: str, *, env: Mapping[str, str] | None = None, stdin: str = "") -> str:
    """Run a command to its end and return its standard output.

    Args:
        command: the program and its arguments; no shell is involved.
        purpose: what it is for, as a verb: "download x".
        env: variables to set on top of our own.
        stdin: what it reads.

    Raises:
        SetupError: it could not start, failed or outlived an hour; the message ends with its last lines.
    """
    variables = {**os.environ, **(env or {})}
    try:
        done = subprocess.run(
            command, env=variables, input=stdin, capture_output=True, text=True, timeout=LONGEST_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SetupError(f"Could not {purpose}: {error}.") from error
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-12:])
        raise SetupError(f"Could not {purpose}: `{command[0]}` ended with {done.returncode}. Its last lines:\n{tail}")
    return done.stdout


def say(sentence: str) -> None:
    """Write progress to standard error, which leaves standard output to the paths."""
    sys.stderr.write(sentence + "\n")
