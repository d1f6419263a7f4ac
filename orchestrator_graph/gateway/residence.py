"""Which models the Ollama servers hold in memory, looked at every few seconds and never while somebody waits."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from orchestrator_graph.gateway.egress import endpoint_of
from orchestrator_graph.gateway.ollama import OllamaServer, Running, full_name
from orchestrator_graph.registry.spec import ModelSpec

__all__ = ["Place", "Residence", "place_of"]

POLL_S = 3.0
LOAD_BYTES_PER_S, LOAD_BASE_S = 500e6, 0.5
"""A guess of how long a load takes, until one was seen: a laptop's disk, and the runner's start."""

Place = tuple[str, str]
"""(base URL of an Ollama, full name of a model there)."""


def place_of(spec: ModelSpec) -> Place | None:
    """Where in which Ollama a model lies; `None` = it is not one of Ollama's, or runs elsewhere.

    >>> place_of(ModelSpec("ollama:qwen3", base_url="http://127.0.0.1:11434"))
    ('http://127.0.0.1:11434', 'qwen3:latest')
    """
    url = endpoint_of(spec)
    ours = spec.provider == "ollama" if isinstance(spec.model, str) else type(spec.model).__name__ == "ChatOllama"
    name = spec.name if isinstance(spec.model, str) else str(getattr(spec.model, "model", ""))
    return (url.rstrip("/"), full_name(name)) if ours and url and spec.is_local else None


@dataclass(slots=True)
class View:
    """One server as it was seen last."""

    server: OllamaServer
    at: float = 0.0
    ok: bool = False
    looking: bool = False


class Residence:
    """Views of servers. `look` asks and waits; everything else answers from the last view.

    Args:
        clock: Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._views: dict[str, View] = {}
        self._lock = threading.Lock()

    def look(self, url: str) -> OllamaServer | None:
        """The server as it is now; `None` = no Ollama answers. Blocking."""
        view = self._view(url)
        server = OllamaServer(view.server.url)
        ok = server.look()
        with self._lock:
            view.server, view.at, view.ok, view.looking = server, self._clock(), ok, False
        return server if ok else None

    def seen(self, url: str) -> OllamaServer | None:
        """The server as it was a few seconds ago; `None` = not yet known. A stale view is renewed in the background."""
        view = self._view(url)
        with self._lock:
            stale = not view.looking and (view.at == 0.0 or self._clock() - view.at > POLL_S)
            view.looking = view.looking or stale
        if stale:
            threading.Thread(target=self.look, args=(url,), name="orchestrator-residence", daemon=True).start()
        return view.server if view.ok else None

    def answered(self, spec: ModelSpec) -> None:
        """A model has just answered, so it is loaded, whatever the last view says."""
        place = place_of(spec)
        if place is None:
            return
        view = self._view(place[0])
        with self._lock:
            known = view.server.running.get(place[1], Running(view.server.size(place[1]), 0, 0, 0.0))
            now = replace(known, context=spec.context or known.context)
            view.server.running = {**view.server.running, place[1]: now}

    def load_s(self, spec: ModelSpec, measured: float | None) -> float | None:
        """Seconds that the next call waits for a load; `None` where the model is loaded or nothing is known.

        Args:
            spec: The model.
            measured: What a load of it took before.
        """
        place = place_of(spec)
        server = self.seen(place[0]) if place is not None else None
        if place is None or server is None or is_warm(server.running.get(place[1]), spec):
            return None
        return LOAD_BASE_S + server.size(place[1]) / LOAD_BYTES_PER_S if measured is None else measured

    def _view(self, url: str) -> View:
        with self._lock:
            return self._views.setdefault(url, View(OllamaServer(url)))


def is_warm(running: Running | None, spec: ModelSpec) -> bool:
    """Whether a call finds its model loaded with the context that it asks for, so that it loads nothing."""
    own = spec.context if isinstance(spec.model, str) else None  # a user's object has a context of its own
    return running is not None and (own is None or running.context == own)
