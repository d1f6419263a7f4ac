"""The models that one may choose from now, and those that each run under way began with. Knows nothing of calls."""

import threading
from collections.abc import Callable, Iterator, Mapping

from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.registry.spec import ModelSpec

__all__ = ["Roster"]

MOST_PINS = 4096  # runs that were abandoned, at an interrupt for instance

Adopt = Callable[[Portfolio, Portfolio], None]


class Roster:
    """One portfolio at a time, exchanged as a whole.

    Args:
        adopt: Called with the old and the new portfolio just before the new one counts.
    """

    def __init__(self, adopt: Adopt) -> None:
        self._adopt = adopt
        self._current: Portfolio | None = None
        self._pins: dict[str, Portfolio] = {}
        self._swap = threading.RLock()
        self._lock = threading.Lock()

    def of(self, run_id: str = "") -> Portfolio | None:
        """The portfolio that a run began with, else the present one; `None` before there is any."""
        return self._pins.get(run_id) or self._current

    def first(self, find: Callable[[], Portfolio]) -> Portfolio:
        """The present portfolio, found now if there is none; once, whoever asks at the same time."""
        with self._swap:
            return self._current if self._current is not None else self.exchange(find)

    def exchange(self, find: Callable[[], Portfolio]) -> Portfolio:
        """Puts what `find` finds in place; if it raises, everything stays as it was."""
        with self._swap:
            found = find()
            self._adopt(self._current or Portfolio(()), found)
            self._current = found
            return found

    def pin(self, run_id: str, portfolio: Portfolio) -> None:
        """From here on the run keeps these models, whatever is exchanged, until `unpin`."""
        with self._lock:
            while len(self._pins) >= MOST_PINS:
                self._pins.pop(next(iter(self._pins)))
            self._pins[run_id] = portfolio

    def unpin(self, run_id: str) -> bool:
        """Ends that; True where the run was the last one, or nearly, to know models that are gone."""
        with self._lock:
            pinned = self._pins.pop(run_id, None)
        return pinned is not None and pinned is not self._current

    def live(self) -> Iterator[ModelSpec]:
        """Every model that may still be called."""
        with self._lock:
            portfolios: list[Mapping[str, ModelSpec]] = [self._current or {}, *self._pins.values()]
        for portfolio in {id(item): item for item in portfolios}.values():
            yield from portfolio.values()
