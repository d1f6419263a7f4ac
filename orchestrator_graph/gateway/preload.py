"""Loads the models that will be asked next while others work - only where nothing has to give way for them."""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator_graph.errors import OrchestratorError
from orchestrator_graph.gateway.egress import is_loopback_url
from orchestrator_graph.gateway.lifecycle import Lifecycle
from orchestrator_graph.gateway.ollama import OllamaServer
from orchestrator_graph.gateway.residence import Place, Residence, is_warm, place_of
from orchestrator_graph.gateway.tally import Tally
from orchestrator_graph.registry.spec import ModelSpec

__all__ = ["Preloads", "free_bytes", "room"]

MEMINFO = Path("/proc/meminfo")
MOST_LOADED = 3
"""What Ollama holds at once unless OLLAMA_MAX_LOADED_MODELS says otherwise (as far as our environment tells)."""
GROWTH, SPARE = 1.5, 0.9
"""Memory against the file: 1.46 for SmolLM2 at 2,048 tokens, 1.85 for MiniLM [measured]; and what may be filled."""


@dataclass(slots=True)
class Ahead:
    """One load that was begun for a run: `seconds` once it is done."""

    run_id: str
    seconds: float | None = None


@dataclass(slots=True)
class Preloads:
    """Loads begun ahead of need, and what came of them."""

    lifecycle: Lifecycle
    residence: Residence
    environ: Mapping[str, str]
    tally: Tally = field(default_factory=Tally)
    refused: dict[str, str] = field(default_factory=dict)
    _ahead: dict[Place, Ahead] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self, specs: Iterable[ModelSpec], run_id: str) -> None:
        """Loads those models, one after the other; returns at once.

        What is loaded, is being loaded, or does not fit is left alone; `refused` says why of the last kind.
        """
        wanted = [spec for spec in specs if self._wanted(spec)]
        if wanted:
            job = threading.Thread(target=self._load_all, args=(wanted, run_id), name="orchestrator-preload")
            job.daemon = True  # a load of minutes must not keep the process from ending
            job.start()

    def _wanted(self, spec: ModelSpec) -> bool:
        place = place_of(spec)
        if place is None or place in self._ahead:
            return False
        server = self.residence.seen(place[0])
        return server is None or not is_warm(server.running.get(place[1]), spec)

    def _load_all(self, specs: Iterable[ModelSpec], run_id: str) -> None:
        for spec in specs:
            place = place_of(spec)
            server = self.residence.look(place[0]) if place is not None else None
            if place is None or server is None or is_warm(server.running.get(place[1]), spec):
                continue
            ahead = Ahead(run_id)
            why = self._claim(place, server, ahead)
            if not why:
                why = self._load(spec, place, ahead)
            if why:
                self.refused[spec.id] = why
            else:
                self.refused.pop(spec.id, None)

    def _claim(self, place: Place, server: OllamaServer, ahead: Ahead) -> str:
        with self._lock:
            pending = [name for (url, name), other in self._ahead.items() if url == place[0] and other.seconds is None]
            why = "it is being loaded" if place in self._ahead else room(server, place, pending, self.environ)
            if not why:
                self._ahead[place] = ahead
            return why

    def _load(self, spec: ModelSpec, place: Place, ahead: Ahead) -> str:
        seconds = 0.0
        try:
            change = self.lifecycle.load(spec)
            why, seconds = change.why, change.seconds
        except OrchestratorError as error:
            why = str(error)
        ahead.seconds = seconds
        if why:
            with self._lock:
                if self._ahead.get(place) is ahead:
                    del self._ahead[place]
            self.tally.miss()
        return why

    def used(self, spec: ModelSpec, ready_s: float | None) -> None:
        """A model has answered; its call waited `ready_s` seconds for it to be loaded."""
        place = place_of(spec)
        if place is None:
            return
        with self._lock:
            ahead = self._ahead.pop(place, None)
        if ahead is None:
            return
        saved = (ahead.seconds or 0.0) - (ready_s or 0.0)
        if saved > 0:
            self.tally.hit(saved)
        else:
            self.tally.miss()

    def end(self, run_id: str) -> None:
        """A run has ended: what was loaded for it and not asked was loaded for nothing."""
        with self._lock:
            unused = [place for place, ahead in self._ahead.items() if ahead.run_id == run_id]
            for place in unused:
                del self._ahead[place]
        self.tally.miss(len(unused))


def room(server: OllamaServer, place: Place, pending: list[str], environ: Mapping[str, str]) -> str:
    """Why a model cannot be loaded beside what is there; "" = it can.

    Ollama tells neither its limits nor how much graphics memory is free: a model that spilled out of it is the sign
    that it is full; on a machine without one the free main memory counts.
    """
    running = server.running
    limit = environ.get("OLLAMA_MAX_LOADED_MODELS", "")
    most = int(limit) if limit.isdigit() and int(limit) else MOST_LOADED
    if place[1] in running:
        return "it is loaded with another context, and may be in use so"
    if len({*running, *pending}) >= most:
        return f"{most} models are loaded, as many as are kept: another one would have to go"
    cards = [item for item in running.values() if item.size_vram]
    if any(item.size_vram < item.size for item in cards):
        return "graphics memory is full"
    needed = GROWTH * sum(server.size(name) for name in (place[1], *pending))
    free = free_bytes() if is_loopback_url(place[0]) and not cards else None
    if free is not None and needed > SPARE * free:
        return f"it needs about {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free"
    return ""


def free_bytes(meminfo: Path = MEMINFO) -> int | None:
    """Bytes of main memory that are free for programs; `None` where the system does not say (only Linux does)."""
    try:
        rows = dict(row.split(":", 1) for row in meminfo.read_text().splitlines() if ":" in row)
        return int(rows["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return None
