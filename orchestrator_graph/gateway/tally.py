"""Counts what was prepared ahead of need: how often it was used, how often not, and the time that it saved."""

import threading

__all__ = ["Tally"]


class Tally:
    """Hits, misses and measured seconds, from any thread.

    >>> tally = Tally(); tally.hit(0.25); tally.miss(); tally.report()
    {'hits': 1, 'misses': 1, 'saved_ms': 250.0}
    """

    def __init__(self) -> None:
        self._hits = self._misses = 0
        self._saved_s = 0.0
        self._lock = threading.Lock()

    def hit(self, saved_s: float) -> None:
        """It was there when it was needed, so many seconds earlier than without."""
        with self._lock:
            self._hits += 1
            self._saved_s += saved_s

    def miss(self, times: int = 1) -> None:
        """It was not there, or was there for nothing."""
        with self._lock:
            self._misses += times

    def report(self) -> dict[str, float]:
        """`hits`, `misses` and `saved_ms` so far."""
        with self._lock:
            return {"hits": self._hits, "misses": self._misses, "saved_ms": round(self._saved_s * 1e3, 3)}
