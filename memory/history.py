"""Reads what may be learnt from out of the ledger: the newest labelled tasks of a vector space, as arrays."""

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import and_, bindparam, func, select

from orchestrator_graph.memory import schema
from orchestrator_graph.memory.ledger import Ledger
from orchestrator_graph.memory.worth import HALF_LIFE_S, Rates, fade, measured_rates, settled
from orchestrator_graph.types.history import History

__all__ = ["WINDOW", "read_history"]

WINDOW = 8_000
"""Tasks that are learnt from, the newest ones: it bounds memory (12 MB at 384 dimensions) and the time of a fit."""

_tasks, _outcomes, _embeddings, _calls = schema.tasks, schema.outcomes, schema.embeddings, schema.calls
_in_space = and_(_embeddings.c.tenant == bindparam("tenant"), _embeddings.c.fingerprint == bindparam("fingerprint"))
_labelled = select(_outcomes.c.id).where(_outcomes.c.task_id == _embeddings.c.task_id, _outcomes.c.weight > 0).exists()
_TASKS = (
    select(
        _embeddings.c.seq, _embeddings.c.task_id, _embeddings.c.vector, _embeddings.c.dimension,
        _tasks.c.task_type, _tasks.c.user_id, _tasks.c.created_at,
    )
    .join(_tasks, _tasks.c.id == _embeddings.c.task_id)
    .where(_in_space, _labelled)
    .order_by(_embeddings.c.seq.desc())
    .limit(bindparam("limit"))
)  # fmt: skip
_OUTCOMES = (
    select(
        _outcomes.c.task_id, _outcomes.c.candidate, _outcomes.c.score, _outcomes.c.weight, _outcomes.c.source,
        _outcomes.c.signals, _outcomes.c.said,
    )
    .join(_embeddings, _embeddings.c.task_id == _outcomes.c.task_id)
    .where(_in_space, _embeddings.c.seq >= bindparam("first"), _outcomes.c.weight > bindparam("beyond"))
    .order_by(_outcomes.c.created_at, _outcomes.c.id)
)  # fmt: skip
_APPETITES = (
    select(_calls.c.model, _tasks.c.task_type, func.avg(_calls.c.output_tokens), func.count())
    .join(_tasks, _tasks.c.id == _calls.c.task_id)
    .where(
        _tasks.c.tenant == bindparam("tenant"),
        _tasks.c.created_at >= bindparam("since"),
        _calls.c.purpose == "execute",
        _calls.c.failure.is_(None),
    )
    .group_by(_calls.c.model, _tasks.c.task_type)
)


def read_history(
    ledger: Ledger,
    tenant: str,
    fingerprint: str,
    half_life_s: float = HALF_LIFE_S,
    limit: int = WINDOW,
    at_best: str | None = None,
) -> tuple[History, Rates]:
    """The newest labelled tasks, oldest first, and the judges' error rates.

    Appetites are there without any label, from the tasks since the oldest labelled one, else of the last half-life.

    Args:
        ledger: Where they lie.
        tenant: Whose.
        fingerprint: The embedder's.
        half_life_s: Of a label's weight.
        limit: So many tasks at most.
        at_best: Candidate each of whose answers counts as right, and as settled, until its worth is known. Who loses
            against it may then lose less in truth, never more: checks and audits settle failures and agreements by
            themselves, and without this the rest would be missing where it hurts.

    Raises:
        MemoryStoreError: The ledger cannot be read.
    """
    space, which = {"tenant": tenant, "fingerprint": fingerprint}, {"beyond": 0.0 if at_best is None else -1.0}
    with ledger.read("reading the history") as connection:
        query = _TASKS if at_best is None else _TASKS.add_columns(_tasks.c.text)
        read = connection.execute(query, {**space, "limit": limit}).all()
        found = [row for row in read if len(row.vector) == 4 * row.dimension]  # damaged ones: see `Ledger.newer`
        # An import commits what is older after what is newer.
        rows = sorted(found, key=lambda row: (row.created_at, row.seq))
        labels = connection.execute(_OUTCOMES, {**space, **which, "first": found[-1].seq}).all() if found else []
        since = rows[0].created_at if rows else max(0.0, time.time() - half_life_s)
        eaten = connection.execute(_APPETITES, {"tenant": tenant, "since": since}).all()
    rates = measured_rates(labels)
    history = _history(rows, labels, rates, half_life_s) if rows else History.empty(tenant, fingerprint)
    if at_best is not None:
        history = replace(_at_best(history, at_best), words=tuple(_same(row.text) for row in rows))
    appetites = {(model, kind): (float(mean), int(n)) for model, kind, mean, n in eaten}
    return replace(history, tenant=tenant, space=fingerprint, appetites=appetites), rates


def _history(rows: Sequence[Any], labels: Sequence[Any], rates: Rates, half_life_s: float) -> History:
    place = {row.task_id: number for number, row in enumerate(rows)}
    names = sorted({label.candidate for label in labels if label.task_id in place})
    column = {name: number for number, name in enumerate(names)}
    scores = np.full((len(rows), len(names)), np.nan)
    weights = np.zeros((len(rows), len(names)))
    for (task_id, candidate), (score, weight) in settled(labels, rates).items():
        if task_id in place:
            scores[place[task_id], column[candidate]] = score
            weights[place[task_id], column[candidate]] = weight
    signals, said = _told(labels, place, column)
    times = np.array([row.created_at for row in rows])
    faded = weights * fade(time.time() - times, half_life_s)[:, None]
    flat = np.frombuffer(b"".join(row.vector for row in rows), "<f4").astype(np.float32, copy=False)
    return History(
        vectors=flat.reshape(len(rows), -1),
        scores=scores,
        weights=faded,
        candidates=tuple(names),
        task_types=tuple(row.task_type for row in rows),
        users=tuple(row.user_id for row in rows),
        times=times,
        signals=signals,
        said=said,
        unfaded=weights,
    )


def _same(text: str) -> str:
    """Hash of the words, so that private ones are not held."""
    return hashlib.sha256(" ".join(text.casefold().split()).encode("utf-8", "replace")).hexdigest()[:16]


def _at_best(history: History, name: str) -> History:
    if name not in history.candidates:
        return history
    open_ = np.zeros(history.scores.shape, bool)
    column = history.candidates.index(name)
    open_[:, column] = np.isfinite(history.scores[:, column]) & ~history.trusted[:, column]
    weights = np.where(open_, 1.0, history.weights)
    return replace(history, scores=np.where(open_, 1.0, history.scores), weights=weights, unfaded=weights)


def _told(
    labels: Sequence[Any], place: dict[str, int], column: dict[str, int]
) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.str_]]:
    """What the answers told of themselves and what they said; a vote on an answer leaves that as it was."""
    signals: dict[str, NDArray[np.float64]] = {}
    said = np.zeros((len(place), len(column)), "U16")
    for label in labels:
        if label.task_id not in place:
            continue
        at = place[label.task_id], column[label.candidate]
        said[at] = label.said or said[at]
        for name, value in (json.loads(label.signals) if label.signals else {}).items():
            if name not in signals:
                signals[name] = np.full(said.shape, np.nan)
            signals[name][at] = value
    return signals, said
