"""Looks up remembered tasks: a whole plan at a time, never failing a run, each user's words for that user only."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from orchestrator_graph.drive import Effects
from orchestrator_graph.errors import MemoryStoreError
from orchestrator_graph.memory import Lookup, Memory
from orchestrator_graph.nodes.io import Io
from orchestrator_graph.policy import Policy
from orchestrator_graph.types import Attempt, Neighbour, Subtask, Usage, new_id

__all__ = ["embedding", "look_up", "prefetch", "recall", "seen_by", "shelved"]


async def prefetch(io: Io, task: Mapping[str, Any], subtasks: Sequence[Mapping[str, Any]], ready: int) -> None:
    """Looks up the present wave and all later ones at once: twenty look-ups cost about what four single ones do.

    A brief is looked up as it was planned, before answers are put into it: nothing of a later wave is missing.

    Args:
        io: Effects.
        task: The run.
        subtasks: The present wave, then those that come later.
        ready: How many are of the present wave.
    """
    desk = io.services.desk
    desk.tidy()
    lacking = [(place, item) for place, item in enumerate(subtasks) if (task["run_id"], item["id"]) not in desk.lookups]
    if len(lacking) < 2:
        return
    texts, private = [item["features"]["text"] for _, item in lacking], any(item["private"] for _, item in lacking)
    found = await look_up(io, task, texts, private=private)
    share = found[0].embed_seconds / len(texts)
    for (place, item), lookup in zip(lacking, found, strict=True):
        desk.lookups[task["run_id"], item["id"]] = (lookup, None if place < ready else share)


async def recall(io: Io, task: Mapping[str, Any], subtask: Subtask) -> Lookup:
    """Remembered tasks near this one."""
    desk = io.services.desk
    lookup, share = desk.lookups.pop((task["run_id"], subtask.id), (None, None))
    if share is not None:
        desk.looked_up.hit(share)
    return lookup or (await look_up(io, task, [subtask.features.text], private=subtask.private))[0]


def shelved(io: Io, task: Mapping[str, Any], subtask_id: str, *, take: bool = False) -> Lookup | None:
    """What was looked up ahead for a subtask; left where it is unless taken."""
    shelf, key = io.services.desk.lookups, (task["run_id"], subtask_id)
    return (shelf.pop(key, (None, None)) if take else shelf.get(key, (None, None)))[0]


async def look_up(io: Io, task: Mapping[str, Any], texts: list[str], *, private: bool) -> list[Lookup]:
    """What cannot be read is a decision without memory, marked so."""
    left_s = (await io.lease(task)).left_s
    return await seen_by(io.fx, io.services.memory, io.policy(task), texts, private=private, left_s=left_s)


async def seen_by(
    fx: Effects, memory: Memory, policy: Policy, texts: list[str], *, private: bool, left_s: float | None
) -> list[Lookup]:
    """`look_up` under a policy: what its user may see, in at most half of the time that is left."""
    within_s = None if left_s is None else left_s / 2  # the rest is for the answer
    try:
        found = await memory.lookup(fx, texts, tenant=policy.tenant, private=private, within_s=within_s)
    except MemoryStoreError as error:
        return [Lookup(state=f"off ({error})")] * len(texts)
    return [replace(item, neighbours=_for_eyes_of(policy.user_id, item)) for item in found]


def embedding(lookup: Lookup, subtask_id: str, tokens: int) -> Attempt | None:
    """The bill's entry for asking an embedder other than the built-in one; `None` where none was asked."""
    if not lookup.embed_calls:
        return None
    return Attempt(
        new_id(),
        lookup.embed_model,
        "embed",
        usage=Usage(tokens, 0, measured=False),
        billed=False,
        cost_measured=False,
        latency_s=lookup.embed_seconds,
        subtask_id=subtask_id,
    )


def _for_eyes_of(user_id: str, found: Lookup) -> tuple[Neighbour, ...]:
    """Other users' tasks count, but their words are not shown."""
    return tuple(near if near.user_id == user_id else replace(near, text="") for near in found.neighbours)
