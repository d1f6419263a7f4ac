"""What holds at the moment of a decision, apart from the task and the policy."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from orchestrator_graph.types import Neighbour

__all__ = ["Situation"]


@dataclass(frozen=True, slots=True)
class Situation:
    """What holds right now.

    Attributes:
        private: The text must stay here (policy, label or personal data).
        left_nusd: Money left for this task; `None` = no limit.
        found_left_nusd: Money left for models that we found rather than were given; `None` = no limit.
        left_s: Seconds left; `None` = no deadline.
        healthy: Model id -> False while its breaker is open.
        speeds: Model id -> measured (seconds to the first token, seconds per token, n).
        context_bytes: Bytes of prompt that come on top of the brief (history, answers).
        neighbours: Remembered tasks near this one, nearest first.
        memory_state: `ok`, `empty`, `exact scan (...)` or `off`.
    """

    private: bool = False
    left_nusd: int | None = None
    found_left_nusd: int | None = None
    left_s: float | None = None
    healthy: Mapping[str, bool] = field(default_factory=dict)
    speeds: Mapping[str, tuple[float, float, int]] = field(default_factory=dict)
    context_bytes: int = 0
    neighbours: tuple[Neighbour, ...] = ()
    memory_state: str = "off"
