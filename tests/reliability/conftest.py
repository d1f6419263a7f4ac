import asyncio
import json
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from orchestrator_graph.drive import ASYNC, SYNC, drive
from orchestrator_graph.gateway.door import Gateway
from orchestrator_graph.registry.spec import ModelSpec, Price
from orchestrator_graph.types import Request

OVERSHOOTS = pytest.StashKey[list]()
PRICE = Price(1.0, 2.0)


class FaultServer:
    """The child process and what it saw."""

    def __init__(self, elsewhere="", script="fault_server.py"):
        path = Path(__file__).with_name(script)
        self.process = subprocess.Popen(
            [sys.executable, "-u", str(path), elsewhere], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.port = int(self.process.stdout.readline())
        self.url = f"http://127.0.0.1:{self.port}"

    def seen(self):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self.url}/seen", timeout=5) as answer:
            return json.load(answer)

    def stop(self):
        self.process.stdin.close()
        self.process.wait(5)
        self.process.stdout.close()


@pytest.fixture(scope="session", autouse=True)
def warm():
    """The SDKs are imported once before anything is timed: that takes seconds on a busy machine."""
    import langchain_ollama
    import langchain_openai

    return langchain_ollama, langchain_openai


@pytest.fixture(scope="session")
def spy():
    """A second server that must see nothing."""
    server = FaultServer()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def server(spy):
    server = FaultServer(spy.url)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def streamer():
    """A server that streams tokens with log-probabilities, and counts them."""
    server = FaultServer(script="token_server.py")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def closed_port():
    """A port on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Caller:
    """Calls through a fresh gateway, sync or async, streaming or not, and measures how late each one ended."""

    def __init__(self, server, overshoots, *, is_async=False, stream=False):
        self.server, self.overshoots, self.is_async, self.stream = server, overshoots, is_async, stream
        self.tokens = []

    def spec(self, protocol, fault, **fields):
        if protocol == "ollama":
            return ModelSpec(f"ollama:{fault}", base_url=fields.pop("base_url", self.server.url), **fields)
        base = fields.pop("base_url", f"{self.server.url}/v1")
        return ModelSpec(f"openai:{fault}", base_url=base, **{"price": PRICE, "api_key_env": "KEY", **fields})

    def gateway(self, *specs, **options):
        return Gateway(list(specs), environ={"KEY": "sk-secret-123456", **options.pop("environ", {})}, **options)

    def __call__(self, spec, *, deadline=1.0, cap=None, gateway=None, text="What is six times seven?", **fields):
        from langchain_core.messages import HumanMessage

        request = Request((HumanMessage(text),), stream=self.stream, **fields)
        own = gateway or self.gateway(spec)
        listening = self.tokens.append if self.stream else None

        def lease():
            return own.lease(f"{time.monotonic_ns()}", cap_nusd=cap, deadline_s=deadline)

        async def run():
            await own.portfolio(ASYNC)
            self.lease, self.began = lease(), time.monotonic()
            attempt = await own.call(ASYNC, spec.id, request, self.lease, on_token=listening)
            self.took = time.monotonic() - self.began
            if gateway is None:
                await own.aclose()
            return attempt

        if self.is_async:
            attempt = asyncio.run(run())
        else:
            drive(own.portfolio(SYNC))
            self.lease, self.began = lease(), time.monotonic()
            attempt = drive(own.call(SYNC, spec.id, request, self.lease, on_token=listening))
            self.took = time.monotonic() - self.began
            if gateway is None:
                own.close()
        self.overshoots.append(self.took - deadline)
        return attempt


@pytest.fixture(params=["sync", "async"])
def mode(request):
    return request.param


@pytest.fixture
def caller(request, server, mode):
    overshoots = request.config.stash.setdefault(OVERSHOOTS, [])
    return Caller(server, overshoots, is_async=mode == "async")


@pytest.fixture(params=["whole", "stream"])
def talker(request, caller):
    """A caller that streams or not."""
    caller.stream = request.param == "stream"
    return caller


def pytest_terminal_summary(terminalreporter, config):
    late = sorted(value for value in config.stash.get(OVERSHOOTS, []))
    if late:
        p99 = late[min(len(late) - 1, int(len(late) * 0.99))]
        over = max(0.0, p99)
        terminalreporter.write_line(
            f"deadlines: {len(late)} calls, p99 {over:.3f} s over, worst {max(0.0, late[-1]):.3f} s over"
        )
