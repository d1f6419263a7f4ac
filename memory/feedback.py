"""Votes: what somebody says that an answer was worth, whenever they say it. Committed when they are acknowledged."""

import hashlib
import json
import math
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from orchestrator_graph.drive import Effects
from orchestrator_graph.errors import FeedbackError, InputError
from orchestrator_graph.memory.rows import storable
from orchestrator_graph.memory.worth import ANSWER, WEIGHTS

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from orchestrator_graph.memory.parts import Parts
    from orchestrator_graph.memory.rows import Row
    from orchestrator_graph.memory.store import Memory

__all__ = ["Vote", "count"]

SOURCES = ("feedback", "implicit")


@dataclass(frozen=True, slots=True)
class Vote:
    """What somebody says that an answer was worth.

    Attributes:
        target: Id of a run (every subtask's final answer) or of a decision (that subtask's).
        score: From 0 (useless) to 1 (right); a bool will do.
        key: What the vote is about, but not `answer`. A later one with the same key by the same user replaces it.
        subtask: Only this subtask of a run.
        user: Who votes; `None` = whoever asked.
        tenant: Refuses what belongs to another; `None` = the id, 128 random bits, is permission enough.
        source: `feedback`, or `implicit` for what a user did rather than said.

    Raises:
        InputError: Names the field, its value and what would be right.
    """

    target: str
    score: float
    key: str = "user"
    comment: str | None = None
    subtask: str | None = None
    user: str | None = None
    tenant: str | None = None
    source: str = "feedback"

    def __post_init__(self) -> None:
        given: Any = self.score
        if not isinstance(given, (int, float)) or not math.isfinite(given) or not 0 <= given <= 1:
            raise InputError(f"feedback: score = {given!r} is no number from 0 (useless) to 1 (right), nor a bool")
        for name in ("target", "key", "comment", "subtask", "user", "tenant"):
            value, needed = getattr(self, name), name in ("target", "key")
            if not (isinstance(value, str) and (value or not needed)) and (needed or value is not None):
                raise InputError(f"feedback: {name} = {value!r} is no {'non-empty ' if needed else ''}text")
            object.__setattr__(self, name, value and storable(value))
        if self.key == ANSWER:
            raise InputError(f"feedback: key = {ANSWER!r} names what an answer itself was worth; choose another name")
        if self.source not in SOURCES:
            raise InputError(f"feedback: source = {self.source!r} is none of {', '.join(SOURCES)}")


async def count(fx: Effects, memory: "Memory", vote: Vote) -> dict[str, str]:
    """Commits a vote; subtask id -> the candidate whose answer it was about. Repeating it changes nothing.

    Raises:
        FeedbackError: No such run, decision or subtask is remembered here, or no model answered it.
        MemoryStoreError: The ledger cannot be opened or written.
    """
    parts = await memory._opened(fx)
    return await fx.offload(partial(_count, parts, vote))


def _count(parts: "Parts", vote: Vote) -> dict[str, str]:
    from sqlalchemy import select

    from orchestrator_graph.memory.schema import embeddings, outcomes

    with parts.ledger.write("counting a vote") as connection:
        answers = _answers(connection, vote)
        rows = list({row["id"]: row for row in (_row(answer, vote) for answer in answers)}.values())
        connection.execute(outcomes.delete().where(outcomes.c.id.in_([row["id"] for row in rows])))
        connection.execute(outcomes.insert(), rows)
        places = connection.execute(
            select(embeddings.c.tenant, embeddings.c.fingerprint).where(
                embeddings.c.task_id.in_([row["task_id"] for row in rows])
            )
        ).all()
    parts.learning.votes += 1
    for tenant, fingerprint in places:
        parts.learning.noted((tenant, fingerprint), 1)
    return {answer.subtask_id: answer.candidate for answer in answers}


def _answers(connection: "Connection", vote: Vote) -> list[Any]:
    """The outcomes whose answers were given.

    Raises:
        FeedbackError: Nothing to vote on.
    """
    from sqlalchemy import and_, select

    from orchestrator_graph.memory.schema import decisions, outcomes, tasks

    answered = and_(
        outcomes.c.task_id == decisions.c.task_id,  # this one has an index
        outcomes.c.decision_id == decisions.c.id,
        outcomes.c.key == ANSWER,
    )
    query = (
        select(
            decisions.c.id, decisions.c.task_id, tasks.c.tenant, tasks.c.user_id, tasks.c.subtask_id,
            outcomes.c.candidate,
        )
        .join(tasks, tasks.c.id == decisions.c.task_id)
        .outerjoin(outcomes, answered)
    )  # fmt: skip
    # One after the other: a condition on both tables at once can use no index.
    found = connection.execute(query.where(decisions.c.id == vote.target)).all()
    own = decisions.c.id == decisions.c.task_id  # an audit's decision about the task is no answer of the run
    found = found or connection.execute(query.where(tasks.c.run_id == vote.target, own)).all()
    rows = [row for row in found if vote.tenant in (None, row.tenant)]
    if not rows:
        raise FeedbackError(
            f"feedback: no run or decision {vote.target!r} is remembered here; give the `run_id` or a decision's id of "
            "an answer's `response_metadata`, and the memory that its run was given"
        )
    wanted = [row for row in rows if vote.subtask in (None, row.subtask_id)]
    if not wanted:
        known = ", ".join(sorted(row.subtask_id for row in rows))
        raise FeedbackError(f"feedback: {vote.target!r} has no subtask {vote.subtask!r}; it has {known}")
    answers = [row for row in wanted if row.candidate is not None]
    if not answers:
        raise FeedbackError(f"feedback: {vote.target!r} was answered by no model: it failed, or a person answered")
    return answers


def _row(answer: Any, vote: Vote) -> "Row":
    user = answer.user_id if vote.user is None else vote.user
    name = json.dumps([answer.id, vote.key, user])
    return {
        "id": hashlib.sha256(name.encode()).hexdigest()[:32],
        "task_id": answer.task_id,
        "decision_id": answer.id,
        "candidate": answer.candidate,
        "score": float(vote.score),
        "source": vote.source,
        "weight": WEIGHTS[vote.source],
        "cost_nusd": 0,  # what the try took is in its own row
        "latency_s": 0.0,
        "energy_j": None,
        "created_at": time.time(),
        "key": vote.key,
        "comment": vote.comment,
        "voter": user,
    }
