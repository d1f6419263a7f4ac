"""OpenTelemetry with its real SDK, in applications of their own: spans, metrics, and not a word of any task."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


class Told:
    """What one application exported, and what its run gave."""

    def __init__(self, raw: str) -> None:
        told = json.loads(raw)
        self.raw, self.out = json.dumps([told["spans"], told["metrics"]]), told["out"]
        self.spans: list[dict[str, Any]] = told["spans"]
        scopes = [scope for found in told["metrics"]["resource_metrics"] for scope in found["scope_metrics"]]
        self.metrics = {metric["name"]: metric for scope in scopes for metric in scope["metrics"]}

    def named(self, start: str) -> list[dict[str, Any]]:
        return [span for span in self.spans if span["name"].startswith(start)]

    def points(self, name: str) -> list[dict[str, Any]]:
        points: list[dict[str, Any]] = self.metrics[name]["data"]["data_points"]
        return points


def told(mode: str, scenario: str, *given: str, **settings: str) -> Told:
    command = [sys.executable, str(HERE / "telemetry_child.py"), mode, scenario, *given]
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **settings}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return Told(done.stdout)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A server with faults: the model's name is the fault."""
    command = [sys.executable, "-u", str(ROOT / "tests" / "reliability" / "fault_server.py"), ""]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin and process.stdout
    yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    process.stdin.close()
    process.wait(5)
    process.stdout.close()


def test_calls_are_children_of_the_run_and_the_run_of_the_caller(mode: str) -> None:
    seen = told(mode, "plan")
    (run,), (caller,), calls = seen.named("invoke_agent"), seen.named("request"), seen.named("chat ")
    assert run["name"] == "invoke_agent orchestrator"
    assert run["kind"] == "SpanKind.INTERNAL"
    assert run["parent_id"] == caller["context"]["span_id"]
    assert len(calls) == seen.out["bill"]["calls"] >= 3
    for call in calls:
        facts = call["attributes"]
        assert call["parent_id"] == run["context"]["span_id"]
        assert call["kind"] == "SpanKind.CLIENT"
        assert call["name"] == f"chat {facts['gen_ai.request.model']}"
        assert (facts["gen_ai.operation.name"], facts["gen_ai.provider.name"]) == ("chat", "pocket")
        assert facts["gen_ai.response.finish_reasons"] == ["stop"]
        assert facts["gen_ai.usage.input_tokens"] > 0 < facts["gen_ai.usage.output_tokens"]
        assert facts["orchestrator.run_id"] == seen.out["bill"]["run_id"]
        assert run["start_time"] <= call["start_time"] <= call["end_time"] <= run["end_time"]
    assert "lantern" not in seen.raw


def test_the_run_carries_its_decision_record(mode: str) -> None:
    seen = told(mode, "plan")
    (run,), results, bill = seen.named("invoke_agent"), seen.out["results"], seen.out["bill"]
    whole = {name.removeprefix("orchestrator."): value for name, value in run["attributes"].items()}
    assert whole["run_id"] == bill["run_id"]
    assert whole["cost_usd"] == pytest.approx(bill["total_usd"])
    assert (whole["proved"], whole["calls"]) == (False, bill["calls"])
    assert sorted(whole["decision_ids"]) == sorted(result["decision"]["id"] for result in results.values())
    records = {event["attributes"]["orchestrator.subtask"]: event["attributes"] for event in run["events"]}
    assert set(records) == set(results) == {"1", "2", "3"}
    for name, result in results.items():
        for field in ("candidate", "why", "confidence", "calibrated", "status", "escalations", "tries", "cost_usd"):
            assert records[name][f"orchestrator.{field}"] == result[field]


def test_metrics_follow_the_conventions_and_count_what_the_bill_counts(mode: str) -> None:
    seen = told(mode, "plan")
    bill, results = seen.out["bill"], seen.out["results"]
    durations, tokens = seen.points("gen_ai.client.operation.duration"), seen.points("gen_ai.client.token.usage")
    assert sum(point["count"] for point in durations) == bill["calls"]
    assert durations[0]["explicit_bounds"] == pytest.approx([0.01 * 2**n for n in range(14)])
    assert tokens[0]["explicit_bounds"] == [4**n for n in range(14)]
    for kind in ("input", "output"):
        counted = sum(p["sum"] for p in tokens if p["attributes"]["gen_ai.token.type"] == kind)
        assert counted == sum(line[f"{kind}_tokens"] for line in bill["lines"])
    assert sum(p["value"] for p in seen.points("orchestrator.cost")) == pytest.approx(bill["total_usd"])
    assert sum(p["value"] for p in seen.points("orchestrator.decisions")) == len(results)
    escalated = sum(result["escalations"] for result in results.values())
    assert sum(p["value"] for p in seen.points("orchestrator.escalations")) == escalated


def test_a_retried_call_is_one_span_that_counts_its_tries_and_names_the_server(mode: str, server: str) -> None:
    seen = told(mode, "served", f"flaky-{mode}-1", server)
    (call,) = seen.named("chat ")
    facts = call["attributes"]
    assert facts["orchestrator.tries"] == 2
    assert facts["gen_ai.provider.name"] == "openai"
    assert f"http://{facts['server.address']}:{facts['server.port']}" == server
    assert "error.type" not in facts
    assert call["status"]["status_code"] == "UNSET"


