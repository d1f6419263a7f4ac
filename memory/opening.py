"""Opens a memory at its first use, once for all threads. What cannot be opened is not tried again by every request."""

import threading
import time
import weakref
from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING

from orchestrator_graph.drive import ASYNC, Effects
from orchestrator_graph.errors import MemoryStoreError
from orchestrator_graph.memory.care import Care

if TYPE_CHECKING:
    from orchestrator_graph.memory.parts import Parts

__all__ = ["Opening"]

RETRY_S = 3.0
"""After a failure, its error is raised at once for so long; then one request tries again, and no other waits for it."""


class Opening(Care):
    """The life of a memory: opened, refused, closed."""

    def __init__(self) -> None:
        self._parts: Parts | None = None
        self._opening = threading.Lock()
        self._ending = threading.Lock()
        self._closed = False
        self._refusal, self._tried_at = "", 0.0
        self._finalizer: Callable[[], object] = bool  # closes nothing, until something is open

    @abstractmethod
    def _made(self) -> "Parts":
        """Opens ledger and index."""

    async def _opened(self, fx: Effects) -> "Parts":
        if (parts := self._parts) is not None:
            return parts
        self._check()
        return await fx.offload(self._open)

    def _open(self) -> "Parts":
        if not self._opening.acquire(blocking=not self._refusal):
            raise MemoryStoreError(self._refusal)
        try:
            if (parts := self._parts) is not None:
                return parts
            self._check()
            return self._kept(self._tried())
        finally:
            self._opening.release()

    def _check(self) -> None:
        if self._closed:
            raise MemoryStoreError("memory: it was closed; make a new Memory")
        if self._refusal and time.monotonic() - self._tried_at < RETRY_S:
            raise MemoryStoreError(self._refusal)

    def _tried(self) -> "Parts":
        try:
            return self._made()
        except MemoryStoreError as error:
            self._refusal, self._tried_at = str(error), time.monotonic()
            raise

    def _kept(self, parts: "Parts") -> "Parts":
        with self._ending:
            if not self._closed:
                self._parts, self._refusal = parts, ""
                # Also at interpreter exit: a daemon thread must not be inside Chroma's native code by then.
                self._finalizer = weakref.finalize(self, parts.close)
                return parts
        parts.close()
        raise MemoryStoreError("memory: it was closed while it was being opened")

    def close(self) -> None:
        """Ends the background thread and closes index and ledger. Safe to repeat."""
        with self._ending:
            self._closed = True
            self._parts = None
        self._finalizer()

    async def aclose(self) -> None:
        """`close` for async callers."""
        await ASYNC.offload(self.close)
