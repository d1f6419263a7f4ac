"""Gathers what holds at the moment of a decision: money, time, health, speeds, remembered tasks."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from orchestrator_graph.memory import Lookup
from orchestrator_graph.nodes.io import Io
from orchestrator_graph.routing.situation import Situation

__all__ = ["situation", "with_lookup"]


async def situation(
    io: Io, task: Mapping[str, Any], *, private: bool, lookup: Lookup | None = None, context_bytes: int = 0
) -> Situation:
    """The situation of this run right now; reads counters only, calls nothing."""
    gateway, policy = io.services.gateway, io.policy(task)
    portfolio, lease = await io.portfolio(), await io.lease(task)
    speeds = {name: speed for name in portfolio if (speed := gateway.seconds_per_call(name)) is not None}
    per_nusd, per_joule = io.services.paces.of(policy.budget).prices()
    now = Situation(
        private=private,
        # What siblings merely hold excludes nobody: the gateway waits for them to settle.
        left_nusd=lease.money.unspent_nusd,
        found_left_nusd=None if lease.money.cap_nusd is not None else lease.found.unspent_nusd,
        left_s=lease.left_s,
        healthy={name: gateway.healthy(name) for name in portfolio},
        speeds=speeds,
        load_s=gateway.models.load_s(portfolio),
        context_bytes=context_bytes,
        tenant=policy.tenant,
        user_id=policy.user_id,
        run_id=task["run_id"],
        tails={name: tail for name in portfolio if (tail := gateway.tail(name)) is not None},
        pairs=io.services.pairs,
        per_nusd=per_nusd,
        per_joule=per_joule,
        dear_used=io.services.dear.used(policy.tenant, policy.user_id),
    )
    return now if lookup is None else with_lookup(now, lookup)


def with_lookup(now: Situation, lookup: Lookup) -> Situation:
    """The situation with what was remembered."""
    return replace(
        now,
        neighbours=lookup.neighbours,
        memory_state=lookup.state,
        vector=lookup.vector,
        space=lookup.embed_model,
        appetites=lookup.appetites,
    )
