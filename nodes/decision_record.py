"""The decision record of a finished run, on its OpenTelemetry span and as counters. Costs nothing where nobody traces.

A decision's sentence may quote a remembered task: those words are left out, and of a private run the whole sentence is.
"""

import re
from collections.abc import Mapping
from typing import Any

from orchestrator_graph.gateway.budget import Lease
from orchestrator_graph.gateway.call_metrics import count_outside
from orchestrator_graph.gateway.otel import meter
from orchestrator_graph.gateway.run_span import end_run
from orchestrator_graph.types import Attempt

__all__ = ["tell_run", "wordless"]

QUOTED = re.compile(r"(remembers task \S+) .*\(similarity", re.DOTALL)
"""Greedy: a remembered task may itself hold these words, what follows them only names and numbers."""


def tell_run(
    lease: Lease,
    state: Mapping[str, Any],
    results: Mapping[str, Mapping[str, Any]],
    bill: Mapping[str, Any],
    calls: Mapping[str, dict[str, Any]],
) -> None:
    """Puts the record on the run's span, which ends with it, and counts.

    Args:
        lease: The run's.
        state: The parent graph's.
        results: By subtask.
        bill: The run's.
        calls: By id.
    """
    _count(results, calls)
    span = lease.span
    if span is None:
        return
    private = state["task"]["private"] or any(step["private"] for step in state["plan"])
    span.set_attribute("orchestrator.private", private)
    span.set_attributes(_whole(state["task"], results, bill))
    for result in results.values():
        span.add_event("orchestrator.decision", _decision(result, private=private))
    statuses = {result["status"] for result in results.values()}
    failed = "failed" in statuses
    status = "failed" if failed else "unsure" if "unsure" in statuses else "accepted"
    end_run(lease, status, "no_answer" if failed else "")


def wordless(why: str) -> str:
    """A decision's sentence without the remembered words that it quotes.

    >>> wordless("best (quality 0.8, n=4); remembers task 1a2b3c4d 'my secret' (similarity 0.91): small 1.00")
    'best (quality 0.8, n=4); remembers task 1a2b3c4d (similarity 0.91): small 1.00'
    """
    return QUOTED.sub(r"\1 (similarity", why)


def _whole(
    task: Mapping[str, Any], results: Mapping[str, Mapping[str, Any]], bill: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "orchestrator.subtasks": len(results),
        "orchestrator.plan_source": task["plan_source"],
        "orchestrator.decision_ids": [r["decision"]["id"] for r in results.values() if r["decision"]],
        "orchestrator.calls": bill["calls"],
        "orchestrator.failed_calls": bill["failed_calls"],
        "orchestrator.escalations": sum(_escalations(r) for r in results.values()),
        "orchestrator.cost_usd": bill["total_usd"],
        "orchestrator.billed_usd": bill["billed_usd"],
        "orchestrator.proved": bill["proved"],
        **({"orchestrator.certificate": bill["certificate"]} if bill["certificate"] else {}),
    }


def _decision(result: Mapping[str, Any], *, private: bool) -> dict[str, Any]:
    decision = result["decision"] or {}
    facts = {
        "orchestrator.subtask": result["id"],
        "orchestrator.task_type": result["task_type"],
        "orchestrator.decision_id": decision.get("id"),
        "orchestrator.candidate": result["candidate"],
        "orchestrator.why": None if private else wordless(result["why"]),
        "orchestrator.proved": decision.get("proved", False),
        "orchestrator.certificate": decision.get("certificate") or None,
        "orchestrator.confidence": result["confidence"],
        "orchestrator.calibrated": result["calibrated"],
        "orchestrator.status": result["status"],
        "orchestrator.escalations": _escalations(result),
        "orchestrator.tries": result["tries"],
        "orchestrator.cost_usd": result["cost_usd"],
        "orchestrator.latency_s": result["latency_s"],
    }
    return {name: value for name, value in facts.items() if value is not None}


def _escalations(result: Mapping[str, Any]) -> int:
    return max(0, result.get("escalations") or 0)


def _count(results: Mapping[str, Mapping[str, Any]], calls: Mapping[str, dict[str, Any]]) -> None:
    counts = meter()
    if counts is None:
        return
    decisions = counts.create_counter("orchestrator.decisions", "{decision}", "Decisions that were carried out.")
    escalations = counts.create_counter("orchestrator.escalations", "{escalation}", "Answers that were not enough.")
    for result in results.values():
        kind = {"orchestrator.task_type": result["task_type"]}
        if result["decision"]:
            proved = result["decision"]["proved"]
            named = {"orchestrator.candidate": result["candidate"], "orchestrator.status": result["status"]}
            decisions.add(1, {**kind, **named, "orchestrator.proved": proved})
        escalations.add(_escalations(result), kind)
    for call in calls.values():
        if call["purpose"] == "embed" or call["model"].startswith("decider:"):
            count_outside(Attempt.from_json(call))
