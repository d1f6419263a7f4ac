"""Loads, keeps and unloads Ollama's models: pulled -> loaded -> warm -> in use. Never pulls, never takes away.

What is in use is never unloaded: in this process by count, elsewhere by what `/api/ps` lets one conclude. Ollama itself
lets an answer under way end before it unloads.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from orchestrator_graph.errors import RegistryError
from orchestrator_graph.gateway.clients import Clients
from orchestrator_graph.gateway.keep_alive import keep_alive_of
from orchestrator_graph.gateway.ollama import OllamaServer
from orchestrator_graph.gateway.probe import OK, send
from orchestrator_graph.gateway.residence import Place, Residence, is_warm, place_of
from orchestrator_graph.gateway.speed import Speeds
from orchestrator_graph.registry.spec import ModelSpec

__all__ = ["Change", "Lifecycle", "ModelState", "State"]

State = Literal["absent", "pulled", "loaded", "warm", "in use"]
Action = Literal["load", "keep", "unload"]

LOAD_S, GONE_S, LOOK_S = 600.0, 5.0, 0.05
SESSION_S, RECENT_S = 300.0, 60.0
"""What Ollama keeps a model for unless told otherwise; and how lately somebody else must have used it to be spared."""


@dataclass(frozen=True, slots=True)
class ModelState:
    """One model of an Ollama.

    Attributes:
        state: `absent` (not pulled), `pulled`, `loaded` (in memory, but with another context than ours: our call
            would load it anew), `warm` (our call loads nothing), `in use` (a call of this process is under way).
        size: Bytes in memory, of which `size_vram` on a graphics card; 0 unless loaded.
        expires_in_s: Seconds until it is unloaded unless it is used; `None` unless loaded.
    """

    model: str
    state: State
    size: int = 0
    size_vram: int = 0
    context: int | None = None
    expires_in_s: float | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What an action came to; `why` says it where nothing, or less than asked, was done."""

    model: str
    action: Action
    done: bool
    before: State
    after: State
    seconds: float = 0.0
    why: str = ""


