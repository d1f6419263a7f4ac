"""One `langgraph dev` for all tests here, and a table of what was shown, in how many seconds."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langgraph_sdk import get_sync_client
from langgraph_sdk.client import SyncLangGraphClient
from rich.console import Console
from rich.table import Table

from tests.surfaces.studio.dev_server import ROOT, DevServer

HERE = "tests/surfaces/studio/"
WRONG_INPUT = ("PolicyError", "NoCandidateError", "InputError")
"""What the server logs as an error of a run because a test asked for it."""


def isolated() -> bool:
    """Whether this process, and so its children, can reach nothing but loopback."""
    lines = Path("/proc/net/dev").read_text().splitlines()[2:]
    return {line.partition(":")[0].strip() for line in lines} == {"lo"}


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    """What `langgraph.json` serves, as it is shipped."""
    server = DevServer(tmp_path_factory.mktemp("studio"), ROOT / "langgraph.json")
    try:
        yield server
    finally:
        ended = server.stop()
    assert ended == 0, server.log.read_text()
    assert (server.folder / ".langgraph_api").is_dir()
    assert server.errors(*WRONG_INPUT) == []  # no traceback, no BlockingError
    assert server.spy.asked == []


@pytest.fixture
def client(server: DevServer) -> Iterator[SyncLangGraphClient]:
    with get_sync_client(url=server.url) as client:
        yield client


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The table that `make test-studio` shows."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    called = [report for report in reports if report.when == "call" and report.nodeid.startswith(HERE)]
    if len(called) < 2:  # the smoke test alone
        return
    table = Table("what", "figures", "seconds", "ok", title="langgraph dev, driven with langgraph-sdk")
    for report in sorted(called, key=lambda report: report.nodeid):
        name = report.nodeid.rpartition("::test_")[2].replace("_", " ").replace("[", ": ").removesuffix("]")
        figures = "; ".join(f"{key} {value}" for key, value in report.user_properties)
        table.add_row(name, figures, f"{report.duration:.1f}", "yes" if report.passed else "NO")
    network = "none but loopback (unshare -rn)" if isolated() else "there, and merely unused (a proxy that is a spy)"
    Console(width=150).print(table, f"Network: {network}. No key, no LangSmith.", sep="\n")