def test_a_failed_call_has_the_kind_of_its_failure_and_not_the_message(mode: str, server: str) -> None:
    seen = told(mode, "served", "invalid", server)
    (run,), calls = seen.named("invoke_agent"), seen.named("chat ")
    for call in calls:
        assert call["attributes"]["error.type"] == "invalid_request"
        assert call["status"] == {"status_code": "ERROR"}
        assert call["events"] == []
        assert "gen_ai.usage.input_tokens" not in call["attributes"]
    assert run["attributes"]["orchestrator.status"] == "failed"
    assert run["attributes"]["error.type"] == "no_answer"
    failed = [p for p in seen.points("gen_ai.client.operation.duration") if "error.type" in p["attributes"]]
    assert sum(point["count"] for point in failed) == len(calls) >= 1


def test_nothing_of_a_private_run_but_names_counts_and_times(mode: str) -> None:
    content = {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "true"}  # other instrumentations heed it
    seen = told(mode, "private", **content)
    (run,), answer = seen.named("invoke_agent"), seen.out["results"]["1"]["answer"]
    assert run["attributes"]["orchestrator.private"] is True
    assert all("orchestrator.why" not in event["attributes"] for event in run["events"])
    assert seen.named("chat ")
    assert answer
    assert "zebracanary" not in seen.raw
    assert answer not in seen.raw


def test_the_words_of_a_remembered_task_are_not_exported_with_the_reasons(mode: str) -> None:
    seen = told(mode, "remembered")
    assert "remembers task" in seen.out["results"]["1"]["why"]
    assert "zebracanary" in seen.out["results"]["1"]["why"]
    assert "remembers task" in seen.raw
    assert "zebracanary" not in seen.raw


def test_a_run_that_waits_for_a_person_ends_its_span_and_begins_another(mode: str) -> None:
    waiting, answered = told(mode, "person").named("invoke_agent")
    assert waiting["attributes"]["orchestrator.status"] == "interrupted"
    assert answered["attributes"]["orchestrator.status"] == "accepted"
    assert waiting["attributes"]["orchestrator.run_id"] == answered["attributes"]["orchestrator.run_id"]
    assert waiting["end_time"] <= answered["start_time"]


def test_a_cancelled_run_ends_its_spans() -> None:
    seen = told("async", "cancelled")
    (call,), (run,) = seen.named("chat "), seen.named("invoke_agent")
    assert call["attributes"]["error.type"] == run["attributes"]["error.type"] == "cancelled"
    assert run["attributes"]["orchestrator.status"] == "cancelled"
    assert call["parent_id"] == run["context"]["span_id"]


def test_an_embedder_that_was_asked_is_measured_too(mode: str) -> None:
    points = told(mode, "embedded").points("gen_ai.client.operation.duration")
    kinds = [point["attributes"]["gen_ai.operation.name"] for point in points]
    assert sorted(kinds) == ["chat", "embeddings"]


OFF = """
import sys, timeit
from orchestrator_graph.drive import drive
from orchestrator_graph.gateway.budget import Budget, Lease
from orchestrator_graph.gateway.telemetry import watched
from orchestrator_graph.registry.spec import ModelSpec
from orchestrator_graph.types import Attempt, Request

{before}
async def call():
    return attempt

attempt, spec = Attempt("1", "pocket:text", "execute"), ModelSpec("pocket:text")
request, lease = Request(()), Lease("t", Budget(None), Budget(None))
bare = min(timeit.repeat(lambda: drive(call()), number=1000, repeat=7))
seen = min(timeit.repeat(lambda: drive(watched(call(), spec, request, lease)), number=1000, repeat=7))
print(1000 * (seen - bare), "opentelemetry" in sys.modules)
"""


@pytest.mark.parametrize("before", ["", "import chromadb, opentelemetry.trace, opentelemetry.metrics"])
def test_without_a_provider_it_imports_nothing_and_costs_microseconds(before: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", OFF.format(before=before)], capture_output=True, text=True, check=True, timeout=60
    )
    microseconds, imported = done.stdout.split()
    assert float(microseconds) < 50
    assert (imported == "True") is bool(before)


@pytest.mark.parametrize("private", ["private", "open"])
def test_a_chat_models_call_carries_its_decision_record_and_no_word(mode: str, private: str) -> None:
    seen = told(mode, "chat", private)
    (run,), (caller,), (call,) = seen.named("invoke_agent"), seen.named("request"), seen.named("chat ")
    assert (run["parent_id"], call["parent_id"]) == (caller["context"]["span_id"], run["context"]["span_id"])
    (record,) = (event["attributes"] for event in run["events"])
    assert record["orchestrator.decision_id"] == seen.out["results"]["decisions"]["1"]
    assert record["orchestrator.candidate"] == seen.out["results"]["orchestrator"]["candidate"]
    assert ("orchestrator.why" in record) is (private == "open")
    assert run["attributes"]["orchestrator.status"] == "accepted"
    assert run["attributes"]["orchestrator.cost_usd"] == pytest.approx(seen.out["bill"]["total_usd"])
    assert "zebracanary" not in seen.raw
