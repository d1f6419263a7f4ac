"""What the memory is given and what it answers. Values only; knows neither SQL nor Chroma."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator_graph.types import Attempt, Decision, Neighbour, Outcome

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Lookup", "RunRecord", "TaskRecord"]


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """One remembered (sub)task.

    Attributes:
        text: Its words. Kept in the ledger even when private, but never shown again nor given to a remote embedder.
        created_at: Seconds since the epoch.
    """

    id: str
    run_id: str
    subtask_id: str
    tenant: str
    user_id: str
    text: str
    task_type: str
    private: bool
    created_at: float


@dataclass(frozen=True, slots=True)
class RunRecord:
    """Everything that one run leaves behind; remembered in one transaction.

    Attributes:
        decisions: (task id, decision).
        calls: (task id, attempt); a call of the run as a whole (planner, synthesizer) has the task id `""`.
        budget: Name of the shared budget that the calls were charged to.
        run_id: Needed only where `tasks` is empty; else the first task's is taken.
    """

    tasks: tuple[TaskRecord, ...] = ()
    decisions: tuple[tuple[str, Decision], ...] = ()
    calls: tuple[tuple[str, Attempt], ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    budget: str | None = None
    run_id: str = ""

    @property
    def run(self) -> str:
        """The run that the calls belong to."""
        return self.run_id or (self.tasks[0].run_id if self.tasks else "")


@dataclass(frozen=True, slots=True)
class Lookup:
    """The remembered tasks nearest to one text, nearest first.

    Attributes:
        state: `ok`, `empty`, `exact scan (index away: why)` or `off (why)`; the first three may be followed by
            `; learning failed (why)`.
        embed_calls: Calls to an embedder other than the built-in one; on the first lookup of a batch only.
        embed_texts: Texts in those calls.
        embed_seconds: Wall time of those calls.
        embed_model: Fingerprint of the embedder, `""` when it was not reached.
        vector: The text's unit vector, shape (dimension,).
        appetites: (candidate, task type) -> remembered (mean answer tokens, n).
    """

    neighbours: tuple[Neighbour, ...] = ()
    state: str = "empty"
    embed_calls: int = 0
    embed_texts: int = 0
    embed_seconds: float = 0.0
    embed_model: str = ""
    vector: "NDArray[np.float32] | None" = field(default=None, compare=False)
    appetites: Mapping[tuple[str, str], tuple[float, int]] = field(default_factory=dict, compare=False)
