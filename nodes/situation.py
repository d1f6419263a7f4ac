"""Gathers what holds at the moment of a decision: money, time, health, speeds, remembered tasks."""

from collections.abc import Mapping
from typing import Any

from orchestrator_graph.memory import Lookup
from orchestrator_graph.nodes.io import Io
from orchestrator_graph.routing.situation import Situation

__all__ = ["situation"]


async def situation(
    io: Io, task: Mapping[str, Any], *, private: bool, lookup: Lookup | None = None, context_bytes: int = 0
) -> Situation:
    """The situation of this run right now; reads counters only, calls nothing."""
    gateway = io.services.gateway
    portfolio, lease = await io.portfolio(), await io.lease(task)
    speeds = {name: speed for name in portfolio if (speed := gateway.seconds_per_call(name)) is not None}
    return Situation(
        private=private,
        # What siblings merely hold excludes nobody: the gateway waits for them to settle.
        left_nusd=lease.money.unspent_nusd,
        found_left_nusd=None if lease.money.cap_nusd is not None else lease.found.unspent_nusd,
        left_s=lease.left_s,
        healthy={name: gateway.healthy(name) for name in portfolio},
        speeds=speeds,
        context_bytes=context_bytes,
        neighbours=lookup.neighbours if lookup else (),
        memory_state=lookup.state if lookup else "off",
        vector=lookup.vector if lookup else None,
        space=lookup.embed_model if lookup else "",
        tenant=io.policy(task).tenant,
        user_id=io.policy(task).user_id,
    )
