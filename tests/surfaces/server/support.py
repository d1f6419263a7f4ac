"""Servers as child processes, and what their `/metrics` say."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.servers import free_port

ROOT = Path(__file__).resolve().parents[3]
HERE = Path(__file__).parent
QUESTION = [{"role": "user", "content": "Tell me something."}]
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(url: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, Any, dict[str, str]]:
    """Status, JSON (or text) and headers of one request, without any client library between."""
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json", **(headers or {})})  # noqa: S310
    try:
        with OPENER.open(request, timeout=30) as answer:
            return answer.status, _read(answer), dict(answer.headers)
    except urllib.error.HTTPError as error:
        return error.code, _read(error), dict(error.headers)


def _read(answer: Any) -> Any:
    text = answer.read().decode()
    return json.loads(text) if "json" in answer.headers.get("content-type", "") else text


class Upstream:
    """The stand-in for providers."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-u", str(HERE / "upstream.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline())}"

    def seen(self, model: str) -> dict[str, int]:
        found: dict[str, int] = {"begun": 0, "ended": 0, "cut": 0, "now": 0}
        return found | ask(f"{self.url}/seen")[1].get(model, {})

    def stop(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(5)
        self.process.stdout.close()


class Child:
    """Our server in a process of its own."""

    def __init__(self, folder: Path, *command: str, **environ: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / f"log-{self.port}"
        settings = {"PATH": os.environ["PATH"], "HOME": str(folder), "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        words = [word.replace("PORT", str(self.port)) for word in command]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, *words], cwd=folder, env={**settings, **environ}, stdout=log, stderr=log
            )
        wait_until(self._answers, 60)

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        with suppress(OSError):
            return ask(f"{self.url}/healthz")[0] == 200
        return False

    def chat(self, model: str = "orchestrator", key: str | None = None, **fields: Any) -> tuple[int, Any, Any]:
        """One request without any client library between."""
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        body = {"model": model, "messages": QUESTION, **fields}
        return ask(f"{self.url}/v1/chat/completions", body, headers)

    def metric(self, name: str, key: str | None = None, **labels: str) -> float:
        """The sum of a metric's rows that have these labels."""
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        rows = re.findall(rf"^{name}(?:\{{(.*)\}})? (\S+)$", ask(f"{self.url}/metrics", None, headers)[1], re.MULTILINE)
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        return sum(float(value) for told, value in rows if all(pair in told for pair in wanted))

    def reaches(self, value: float, name: str, key: str | None = None, **labels: str) -> None:
        """Waits until a metric has that value: it is counted once the answer is out."""
        wait_until(lambda: self.metric(name, key, **labels) == value)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Ends it; its exit status."""
        self.process.send_signal(how)
        try:
            return self.process.wait(30)
        finally:
            self.process.kill()


def serve(folder: Path, *options: str, **environ: str) -> Child:
    """The real command line."""
    command = ["-c", "from orchestrator_graph.cli import main; main()", "serve", "--port", "PORT", *options]
    return Child(folder, *command, **environ)


def wait_until(true: Callable[[], bool], seconds: float = 10) -> None:
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends, "not in time"
        time.sleep(0.05)
