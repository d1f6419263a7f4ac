"""How fast each model was in its own calls here: exponentially weighted means, for latency estimates."""

import threading
from dataclasses import dataclass

__all__ = ["Speeds"]

WEIGHT = 0.3


@dataclass(slots=True)
class Pace:
    """Seconds to the first token, seconds per token, and how many calls they rest on."""

    first_token_s: float = 0.0
    seconds_per_token: float = 0.0
    n: int = 0


class Speeds:
    """Paces by model, updated from any thread.

    >>> speeds = Speeds()
    >>> speeds.learn("m", seconds=1.2, tokens=10, first_token_s=0.2); speeds.of("m")
    (0.2, 0.1, 1)
    """

    def __init__(self) -> None:
        self._paces: dict[str, Pace] = {}
        self._lock = threading.Lock()

    def learn(self, model: str, *, seconds: float, tokens: int, first_token_s: float | None) -> None:
        """Takes one successful call into account; `seconds` without the time spent in line."""
        with self._lock:
            pace = self._paces.setdefault(model, Pace())
            weight = max(WEIGHT, 1 / (pace.n + 1))
            if first_token_s is not None:
                pace.first_token_s += weight * (min(first_token_s, seconds) - pace.first_token_s)
            per_token = max(0.0, seconds - pace.first_token_s) / max(tokens, 1)
            pace.seconds_per_token += weight * (per_token - pace.seconds_per_token)
            pace.n += 1

    def of(self, model: str) -> tuple[float, float, int] | None:
        """(seconds to the first token, seconds per token, n), or `None` before the first call."""
        with self._lock:
            pace = self._paces.get(model)
            return None if pace is None else (pace.first_token_s, pace.seconds_per_token, pace.n)
