"""What a run took before it went on in another process: its lease there knows nothing of it."""

from collections.abc import Mapping
from typing import Any

from orchestrator_graph.nodes.io import Io

__all__ = ["catch_up"]


async def catch_up(io: Io, task: Mapping[str, Any], calls: Mapping[str, Mapping[str, Any]], before: int = 0) -> int:
    """Tells the lease what was spent, if it knows of less; nano-dollars.

    Args:
        io: Effects.
        task: The run's.
        calls: By id, as state holds them.
        before: Nano-dollars that were spent elsewhere in the run.
    """
    spent: int = before + sum(call["cost_nusd"] for call in calls.values())
    requests = sum(call["tries"] for call in calls.values() if call["purpose"] not in ("embed", "tool"))
    (await io.lease(task)).catch_up(spent, requests)
    return spent
