"""What holds at the moment of a decision, apart from task and policy: resources, health, what is remembered."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator_graph.types import Candidate, Neighbour

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from orchestrator_graph.registry.spec import ModelSpec
    from orchestrator_graph.routing.guard import Pairs
    from orchestrator_graph.routing.promise import Promised

__all__ = ["Ahead", "Situation"]

Ahead = Callable[[Sequence[str], Sequence[float], Sequence[float]], Sequence[float]]


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
        load_s: Model id -> seconds until it is loaded, where it is known not to be.
        context_bytes: Bytes of prompt that come on top of the brief (history, answers).
        portfolio: The models; `decide` fills it in.
        neighbours: Remembered tasks near this one, nearest first.
        memory_state: `ok`, `empty`, `exact scan (...)` or `off`.
        vector: The task's unit vector, shape (dimension,); `None` without memory.
        space: Fingerprint of the embedder that made `vector`.
        tenant: Whose memory this is.
        user_id: Whose task this is.
        answers: Candidate id -> what a deciding model said of it: (probability that it is right, n behind that).
        appetites: (candidate id, task type) -> remembered (mean answer tokens, n).
        run_id: What a canary's share is drawn by where no user is named.
        sticky: Inside a tool loop, the candidate in use: a decision stays with it or moves up in quality.
        tails: Model id -> measured 95th percentile of a call's seconds over what was expected of so many tokens.
        per_nusd: Points of quality that a nano-dollar costs by a budget's pacer; `None` = by the trade-off.
        per_joule: The same for a joule.
        pairs: Who was tried beside whom, for `guard="strict"`; `None` = nothing known.
        dear_used: Dear choices that this user has had in the last hour.
        promised: What a certificate says of this task; `None` without one.
        ahead: (candidate ids, qualities, points that each costs) -> what it is worth to begin with each, where its
            answer can be checked and another one asked; `None` = what it is worth alone.
        gains: Ensemble -> remembered (points over its best member, standard error, n) on this type of task.
    """

    private: bool = False
    left_nusd: int | None = None
    found_left_nusd: int | None = None
    left_s: float | None = None
    healthy: Mapping[str, bool] = field(default_factory=dict)
    speeds: Mapping[str, tuple[float, float, int]] = field(default_factory=dict)
    load_s: Mapping[str, float] = field(default_factory=dict)
    context_bytes: int = 0
    portfolio: "Mapping[str, ModelSpec]" = field(default_factory=dict)
    neighbours: tuple[Neighbour, ...] = ()
    memory_state: str = "off"
    vector: "NDArray[np.float32] | None" = field(default=None, compare=False)
    space: str = ""
    tenant: str = "default"
    user_id: str = ""
    answers: Mapping[str, tuple[float, int]] = field(default_factory=dict)
    appetites: Mapping[tuple[str, str], tuple[float, int]] = field(default_factory=dict)
    run_id: str = ""
    sticky: str | None = None
    tails: Mapping[str, float] = field(default_factory=dict)
    per_nusd: float | None = None
    per_joule: float | None = None
    pairs: "Pairs | None" = field(default=None, compare=False)
    dear_used: int = 0
    promised: "Promised | None" = None
    ahead: Ahead | None = field(default=None, compare=False)
    gains: Mapping[Candidate, tuple[float, float, int]] = field(default_factory=dict, compare=False)
