"""`langgraph dev` as a child process with a home of its own, and a proxy that notes whoever would leave the machine."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.servers import free_port

ROOT = Path(__file__).resolve().parents[3]
ARGUMENTS = ["--no-browser", "--no-reload", "--n-jobs-per-worker", "4"]
PATIENCE_S = 90
QUIET = {"OMP_NUM_THREADS": "1", "LANGGRAPH_CLI_NO_ANALYTICS": "1"}
"""The command line sends its maker which command was run, unless it is told not to."""


class Spy:
    """A proxy that answers nobody and counts who came."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:  # stopped
                return
            with caller:
                caller.settimeout(2)
                self.asked.append(caller.recv(200).decode(errors="replace").partition("\r\n")[0])

    def stop(self) -> None:
        self._listener.close()


class DevServer:
    """The child process. Its log is JSON lines, so that what went wrong is found by level and not by wording."""

    def __init__(self, folder: Path, config: Path, **environment: str) -> None:
        self.spy = Spy()
        self.folder, self.log = folder, folder / "log"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        command = [str(Path(sys.executable).with_name("langgraph")), "dev", *ARGUMENTS]
        command += ["--config", str(config), "--port", str(self.port)]
        proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"), self.spy.url)
        scrubbed = {"PATH": os.environ["PATH"], "HOME": str(folder), "LOG_JSON": "true", **QUIET}
        began = time.monotonic()
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                command, cwd=folder, env={**scrubbed, **proxies, **environment}, stdout=log, stderr=log
            )
        self._wait()
        self.started_s = time.monotonic() - began

    def _wait(self) -> None:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        ends = time.monotonic() + PATIENCE_S
        while time.monotonic() < ends and self.process.poll() is None:
            try:
                with opener.open(f"{self.url}/ok", timeout=2):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        self.process.kill()
        raise RuntimeError(f"langgraph dev is not healthy:\n{self.log.read_text()}")

    def said(self) -> list[dict[str, Any]]:
        """The log's records."""
        lines = self.log.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def errors(self, *expected: str, graph: str | None = None) -> list[str]:
        """What was logged as an error or with a traceback, and every line that is no record but looks like one.

        Without those that have one of the `expected` words; of one graph's runs only, where one is named.
        """
        wrong = [
            f"{record['event']} {record.get('exception', '')}"
            for record in self.said()
            if (record.get("level") in {"error", "critical"} or "exception" in record)
            and graph in {None, record.get("graph_id")}
        ]
        loose = [line for line in self.log.read_text().splitlines() if not line.startswith("{")]
        wrong += [line for line in loose if "Traceback" in line or "BlockingError" in line]
        return [line for line in wrong if not any(word in line for word in expected)]

    def stop(self) -> int:
        """Ends it as Ctrl-C does; its exit status."""
        self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(20)
        finally:
            self.process.kill()
            self.spy.stop()
