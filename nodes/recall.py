"""Looks up remembered tasks: a wave at a time, never failing a run, each user's words for that user only."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from orchestrator_graph.errors import MemoryStoreError
from orchestrator_graph.memory import Lookup
from orchestrator_graph.nodes.io import Io
from orchestrator_graph.types import Neighbour, Subtask

__all__ = ["prefetch", "recall"]


async def prefetch(io: Io, task: Mapping[str, Any], subtasks: Sequence[Mapping[str, Any]]) -> None:
    """Looks up a whole wave at once: twenty look-ups cost about what four single ones do."""
    if len(subtasks) < 2:
        return
    desk = io.services.desk
    texts = [subtask["features"]["text"] for subtask in subtasks]
    found = await _found(io, task, texts, private=any(subtask["private"] for subtask in subtasks))
    desk.tidy()
    for subtask, lookup in zip(subtasks, found, strict=True):
        desk.lookups[task["run_id"], subtask["id"]] = lookup


async def recall(io: Io, task: Mapping[str, Any], subtask: Subtask) -> Lookup:
    """Remembered tasks near this one."""
    ready = io.services.desk.lookups.pop((task["run_id"], subtask.id), None)
    return ready or (await _found(io, task, [subtask.features.text], private=subtask.private))[0]


async def _found(io: Io, task: Mapping[str, Any], texts: list[str], *, private: bool) -> list[Lookup]:
    """What cannot be read is a decision without memory, marked so."""
    policy = io.policy(task)
    try:
        found = await io.services.memory.lookup(io.fx, texts, tenant=policy.tenant, private=private)
    except MemoryStoreError as error:
        return [Lookup(state=f"off ({error})")] * len(texts)
    return [replace(item, neighbours=_for_eyes_of(policy.user_id, item)) for item in found]


def _for_eyes_of(user_id: str, found: Lookup) -> tuple[Neighbour, ...]:
    """Other users' tasks count, but their words are not shown."""
    return tuple(near if near.user_id == user_id else replace(near, text="") for near in found.neighbours)
