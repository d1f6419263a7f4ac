"""The live view as a fold over events."""

import io
from types import SimpleNamespace
from typing import Any

from rich.console import Console

from orchestrator_graph.cli.live import Progress, follow

EVENTS: list[dict[str, Any]] = [
    {"event": "plan", "plan": [{"id": "1", "brief": "reverse [b]x[/b]"}, {"id": "2", "brief": "add"}]},
    {"event": "decision", "subtask": "1", "candidate": "pocket:small", "why": "cheap"},
    {
        "event": "call",
        "subtask": "1",
        "model": "pocket:small",
        "purpose": "execute",
        "ok": False,
        "failure": "timeout",
        "cost_nusd": 100,
        "spent_nusd": 100,
        "latency_s": 0.1,
    },
    {"event": "verdict", "subtask": "1", "confidence": 0.31, "action": "escalate"},
    {"event": "escalate", "subtask": "1", "to": "pocket:medium", "why": "unsure"},
    {"event": "token", "subtask": "1", "model": "pocket:medium", "text": "x"},
    {"event": "result", "subtask": "1", "status": "accepted"},
    {"event": "something new"},
]


def test_rows_follow_the_events() -> None:
    progress = Progress()
    for event in EVENTS:
        progress.apply(event)
    row = progress.rows["1"]
    assert (row.candidate, row.state, row.confidence, row.calls) == ("pocket:medium", "accepted", "0.31", 1)
    assert progress.rows["2"].state == "waiting"
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(progress)
    shown = console.export_text()
    assert "1 calls, spent $0.000000100" in shown
    assert "[b]x[/b]" in shown


def test_follow_returns_the_output_and_passes_text_on() -> None:
    stream = [("custom", EVENTS[0]), ("messages", (SimpleNamespace(text="ab"), {})), ("values", {"results": {}})]
    written: list[str] = []
    assert follow(stream, Progress(), written.append) == {"results": {}}
    assert follow(stream, Progress()) == {"results": {}}
    assert written == ["ab"]
