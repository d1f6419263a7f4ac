"""What a run leaves behind in memory: its tasks, decisions, calls and what each try was worth."""

from collections.abc import Mapping
from typing import Any

from orchestrator_graph.confidence.checks import normalise
from orchestrator_graph.memory import RunRecord, TaskRecord
from orchestrator_graph.policy import Policy
from orchestrator_graph.types import Attempt, Decision, Outcome

__all__ = ["record_of"]

# Nobody confirmed these scores: they rest on an uncalibrated confidence, so they count for a fraction of a vote.
VERDICT_WEIGHT = 0.5
MEANINGFUL = ("log-probability", "agreement", "self-consistency", "judge", "person")


def record_of(state: Mapping[str, Any], results: Mapping[str, Any]) -> RunRecord:
    """The run as rows. Ids come from the state, so that a resumed run writes the same rows again, not new ones."""
    task, policy = state["task"], Policy(**state["task"]["policy"])
    tasks, decisions, outcomes, ids = [], [], [], {}
    for subtask in state["subtasks"]:
        result = results.get(subtask["id"])
        if result is None or result["decision"] is None:
            continue
        ids[subtask["id"]] = result["decision"]["id"]
        tasks.append(
            TaskRecord(
                id=result["decision"]["id"],
                run_id=task["run_id"],
                subtask_id=subtask["id"],
                tenant=policy.tenant,
                user_id=policy.user_id,
                text=subtask["features"]["text"],
                task_type=subtask["features"]["task_type"],
                private=subtask["private"],
                created_at=task["started_at"],
            )
        )
        decisions.append((result["decision"]["id"], Decision.from_json(result["decision"])))
        outcomes += _outcomes(result, state["calls"])
    calls = [(ids.get(call["subtask_id"], ""), _attempt(call)) for call in state["calls"].values()]
    return RunRecord(
        tuple(tasks), tuple(decisions), tuple(calls), tuple(outcomes), budget=policy.budget, run_id=task["run_id"]
    )


def _attempt(call: dict[str, Any]) -> Attempt:
    return Attempt.from_json(call)


def _outcomes(result: Mapping[str, Any], calls: Mapping[str, Any]) -> list[Outcome]:
    """One outcome per answered try: the accepted answer's confidence, or its complement where a try said otherwise."""
    decision, outcomes = result["decision"], []
    for number, tried in enumerate(result["hand"]):
        if tried["failure"] is not None:
            continue
        heard = any(item["name"] in MEANINGFUL for item in tried["verdict"]["evidence"])
        own = [calls[key] for key in tried["call_ids"] if key in calls]
        energies = [call["energy_j"] for call in own if call["energy_j"] is not None]
        outcomes.append(
            Outcome(
                id=f"{decision['id']}-{number}",
                task_id=decision["id"],
                decision_id=decision["id"],
                candidate=tried["candidate"],
                score=_score(tried, result),
                source="verdict" if heard else "not judged",
                weight=VERDICT_WEIGHT if heard else 0.0,
                cost_nusd=sum(call["cost_nusd"] for call in own),
                latency_s=sum(call["latency_s"] for call in own),
                energy_j=sum(energies) if energies else None,
            )
        )
    return outcomes


def _score(tried: Mapping[str, Any], result: Mapping[str, Any]) -> float:
    final = result["confidence"]
    if result["status"] != "accepted" or final is None:
        return float(tried["verdict"]["confidence"])
    same = normalise(tried["text"]) == normalise(result["answer"])
    return float(final if same else min(tried["verdict"]["confidence"], 1 - final))
