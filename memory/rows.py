"""Domain values as ledger rows. Pure functions."""

import json
from typing import TYPE_CHECKING, Any

from orchestrator_graph.errors import MemoryStoreError
from orchestrator_graph.memory.records import RunRecord, TaskRecord
from orchestrator_graph.types import Attempt, Decision, Outcome

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["call_row", "cleaned", "decision_row", "outcome_row", "storable", "task_row", "vector_row"]

Row = dict[str, Any]

_TASK = ("id", "run_id", "subtask_id", "tenant", "user_id", "text", "task_type", "private", "created_at")
_DECISION = ("id", "subtask_id", "why", "proved", "memory_state", "policy_fingerprint", "registry_fingerprint")
_ESTIMATE = ("quality", "se", "n", "source", "cost_nusd", "billed", "latency_s", "energy_j", "measured")
_CALL = (
    "id", "subtask_id", "model", "answered_by", "purpose", "finish", "cost_nusd", "billed", "cost_measured",
    "latency_s", "queued_s", "first_token_s", "energy_j", "tries",
)  # fmt: skip
_TOKENS = ("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens")
_OUTCOME = (
    "id", "task_id", "decision_id", "candidate", "score", "source", "weight", "cost_nusd", "latency_s", "energy_j",
    "key", "comment",
)  # fmt: skip


def _pick(value: object, names: tuple[str, ...]) -> Row:
    return {name: getattr(value, name) for name in names}


def storable(text: str) -> str:
    """Text as every database takes it: a lone surrogate is no UTF-8, and PostgreSQL stores no NUL."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def cleaned(row: Row) -> Row:
    """The row with all its text `storable`."""
    return {name: storable(value) if isinstance(value, str) else value for name, value in row.items()}


def task_row(task: TaskRecord) -> Row:
    """A row of `tasks`."""
    return _pick(task, _TASK)


def decision_row(task_id: str, decision: Decision, now: float) -> Row:
    """A row of `decisions`; neighbours are kept as (task id, similarity), without their words."""
    ranking = [{"candidate": item.candidate.id, **_pick(item, _ESTIMATE)} for item in decision.ranking]
    return {
        **_pick(decision, _DECISION),
        "task_id": task_id,
        "chosen": ranking[0]["candidate"] if ranking else "",
        "ranking": json.dumps(ranking),
        "excluded": json.dumps([[item.candidate, item.constraint, item.detail] for item in decision.excluded]),
        "propensities": json.dumps(decision.propensities),
        "neighbours": json.dumps([[item.task_id, round(item.similarity, 4)] for item in decision.neighbours]),
        "created_at": now,
    }


def call_row(task_id: str, call: Attempt, record: RunRecord, now: float) -> Row:
    """A row of `calls`; the answer's text is not kept."""
    return {
        **_pick(call, _CALL),
        **_pick(call.usage, _TOKENS),
        "usage_measured": call.usage.measured,
        "task_id": task_id,
        "run_id": record.run,
        "budget": record.budget,
        "failure": call.failure.kind if call.failure else None,
        "created_at": now,
    }


def vector_row(task_id: str, tenant: str, fingerprint: str, vector: "NDArray[np.float32]") -> Row:
    """A row of `embeddings`: the vector as little-endian float32."""
    blob = vector.astype("<f4").tobytes()
    return {
        "task_id": task_id, "tenant": tenant, "fingerprint": fingerprint, "dimension": len(vector), "vector": blob,
    }  # fmt: skip


def outcome_row(outcome: Outcome, now: float) -> Row:
    """A row of `outcomes`.

    Raises:
        MemoryStoreError: Score or weight is no number from 0 to 1: nothing could be learnt from it.
    """
    for name in ("score", "weight"):
        if not 0 <= (number := getattr(outcome, name)) <= 1:
            raise MemoryStoreError(f"memory: outcome {outcome.id}: {name} = {number!r}; it is a number from 0 to 1")
    signals = json.dumps(dict(outcome.signals)) if outcome.signals else None
    return {**_pick(outcome, _OUTCOME), "created_at": now, "signals": signals, "said": outcome.said or None}
