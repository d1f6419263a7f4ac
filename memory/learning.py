"""Keeps learners abreast of the ledger: reads the history when enough has changed, off the request path."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from orchestrator_graph.memory.history import read_history
from orchestrator_graph.memory.ledger import Ledger
from orchestrator_graph.memory.worth import HALF_LIFE_S, Rates
from orchestrator_graph.types.history import History

__all__ = ["Learn", "Learning"]

FEW, SHARE = 8, 0.05
"""New labels that make a history stale: so many, or this share of what was learnt."""
PATIENCE_S = 1.0
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
    ready: bool = False
    failed: str = ""
    first: threading.Event = field(default_factory=threading.Event)


class Learning:
    """Histories by tenant and vector space, handed to whoever learns from them."""

    def __init__(self, ledger: Ledger, learners: tuple[Learn, ...], half_life_s: float = HALF_LIFE_S) -> None:
        self.half_life_s = half_life_s
        self._ledger = ledger
        self._learners = learners
        self.lessons = self.votes = 0
        self._states: dict[Place, _State] = {}
        self._guard = threading.Lock()
        self._reading = threading.Lock()
        self._work = threading.Event()
        self._thread: threading.Thread | None = None
        self._stopping = False

    def ensure(self, place: Place) -> None:
        """Learns in the background what is new; the first questions of a process wait a second for it at most."""
        with self._guard:
            state = self._states.setdefault(place, _State())
        if self._stale(state):
            self._wake()
        if not state.ready:
            state.first.wait(PATIENCE_S)

    def rates(self, place: Place) -> Rates:
        """How often judges were right, as far as it is known: unmeasured where nothing was learnt."""
        state = self._states.get(place)
        return Rates() if state is None else state.rates

    def appetites(self, place: Place) -> Mapping[tuple[str, str], tuple[float, int]]:
        """(candidate, task type) -> (mean answer tokens, n)."""
        return self._states[place].appetites

    def failed(self, place: Place) -> str:
        """Why what is remembered was not learnt the last time; `""` when it was."""
        state = self._states[place]
        return state.failed or ("" if state.ready else "not finished yet")

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
        return due or not state.ready or time.monotonic() - state.read_at > STALE_S

    def _learn(self, place: Place) -> None:
        with self._reading:
            with self._guard:
                state = self._states.setdefault(place, _State())
                state.read_at, state.new = time.monotonic(), 0
            history, state.rates = read_history(self._ledger, *place, self.half_life_s)
            state.appetites = history.appetites
            # Of what was erased nothing stays learnt.
            learners = self._learners if len(history) or state.labels else ()
            state.failed = "; ".join(filter(None, [_failure(learn, history) for learn in learners]))
            state.labels = int((history.weights > 0).sum())
            state.ready = True
            state.first.set()
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
        except Exception as error:  # noqa: BLE001 - the thread has to outlive it; until it is over the older fit answers
            self._states[place].failed = _said(error)
            self._states[place].first.set()  # nobody waits for what failed; the next question tries again

    def stop(self) -> None:
        """Ends the thread."""
        self._stopping = True
        self._work.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(30)


def _failure(learn: Learn, history: History) -> str:
    try:
        learn(history)
    except Exception as error:  # noqa: BLE001 - anybody's code: the others learn, and the lookup says so
        return _said(error)
    return ""


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:120]}"
