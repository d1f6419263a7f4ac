"""How fast each model was in its own calls here: exponentially weighted means, for latency estimates.

Ollama says of each answer how long the model took to get ready. That is some 5 to 100 ms when it is loaded already
(measured, 0.24), and is kept apart when it is not: warm speed and load time are two figures.
"""

import threading
from collections import deque
from dataclasses import dataclass, field
from statistics import quantiles

__all__ = ["Speeds"]

WEIGHT = 0.3
LATELY, ENOUGH = 64, 20
"""Calls that are kept for the tail, and from how many on it is told."""
COLD_S, COLD_TIMES = 0.2, 3.0
"""Getting ready took so many seconds, and so many times what it takes usually: the model was loaded for this call."""


@dataclass(slots=True)
class Pace:
    """Seconds to the first token, seconds per token, and how many calls they rest on; seconds to load, where seen.

    Attributes:
        lately: Seconds of the last calls over what was expected of so many tokens.
    """

    first_token_s: float = 0.0
    seconds_per_token: float = 0.0
    n: int = 0
    ready_s: float = 0.0
    load_s: float | None = None
    lately: deque[float] = field(default_factory=lambda: deque(maxlen=LATELY))

    def loaded_for(self, ready_s: float) -> bool:
        """Whether a call that waited so long for its model waited for a load."""
        return ready_s >= max(COLD_S, COLD_TIMES * self.ready_s)


class Speeds:
    """Paces by model, updated from any thread.

    >>> speeds = Speeds()
    >>> speeds.learn("m", seconds=1.2, tokens=10, first_token_s=0.2); speeds.of("m")
    (0.2, 0.1, 1)
    >>> speeds.learn("m", seconds=5.2, tokens=10, first_token_s=4.2, ready_s=4.0); speeds.load_s("m")
    4.0
    """

    def __init__(self) -> None:
        self._paces: dict[str, Pace] = {}
        self._lock = threading.Lock()

    def learn(
        self, model: str, *, seconds: float, tokens: int, first_token_s: float | None, ready_s: float | None = None
    ) -> None:
        """Takes one successful call into account.

        Args:
            model: Its id.
            seconds: The call without the time spent in line.
            tokens: Of the answer.
            first_token_s: Part of `seconds`.
            ready_s: Part of `first_token_s` until the model was loaded, where the server says so.
        """
        with self._lock:
            pace = self._paces.setdefault(model, Pace())
            weight = max(WEIGHT, 1 / (pace.n + 1))
            if ready_s is not None and pace.loaded_for(ready_s):
                self._loaded(pace, ready_s)
                seconds = max(0.0, seconds - ready_s)
                first_token_s = None if first_token_s is None else max(0.0, first_token_s - ready_s)
            elif ready_s is not None:
                pace.ready_s += WEIGHT * (ready_s - pace.ready_s)
            expected = pace.first_token_s + tokens * pace.seconds_per_token
            if expected > 0:
                pace.lately.append(seconds / expected)
            if first_token_s is not None:
                pace.first_token_s += weight * (min(first_token_s, seconds) - pace.first_token_s)
            per_token = max(0.0, seconds - pace.first_token_s) / max(tokens, 1)
            pace.seconds_per_token += weight * (per_token - pace.seconds_per_token)
            pace.n += 1

    def loaded(self, model: str, seconds: float) -> None:
        """Takes a load that nobody waited for into account."""
        with self._lock:
            self._loaded(self._paces.setdefault(model, Pace()), seconds)

    def of(self, model: str) -> tuple[float, float, int] | None:
        """(seconds to the first token, seconds per token, n) once loaded, or `None` before the first call."""
        with self._lock:
            pace = self._paces.get(model)
            return (pace.first_token_s, pace.seconds_per_token, pace.n) if pace is not None and pace.n else None

    def tail(self, model: str) -> float | None:
        """The 95th percentile of a call's seconds over what was expected, or `None` before there are twenty.

        What was expected goes by the tokens of the answer: that answers differ in length makes no tail.
        """
        with self._lock:
            pace = self._paces.get(model)
            ratios = list(pace.lately) if pace is not None else []
        return quantiles(ratios, n=20)[-1] if len(ratios) >= ENOUGH else None

    def load_s(self, model: str) -> float | None:
        """Seconds that a load takes, or `None` before one was seen."""
        with self._lock:
            pace = self._paces.get(model)
            return None if pace is None else pace.load_s

    def forget(self, model: str) -> None:
        """Another endpoint goes by this name from now on."""
        with self._lock:
            self._paces.pop(model, None)

    def _loaded(self, pace: Pace, seconds: float) -> None:
        pace.load_s = seconds if pace.load_s is None else pace.load_s + WEIGHT * (seconds - pace.load_s)
