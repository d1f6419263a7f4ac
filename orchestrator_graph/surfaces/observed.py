"""One call's decision record, on its OpenTelemetry span and as counters, as the graph tells of its runs."""

from collections.abc import Mapping
from typing import Any

from orchestrator_graph.gateway.budget import Lease
from orchestrator_graph.nodes.decision_record import tell_run

__all__ = ["observe"]


def observe(
    lease: Lease | None,
    private: bool,
    result: Mapping[str, Any],
    bill: Mapping[str, Any],
    calls: Mapping[str, dict[str, Any]],
) -> None:
    """Ends the span that the lease holds, if the app traces, with the record of the call.

    Args:
        lease: The call's.
        private: Whether its words must stay here; then the decision's sentence is left out.
        result: `id, decision, candidate, why, status, task_type` of the one task.
        bill: The call's.
        calls: Every model call that it took, as `nodes.io.call_record`, by id.
    """
    if lease is None:
        return
    measured = {
        "confidence": None,
        "calibrated": False,
        "tries": sum(call["tries"] for call in calls.values()),
        "cost_usd": bill["total_usd"],
        "latency_s": round(sum(call["latency_s"] for call in calls.values()), 6),
    }
    state = {"task": {"private": private, "plan_source": "whole"}, "plan": []}
    tell_run(lease, state, {result["id"]: {**result, **measured}}, bill, calls)
