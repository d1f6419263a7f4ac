"""The one background thread that opens Chroma and writes to it, off the request path."""

import threading
import time
from collections.abc import Mapping

from orchestrator_graph.errors import MemoryStoreError
from orchestrator_graph.memory.generation import Generation
from orchestrator_graph.memory.index import Index
from orchestrator_graph.memory.space import Key, Space

__all__ = ["Indexer"]

LINGER_S = 0.5
"""A write of one row costs as much as one of ten, and waiting rows are found anyway: so batches may fill."""


class Indexer:
    """Keeps every touched space's collection abreast of the ledger. Starts at the first `wake`."""

    def __init__(self, index: Index, spaces: Mapping[Key, Space], generation: Generation) -> None:
        self._index = index
        self._spaces = spaces
        self._generation = generation
        self._thread: threading.Thread | None = None
        self._guard = threading.Lock()
        self._work = threading.Event()
        self._now = threading.Event()
        self._stopping = False

    def wake(self, *, now: bool = False) -> None:
        """There is something to write, or the index is yet to be opened."""
        with self._guard:
            if self._stopping:
                return
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="orchestrator-index", daemon=True)
                self._thread.start()
        if now:
            self._now.set()
        self._work.set()

    def _run(self) -> None:
        while True:
            self._work.wait()
            self._work.clear()
            self._now.wait(LINGER_S)
            self._now.clear()
            if self._stopping:
                return
            self._step()

    def drop_erased(self) -> bool:
        """Reads all vectors anew if something was erased, here or elsewhere, since this was last asked; says so.

        Raises:
            MemoryStoreError: The ledger cannot be read.
        """
        moved = self._generation.moved()
        if moved:
            self._detach()
        return moved

    def _step(self) -> None:
        try:
            self.drop_erased()
            for space in list(self._spaces.values()):
                space.fill()
            if self._index.claim():
                self._renew()
                if not self._index.resting:
                    self._write()
        except MemoryStoreError:  # the ledger, not the index: the next wake tries again
            return
        except BaseException as error:  # noqa: BLE001 - a Rust panic is no Exception, and the thread has to outlive it
            if not self._stopping:
                self._recover(error)

    def _renew(self) -> None:
        if self._generation.outdated():
            self._detach()
            self._index.reset()
            self._generation.renewed()
        if self._generation.tainted():
            self._index.rest("something was erased: the next process builds it again")

    def _write(self) -> None:
        if self._spaces:
            self._index.open()
        for space in list(self._spaces.values()):
            space.attach()
            while not self._stopping and not self._generation.outdated() and space.write_batch():
                pass

    def _recover(self, error: BaseException) -> None:
        self._index.fail(f"a failure: {type(error).__name__}")
        self._detach()
        self._index.recover(error)
        if not self._index.resting:
            self.wake(now=True)

    def _detach(self) -> None:
        for space in list(self._spaces.values()):
            space.detach()

    @property
    def _settled(self) -> bool:
        return self._index.resting or all(not space.waiting() for space in list(self._spaces.values()))

    def flush(self, timeout_s: float) -> None:
        """Waits until Chroma holds everything, cannot be had, or the time is up."""
        deadline = time.monotonic() + timeout_s
        while not self._settled and time.monotonic() < deadline:
            self.wake(now=True)
            time.sleep(0.02)

    def stop(self) -> None:
        """Ends the thread after its present batch; what is not written stays in the ledger for the next opening."""
        with self._guard:
            self._stopping = True
        self._now.set()
        self._work.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(30)
