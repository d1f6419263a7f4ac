"""Clients are built once per model, shared, and never closed while in use.

Async HTTP clients belong to one event loop: each loop gets its own.
"""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator_graph.gateway.build import Built, build_chat
from orchestrator_graph.gateway.residence import Place, place_of
from orchestrator_graph.registry.spec import ModelSpec

__all__ = ["ClientLease", "Clients", "GatewayClosed", "endpoint_key"]

Loop = asyncio.AbstractEventLoop | None
Builder = Callable[[ModelSpec, Mapping[str, str]], Built]


def endpoint_key(spec: ModelSpec) -> tuple[str, ...]:
    """What a client is built from: two specs of one id and one key share it, whatever they cost."""
    model = spec.model if isinstance(spec.model, str) else f"object {id(spec.model)}"
    return (spec.id, model, spec.base_url or "", spec.api_key_env or "")


class GatewayClosed(RuntimeError):  # noqa: N818
    """The gateway was used after it had been closed."""


@dataclass(slots=True)
class ClientLease:
    """A client in use; hand it back to `Clients.give_back`."""

    built: Built
    loop: Loop
    place: Place | None = None
    uses: int = 0
    retired: bool = False

    @property
    def client(self) -> Any:
        """The LangChain object."""
        return self.built.client


class Clients:
    """All clients of one gateway.

    Args:
        environ: Where keys and proxies are read.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._made: dict[tuple[str, tuple[str, ...], int], ClientLease] = {}
        self._uses: Counter[Place | None] = Counter()
        self._begun = 0
        self._lock = threading.Lock()
        self._closed = False

    def borrow(self, spec: ModelSpec, loop: Loop, build: Builder = build_chat) -> ClientLease:
        """The model's client for a loop (`None` = sync callers); built at first use.

        Raises:
            GatewayClosed: `close` was called.
        """
        with self._lock:
            if self._closed:
                raise GatewayClosed("the gateway is closed; open a new Orchestrator")
            key = (build.__name__, endpoint_key(spec), 0 if loop is None else id(loop))
            lease = self._made.get(key)
            if lease is None:
                self._forget_dead_loops()
                lease = self._made[key] = ClientLease(build(spec, self._environ), loop, place_of(spec))
            lease.uses += 1
            self._uses[lease.place] += 1
            self._begun += 1
            return lease

    def give_back(self, lease: ClientLease) -> None:
        """Ends a use; a client that was to be closed meanwhile is closed now."""
        with self._lock:
            lease.uses -= 1
            self._uses[lease.place] -= 1
            last = lease.retired and lease.uses == 0
        if last:
            _close(lease)

    def uses(self, place: Place) -> int:
        """Calls under way to one model of one server, also those that nobody waits for any more."""
        return self._uses[place]

    def census(self) -> tuple[int, int]:
        """(calls under way, calls ever begun): tells whether something had the machine to itself."""
        with self._lock:
            return self._uses.total(), self._begun

    def retire(self, live: Iterable[ModelSpec]) -> None:
        """Closes the chat clients of all but these models, each when its last call ends."""
        kept = {endpoint_key(spec) for spec in live}
        with self._lock:
            gone = [key for key in self._made if key[0] == build_chat.__name__ and key[1] not in kept]
            leases = [self._made.pop(key) for key in gone]
            for lease in leases:
                lease.retired = True
            idle = [lease for lease in leases if lease.uses == 0]
        for lease in idle:
            _close(lease)

    def close(self) -> None:
        """Closes what is idle now, and the rest as soon as it is handed back."""
        for lease in self._retire():
            _close(lease)

    async def aclose(self) -> None:
        """Like `close`, and awaits the clients of the running loop."""
        here = asyncio.get_running_loop()
        for lease in self._retire():
            if lease.loop in (here, None) and lease.built.aclose is not None:
                lease.built.close()
                await lease.built.aclose()
            else:
                _close(lease)

    def _retire(self) -> list[ClientLease]:
        with self._lock:
            self._closed = True
            leases = list(self._made.values())
            self._made.clear()
            for lease in leases:
                lease.retired = True
            return [lease for lease in leases if lease.uses == 0]

    def _forget_dead_loops(self) -> None:
        for key, lease in list(self._made.items()):
            if lease.loop is not None and lease.loop.is_closed():
                lease.built.close()
                del self._made[key]


def _close(lease: ClientLease) -> None:
    lease.built.close()
    loop, aclose = lease.loop, lease.built.aclose
    # Connections of a loop that no longer runs went with it; there is nobody left to await.
    if aclose is not None and loop is not None and loop.is_running():
        asyncio.run_coroutine_threadsafe(_finish(aclose), loop)


async def _finish(aclose: Callable[[], Any]) -> None:
    await aclose()
