"""Chroma as a rebuildable index: what every kind of it promises. In this process's RAM, unless a subclass says else.

Nothing here is the truth: what an index lost or never had is filled in from the ledger (`space.Space`).
"""

import hashlib
import math
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from orchestrator_graph.types import new_id

if TYPE_CHECKING:
    from chromadb.api.models.Collection import Collection

__all__ = ["Index", "NoIndex"]

REBUILDS = 2
PAGE = 2_000


class Index:
    """Opens and closes Chroma and hands out collections.

    Attributes:
        kind: `ram`, `embedded`, `server` or `none`.
        away: Why it cannot be asked now; `""` when it can.
        address: Of the server; `""` where there is none.
        locked: Another process holds the folder: this one must not open it.
        elsewhere: It is on another machine: nothing of a private task may be sent there.
    """

    kind = "ram"
    address = ""
    elsewhere = False

    def __init__(self) -> None:
        self.away = "not open yet"
        self.locked = False
        self._client: Any = None  # chromadb's ClientAPI does not declare `close`
        self._prefix = f"og-{new_id()[:12]}-"  # all clients in RAM share one store within a process
        self._mine: set[str] = set()
        self._opening = threading.Lock()  # also opened by who verifies or erases
        self._rebuilds_left = REBUILDS
        self._rests_until = 0.0

    @property
    def resting(self) -> bool:
        """It cannot be had now: waiting for it is in vain."""
        return self.locked or time.monotonic() < self._rests_until

    def claim(self) -> bool:
        """True when it may be opened now; takes what others must not have, at once or not at all."""
        return not self.resting

    def open(self) -> None:
        """Opens Chroma; whatever it raises means that there is something to `recover` from."""
        with self._opening:
            if self._client is None:
                self._client = self._connect()
            elif self.away:
                raise RuntimeError(self.away)
            self.away = ""

    def _connect(self) -> Any:
        import chromadb

        # Default settings, because all clients in RAM of a process must agree; telemetry is a no-op since 1.5.
        return chromadb.EphemeralClient()

    def collection(self, tenant: str, fingerprint: str, dimension: int, *, fresh: bool = False) -> "Collection":
        """The collection of one tenant and one vector space; emptied first if `fresh`."""
        if self._client is None:
            raise RuntimeError(f"the index is away: {self.away}")
        name = f"{self._prefix}{_short(tenant)}-{_short(fingerprint)}-{dimension}"
        if fresh:
            self._client.delete_collection(name)
        self._mine.add(name)
        settings: Any = {"hnsw": {"space": "cosine", "ef_search": 200}}
        made: Collection = self._client.get_or_create_collection(name, embedding_function=None, configuration=settings)
        return made

    def holding(self, tenant: str, fingerprint: str, dimension: int) -> "tuple[Collection, set[str]]":
        """The collection, and the ids in it."""
        collection, ids = self.collection(tenant, fingerprint, dimension), set[str]()
        for offset in range(
            0, collection.count(), PAGE
        ):  # in pages: Chroma holds the GIL, and a server's time is short
            ids.update(collection.get(include=[], limit=PAGE, offset=offset)["ids"])
        return collection, ids

    def without(self, collection: "Collection", key: tuple[str, str, int], strays: set[str]) -> bool:  # noqa: ARG002
        """Takes rows out that the ledger does not know; False: the collection was emptied for it."""
        self.collection(*key, fresh=True)
        return False

    def fail(self, why: str) -> None:
        """Takes the index out of use."""
        self.away = why

    def rest(self, why: str) -> None:
        """Takes the index out of use for as long as this process lives."""
        self.away, self._rests_until = why, math.inf

    def recover(self, error: BaseException) -> None:
        """Throws a damaged index away, so that the next `open` starts empty; after `REBUILDS` times gives it up."""
        self.away = f"damaged, being rebuilt: {type(error).__name__}"
        self._rebuilds_left -= 1
        with suppress(Exception):  # a client that is broken may not even close
            self.reset()
        if self._rebuilds_left < 0:
            self.away = f"given up: {type(error).__name__}: {str(error)[:200]}"
            self._rests_until = math.inf

    def reset(self) -> None:
        """Throws the content away; the next `open` starts empty."""
        self._release()

    def _release(self) -> None:
        client, self._client = self._client, None
        if client is None:
            return
        self._leave(client)
        self._mine.clear()
        client.close()

    def _leave(self, client: Any) -> None:
        for name in self._mine:
            client.delete_collection(name)

    def close(self) -> None:
        """Closes Chroma; what lasts stays."""
        self.away = "closed"
        self._release()


class NoIndex(Index):
    """The exact scan alone."""

    kind = "none"

    def __init__(self) -> None:
        super().__init__()
        self.away = "switched off"
        self._rests_until = math.inf


def _short(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]