class Lifecycle:
    """States of models and what changes them. Blocking: keep it off the event loop.

    Args:
        residence: Views of the servers.
        clients: Counts the calls under way.
        speeds: Told how long loads take.
    """

    def __init__(self, residence: Residence, clients: Clients, speeds: Speeds) -> None:
        self._residence, self._clients, self._speeds = residence, clients, speeds
        self._ours: set[Place] = set()
        self._lent: set[Place | None] = set()

    def lend(self, spec: ModelSpec) -> None:
        """A client of that model is in hands that do not report their calls: it counts as in use."""
        self._lent.add(place_of(spec))

    def states(self, specs: Iterable[ModelSpec]) -> list[ModelState]:
        """The states of those models that are Ollama's; each server is looked at once.

        Raises:
            RegistryError: A server does not answer.
        """
        servers: dict[str, OllamaServer] = {}
        found = []
        for spec in specs:
            place = place_of(spec)
            if place is not None:
                server = servers.get(place[0]) or servers.setdefault(place[0], self._server(spec, place))
                found.append(self._state(spec, place, server))
        return found

    def load(self, spec: ModelSpec, keep_alive: str | None = None) -> Change:
        """Loads a model with its one context, unless it is warm; `keep_alive` holds it there.

        Raises:
            RegistryError: It is not one of Ollama's, or is not pulled.
            InputError: `keep_alive` is no duration.
        """
        action: Action = "load" if keep_alive is None else "keep"
        kept = keep_alive or spec.keep_alive
        held = None if kept is None else keep_alive_of(kept)
        place, server, before = self._found(spec)
        if before in ("warm", "in use") and held is None:
            return Change(spec.id, action, done=True, before=before, after=before)
        began = time.monotonic()
        context = spec.context or server.facts(place[1]).context
        problem = _load(place, {"keep_alive": held} if held is not None else {}, context)
        seconds = time.monotonic() - began
        after = self._state(spec, place, self._server(spec, place)).state
        if not problem and before not in ("warm", "in use"):
            self._ours.add(place)
            self._speeds.loaded(spec.id, seconds)
        return Change(spec.id, action, not problem, before, after, seconds, problem)

    def unload(self, spec: ModelSpec, *, force: bool = False) -> Change:
        """Unloads a model that nobody uses.

        Args:
            spec: The model.
            force: Also where another program used it lately or keeps it; never what this process uses.

        Raises:
            RegistryError: It is not one of Ollama's, or is not pulled.
        """
        place, server, before = self._found(spec)
        why = "it was not loaded" if before == "pulled" else self._in_use(place, server, force=force)
        if why:
            return Change(spec.id, "unload", before == "pulled", before, before, why=why)
        began = time.monotonic()
        status, _ = send("POST", f"{place[0]}/api/generate", {"model": place[1], "keep_alive": 0, "stream": False})
        self._ours.discard(place)
        while place[1] in self._server(spec, place).running and time.monotonic() - began < GONE_S:
            time.sleep(LOOK_S)
        after = self._state(spec, place, self._server(spec, place)).state
        done = status == OK and after == "pulled"
        why = "" if done else f"Ollama answered {status} and lists it still: an answer under way ends first"
        return Change(spec.id, "unload", done, before, after, time.monotonic() - began, why)

    def _in_use(self, place: Place, server: OllamaServer, *, force: bool) -> str:
        if calls := self._clients.uses(place):
            return f"{calls} of our calls are under way"
        if place in self._lent:
            return "it is the embedder of this process's memory"
        if force or place in self._ours:
            return ""
        left = server.running[place[1]].expires_at - time.time()
        if left > SESSION_S:
            return "somebody keeps it loaded on purpose"
        idle = SESSION_S - left
        return f"another program used it about {idle:.0f} s ago" if idle < RECENT_S else ""

    def _state(self, spec: ModelSpec, place: Place, server: OllamaServer) -> ModelState:
        running = server.running.get(place[1])
        if running is None:
            return ModelState(spec.id, "pulled" if place[1] in server.names else "absent")
        warm: State = "warm" if is_warm(running, spec) else "loaded"
        state: State = "in use" if self._clients.uses(place) else warm
        left = max(0.0, running.expires_at - time.time())
        return ModelState(spec.id, state, running.size, running.size_vram, running.context, left)

    def _found(self, spec: ModelSpec) -> tuple[Place, OllamaServer, State]:
        place = place_of(spec)
        if place is None:
            raise RegistryError(f"{spec.id} is no model of an Ollama of yours: only those are loaded and unloaded")
        server = self._server(spec, place)
        state = self._state(spec, place, server).state
        if state == "absent":
            raise RegistryError(f"{spec.id} is not pulled. Run: ollama pull {place[1].removesuffix(':latest')}")
        return place, server, state

    def _server(self, spec: ModelSpec, place: Place) -> OllamaServer:
        server = self._residence.look(place[0])
        if server is None:
            raise RegistryError(f"{spec.id}: no Ollama answers at {place[0]}. Start it with: ollama serve")
        return server


def _load(place: Place, held: Mapping[str, Any], context: int | None) -> str:
    """Asks for the load alone, without a prompt; the problem, where there is one."""
    url, name = place
    body = {"model": name, "stream": False, **held, "options": {"num_ctx": context} if context else {}}
    status, said = send("POST", f"{url}/api/generate", body, seconds=LOAD_S)
    if status != OK and "does not support generate" in str((said or {}).get("error")):
        status, said = send("POST", f"{url}/api/embed", {"model": name, "input": [], **held}, seconds=LOAD_S)
    return "" if status == OK else f"Ollama answered {status}: {str((said or {}).get('error') or 'nothing')[:200]}"
