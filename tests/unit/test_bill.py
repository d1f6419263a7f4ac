"""The tables of reasons and costs, from a run's output alone."""

from typing import Any

import pytest

from orchestrator_graph.bill import format_bill, format_seconds, format_usd


def result(key: str, **changes: Any) -> dict[str, Any]:
    base = {
        "id": key,
        "brief": f"subtask {key}",
        "task_type": "text",
        "answer": "nretnal",
        "status": "accepted",
        "candidate": "pocket:text",
        "models": ["pocket:text"],
        "why": "best estimate",
        "confidence": 0.934,
        "calibrated": False,
        "tries": 1,
        "cost_nusd": 1716,
        "latency_s": 0.012,
        "missing": None,
        "needs": [],
    }
    return base | changes


def line(model: str, **changes: Any) -> dict[str, Any]:
    base = {
        "purpose": "execute",
        "model": model,
        "calls": 2,
        "failed": 0,
        "input_tokens": 40,
        "output_tokens": 12,
        "cost_nusd": 1716,
        "billed": False,
        "measured": True,
        "latency_s": 0.02,
    }
    return base | changes


def output(results: list[dict[str, Any]], lines: list[dict[str, Any]], **bill: Any) -> dict[str, Any]:
    money = sum(entry["cost_nusd"] for entry in lines)
    base = {
        "run_id": "ab" * 16,
        "total_nusd": money,
        "billed_usd": sum(entry["cost_nusd"] for entry in lines if entry["billed"]) / 1e9,
        "calls": sum(entry["calls"] for entry in lines),
        "failed_calls": 0,
        "wall_s": 0.1,
        "energy_j": None,
        "reference": {"model": "pocket:medium", "cost_nusd": 8170, "saving": 0.58},
        "proved": False,
        "notes": [],
        "lines": lines,
    }
    return {"plan": [], "results": {entry["id"]: entry for entry in results}, "bill": base | bill}


def test_it_shows_reason_cost_mark_and_the_unproved_saving() -> None:
    cloud = line("openai:gpt-5-mini", billed=True, measured=False, cost_nusd=123_456)
    text = format_bill(output([result("1")], [line("pocket:text"), cloud]), width=110)
    assert "best estimate" in text
    assert "0.93*" in text
    assert "uncalibrated" in text
    assert "measured, not billed" in text
    assert "estimated" in text
    assert "billed $0.000123" in text
    assert text.splitlines()[-1] == "Saving against always using pocket:medium ($0.00000817): 58%, unproved."
    assert max(map(len, text.splitlines())) <= 110


@pytest.mark.parametrize(
    ("reference", "words"),
    [(None, "no reference model"), ({"model": "openai:x", "cost_nusd": None, "saving": None}, "price is not known")],
)
def test_a_missing_reference_is_said(reference: dict[str, Any] | None, words: str) -> None:
    assert words in format_bill(output([result("1")], [], reference=reference), width=110).splitlines()[-1]


def test_a_loss_is_called_a_loss() -> None:
    text = format_bill(output([], [], reference={"model": "a:b", "cost_nusd": 10, "saving": -0.5}), width=110)
    assert text.endswith("No saving against always using a:b ($0.000000010): this was 50% dearer, unproved.")


def test_a_proved_saving_says_so() -> None:
    assert format_bill(output([], [], proved=True), width=110).endswith("58%, proved.")


def test_failures_name_what_is_missing_and_notes_are_shown() -> None:
    failed = result("1", status="failed", missing="every candidate timed out", confidence=None, candidate=None)
    text = format_bill(output([failed], [line("pocket:text", failed=1)], failed_calls=1, notes=["plan refused"]), 110)
    assert "timed out" in text
    assert "failed" in text
    assert "(1 failed)" in text
    assert "Note: plan refused" in text


def test_square_brackets_of_a_task_are_text_and_not_markup() -> None:
    assert "[red]x[/red]" in format_bill(output([result("1", brief="[red]x[/red]")], []), width=110)


def test_rows_follow_the_plan() -> None:
    out = output([result("2"), result("1")], []) | {"plan": [{"id": "1"}, {"id": "2"}]}
    text = format_bill(out, width=110)
    assert text.index("subtask 1") < text.index("subtask 2")


@pytest.mark.parametrize("width", [40, 80, 200])
def test_it_keeps_to_the_width(width: int) -> None:
    text = format_bill(output([result("1", why="because " * 30)], [line("pocket:text")]), width=width)
    assert max(map(len, text.splitlines())) <= width


def test_amounts_and_times() -> None:
    assert [format_usd(n) for n in (1, 10_000_000, 12_345_678_901)] == ["$0.000000001", "$0.0100", "$12.3457"]
    assert [format_seconds(s) for s in (0.0, 0.9994, 61.0)] == ["0 ms", "999 ms", "61.0 s"]
