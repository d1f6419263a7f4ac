"""LangSmith, spoken to over its own protocol: calls carry what they were for, and a private run posts nothing."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
WORD = "zebracanary"


class Ingestion:
    """The server in a child process, and what it saw since it was last asked."""

    def __init__(self) -> None:
        command = [sys.executable, "-u", str(HERE / "langsmith_server.py")]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline())}"
        self.known = 0

    def posted(self) -> list[dict[str, Any]]:
        with urllib.request.urlopen(f"{self.url}/seen", timeout=5) as answer:  # noqa: S310 - our own server
            seen = json.load(answer)
        fresh, self.known = seen[self.known :], len(seen)
        return fresh

    def stop(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(5)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def ingestion() -> Iterator[Ingestion]:
    server = Ingestion()
    yield server
    server.stop()


def traced(ingestion: Ingestion, way: str, privacy: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What an application said that is traced by its environment, and what it posted."""
    settings = {"LANGSMITH_TRACING": "true", "LANGSMITH_ENDPOINT": ingestion.url, "LANGSMITH_API_KEY": "k"}
    paths = {"PYTHONPATH": str(HERE.parents[1]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(HERE / "langsmith_child.py"), way, privacy]
    done = subprocess.run(
        command, env={**os.environ, **settings, **paths}, capture_output=True, text=True, check=True, timeout=60
    )
    return json.loads(done.stdout), ingestion.posted()


@pytest.mark.parametrize("way", ["sync", "async"])
def test_each_call_says_which_run_part_purpose_and_model_it_was(ingestion: Ingestion, way: str) -> None:
    said, posts = traced(ingestion, way, "open")
    bodies = [json.loads(post["body"]) for post in posts]
    calls = [run for body in bodies for run in body["post"] if run["run_type"] == "llm"]
    assert calls
    for call in calls:
        told = call["extra"]["metadata"]
        assert told["orchestrator_run_id"] == said["run_id"]
        assert told["orchestrator_subtask"] == "1"
        assert told["orchestrator_purpose"] == "execute"
        assert told["orchestrator_model"] == f"pocket:{told['ls_model_name']}"
        assert told["ls_provider"] == "pocket"
        assert "orchestrator" in call["tags"]
    assert WORD in str(posts)  # what is not private is traced as ever


GRAPH = ["graph", "agraph", "copy", "events", "thread", "personal data"]


@pytest.mark.parametrize("way", ["sync", "async", "stream", *GRAPH])
def test_a_private_run_posts_nothing_at_all(ingestion: Ingestion, way: str) -> None:
    said, posts = traced(ingestion, way, "private")
    assert said["answer"]
    assert posts == []


@pytest.mark.parametrize("way", ["graph", "agraph", "copy", "events"])
def test_a_graph_whose_run_is_not_private_is_traced_as_ever(ingestion: Ingestion, way: str) -> None:
    assert WORD in str(traced(ingestion, way, "open")[1])
