"""What each task may take, held from its first call to its end."""

import threading
from collections.abc import Callable

from orchestrator_graph.gateway.budget import Budget, Lease, SharedBudget
from orchestrator_graph.gateway.run_span import end_run

__all__ = ["FOUND_CAP_NUSD", "Leases"]

MOST_LEASES = 4096  # runs that were abandoned, at an interrupt for instance
FOUND_CAP_NUSD = 50_000_000  # 0.05 dollars: a key that was found is no permission to spend


class Leases:
    """Leases by task. Safe from threads.

    Args:
        clock: Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._leases: dict[str, Lease] = {}
        self._lock = threading.Lock()

    def lease(
        self,
        task_id: str,
        *,
        cap_nusd: int | None,
        deadline_s: float | None,
        spent_nusd: int = 0,
        found_cap_nusd: int = FOUND_CAP_NUSD,
        shared: SharedBudget | None = None,
    ) -> Lease:
        """What a task may take; the same lease until `release`.

        Args:
            task_id: Id of the run.
            cap_nusd: Hard limit of the task's bill; `None` = none.
            deadline_s: Seconds from now.
            spent_nusd: Spent before, when a run is resumed.
            found_cap_nusd: For discovered cloud models where the task has none.
            shared: One that other tasks draw on too.
        """
        with self._lock:
            if task_id not in self._leases:
                while len(self._leases) >= MOST_LEASES:
                    end_run(self._leases.pop(next(iter(self._leases))), "abandoned")
                deadline = None if deadline_s is None else self._clock() + deadline_s
                money, found = Budget(cap_nusd, spent_nusd), Budget(found_cap_nusd, spent_nusd)
                self._leases[task_id] = Lease(task_id, money, found, shared, deadline, self._clock)
            return self._leases[task_id]

    def held(self, task_id: str) -> Lease | None:
        """The lease of a task, if there is one."""
        return self._leases.get(task_id)

    def release(self, task_id: str) -> None:
        """Forgets a task's lease; an unknown one is ignored."""
        end_run(self._leases.pop(task_id, None), "released")
