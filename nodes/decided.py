"""Decisions that were just made for the same words under the same circumstances: given again, under a new id.

Nothing that chance had a hand in is given twice, nor with a deadline, and nothing that is older than a minute: measured
speeds, other processes' memories, and what was committed since the last lesson or vote are allowed to be that old.
"""

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, fields, replace

from orchestrator_graph.gateway.tally import Tally
from orchestrator_graph.memory import Lookup
from orchestrator_graph.policy import Policy
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Decision, Subtask, new_id

__all__ = ["Decided"]

FRESH_S, MOST = 60.0, 1024
MOVING = frozenset(
    {"speeds", "load_s", "tails", "neighbours", "memory_state", "vector", "space", "portfolio", "answers", "run_id"}
    | {"appetites", "pairs", "healthy", "dear_used"}
)
"""What drifts with every call, or is looked up only for a decision that is made anew."""

Make = Callable[[], Awaitable[tuple[Decision, Lookup]]]


@dataclass(slots=True)
class Decided:
    """The last decisions of this process, by all that they rest on. Safe from threads."""

    clock: Callable[[], float] = time.monotonic
    tally: Tally = field(default_factory=Tally)
    _made: OrderedDict[str, tuple[float, float, Decision]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    async def get(
        self, subtask: Subtask, policy: Policy, now: Situation, models: Portfolio, version: object, make: Make
    ) -> tuple[Decision, Lookup | None]:
        """The decision and what was looked up for it; `None` where it was made before.

        Args:
            subtask: What is decided about.
            policy: In force.
            now: The situation, before anything was looked up.
            models: To choose from.
            version: Of the memory; changes with what is believed.
            make: Looks up and decides.
        """
        key, began = _key(subtask, policy, now, models, version), self.clock()
        steady = policy.explore == 0 and now.left_s is None
        known = self._known(key) if steady else None
        if known is not None:
            seconds, decision = known
            again = replace(decision, id=new_id(), subtask_id=subtask.id)
            self.tally.hit(max(0.0, seconds - (self.clock() - began)))
            return again, None
        self.tally.miss()
        decision, lookup = await make()
        if steady and max(decision.propensities.values(), default=0.0) == 1.0:  # chance had no hand in it
            self._keep(key, self.clock() - began, decision)
        return decision, lookup

    def _known(self, key: str) -> tuple[float, Decision] | None:
        with self._lock:
            at, seconds, decision = self._made.get(key, (0.0, 0.0, None))
            return None if decision is None or self.clock() - at > FRESH_S else (seconds, decision)

    def _keep(self, key: str, seconds: float, decision: Decision) -> None:
        with self._lock:
            self._made[key] = (self.clock(), seconds, decision)
            self._made.move_to_end(key)
            while len(self._made) > MOST:
                self._made.popitem(last=False)


def _key(subtask: Subtask, policy: Policy, now: Situation, models: Portfolio, version: object) -> str:
    """A hash, so that no private words are kept."""
    situation = [(item.name, getattr(now, item.name)) for item in fields(now) if item.name not in MOVING]
    used_up = policy.dear_per_hour is not None and now.dear_used >= policy.dear_per_hour
    known = (sorted(now.speeds), sorted(now.load_s), sorted(now.healthy.items()), used_up)
    whole = (subtask.features, subtask.private, policy.fingerprint(), models.fingerprint(), version, situation, known)
    return hashlib.sha256(repr(whole).encode()).hexdigest()
