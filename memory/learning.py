"""Keeps learners abreast of the ledger: reads the history when enough has changed, off the request path."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from orchestrator_graph.errors import MemoryStoreError
from orchestrator_graph.memory.history import read_history
from orchestrator_graph.memory.ledger import Ledger
from orchestrator_graph.memory.worth import HALF_LIFE_S, Rates
from orchestrator_graph.types.history import History

__all__ = ["Learn", "Learning"]

FEW, SHARE = 8, 0.05
"""New labels that make a history stale: so many, or this share of what was learnt."""
STALE_S = 60.0
"""Other processes' labels are seen after so many seconds."""

Learn = Callable[[History], None]
Place = tuple[str, str]
"""(tenant, embedder's fingerprint)."""


@dataclass(slots=True)
class _State:
    labels: int = 0
    new: int = 0
    read_at: float = 0.0
    rates: Rates = field(default_factory=Rates)
    appetites: Mapping[tuple[str, str], tuple[float, int]] = field(default_factory=dict)


class Learning:
    """Histories by tenant and vector space, handed to whoever learns from them."""

    def __init__(self, ledger: Ledger, learners: tuple[Learn, ...], half_life_s: float = HALF_LIFE_S) -> None:
        self.half_life_s = half_life_s
        self._ledger = ledger
        self._learners = learners
        self.lessons = 0
        self._states: dict[Place, _State] = {}
        self._guard = threading.Lock()
        self._reading = threading.Lock()
        self._work = threading.Event()
        self._thread: threading.Thread | None = None
        self._stopping = False

    def ensure(self, place: Place) -> None:
        """At the first question of this process it learns at once; later, when stale, in the background."""
        state = self._states.get(place)
        if state is None:
            self._learn(place)
        elif self._stale(state):
            self._wake()

    def rates(self, place: Place) -> Rates:
        """How often judges were right, as far as it is known."""
        return self._states[place].rates

    def appetites(self, place: Place) -> Mapping[tuple[str, str], tuple[float, int]]:
        """(candidate, task type) -> (mean answer tokens, n)."""
        return self._states[place].appetites

    def noted(self, place: Place, labels: int) -> None:
        """So many labels were committed."""
        with self._guard:
            state = self._states.get(place)
            if state is not None:
                state.new += labels

    def flush(self) -> None:
        """Learns all that is committed, now."""
        for place in list(self._states):
            self._learn(place)

    def _stale(self, state: _State) -> bool:
        due = state.new >= max(FEW, SHARE * state.labels)
        return due or time.monotonic() - state.read_at > STALE_S

    def _learn(self, place: Place) -> None:
        with self._reading:
            known = self._states.get(place) or _State()
            state = _State(read_at=time.monotonic(), rates=known.rates, appetites=known.appetites)
            with self._guard:
                self._states[place] = state
            found = read_history(self._ledger, *place, self.half_life_s)
            if found is None:
                if known.labels:  # all of it was erased
                    for learn in self._learners:
                        learn(History.empty(*place))
                return
            history, state.rates = found
            state.appetites = history.appetites
            state.labels = int((history.weights > 0).sum())
            for learn in self._learners:
                learn(history)
            self.lessons += 1

    def _wake(self) -> None:
        with self._guard:
            if self._thread is None and not self._stopping:
                self._thread = threading.Thread(target=self._run, name="orchestrator-learning", daemon=True)
                self._thread.start()
        self._work.set()

    def _run(self) -> None:
        while True:
            self._work.wait()
            self._work.clear()
            if self._stopping:
                return
            for place, state in list(self._states.items()):
                if self._stale(state):
                    self._attempt(place)

    def _attempt(self, place: Place) -> None:
        try:
            self._learn(place)
        except MemoryStoreError:  # the next question tries again; until then the older fit answers
            self._states[place].read_at = time.monotonic()

    def stop(self) -> None:
        """Ends the thread."""
        self._stopping = True
        self._work.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(30)
