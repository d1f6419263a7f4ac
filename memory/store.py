"""The memory as the rest of the system sees it: look up, remember, sum up. Opens at first use."""

import threading
import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_graph.drive import ASYNC, Effects
from orchestrator_graph.errors import MemoryStoreError
from orchestrator_graph.memory.records import Lookup, RunRecord, TaskRecord

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings

    from orchestrator_graph.memory.parts import Parts
    from orchestrator_graph.memory.vectors import Embedded, VectorSource
    from orchestrator_graph.types.history import History

__all__ = ["Memory"]


class Memory:
    """Remembers tasks, decisions, calls and outcomes, and finds the tasks nearest to a new one.

    Args:
        where: A folder; `None` keeps everything in RAM.
        embedder: Any LangChain `Embeddings`; the built-in one if `None`.
        embedder_is_local: Private texts may be given to `embedder`. Else they use the built-in one, in its own space.
    """

    def __init__(
        self,
        where: str | Path | None = None,
        *,
        embedder: "Embeddings | None" = None,
        embedder_is_local: bool = False,
    ) -> None:
        self.where = where
        self.embedder = embedder
        self.embedder_is_local = embedder_is_local
        self._learners: tuple[Callable[[History], None], ...] = ()
        self._guard = threading.Lock()
        self._parts: Parts | None = None
        self._closed = False
        self._finalizer: Callable[[], object] = bool  # closes nothing, until something is open
        self._unembedded = 0

    def taught(self, learn: "Callable[[History], None]") -> None:
        """Calls `learn` at the first lookup of a vector space and when much is new; to be said before the first use."""
        self._learners = (*self._learners, learn)

    async def lookup(
        self,
        fx: Effects,
        texts: Sequence[str],
        *,
        tenant: str,
        private: bool = False,
        k: int = 8,
        min_similarity: float = 0.35,
    ) -> list[Lookup]:
        """For each text the remembered tasks of this tenant that are at least so similar, nearest first.

        Raises:
            MemoryStoreError: The ledger cannot be opened or read. (A failing embedder gives the state `off (...)`.)
        """
        if not texts:
            return []
        parts = await self._opened(fx)
        try:
            embedded = await (parts.private if private else parts.public).embed(fx, texts)
        except MemoryStoreError as error:
            return [Lookup(state=f"off (embedder failed: {error})") for _ in texts]
        found = await fx.offload(partial(self._search, parts, embedded, tenant, k, min_similarity))
        first = replace(
            found[0], embed_calls=embedded.calls, embed_texts=embedded.texts, embed_seconds=embedded.seconds
        )
        return [first, *found[1:]]

    def _search(self, parts: "Parts", embedded: "Embedded", tenant: str, k: int, floor: float) -> list[Lookup]:
        from orchestrator_graph.memory.recalled import read_neighbours

        space = parts.space(tenant, embedded)
        parts.learning.ensure((tenant, embedded.fingerprint))
        hits, state = space.search(embedded.matrix, k)
        if not space.attached and state != "empty":
            parts.indexer.wake()
        near = [[hit for hit in line if hit[1] >= floor] for line in hits]
        known = read_neighbours(parts.ledger, tenant, list({task_id for line in near for task_id, _ in line}))
        return [
            Lookup(
                tuple(replace(known[task_id], similarity=cosine) for task_id, cosine in line if task_id in known),
                state,
                embed_model=embedded.fingerprint,
                vector=vector,
            )
            for line, vector in zip(near, embedded.matrix, strict=True)
        ]

    async def remember(self, fx: Effects, record: RunRecord) -> None:
        """Commits a run: durable when it returns, and repeating it changes nothing.

        A task whose text cannot be embedded is remembered without a vector.

        Raises:
            MemoryStoreError: The ledger cannot be opened or written.
        """
        from orchestrator_graph.memory.ledger import vector_row

        parts = await self._opened(fx)
        rows, fresh = [], list[tuple[tuple[str, str], int]]()
        for private, source in ((False, parts.public), (True, parts.private)):
            tasks = [task for task in record.tasks if task.private == private]
            embedded = await self._embedded(fx, source, tasks)
            if embedded is None:
                continue
            for task, vector in zip(tasks, embedded.matrix, strict=True):
                rows.append(vector_row(task.id, task.tenant, embedded.fingerprint, vector))
                parts.space(task.tenant, embedded)
                labels = sum(outcome.task_id == task.id and outcome.weight > 0 for outcome in record.outcomes)
                fresh.append(((task.tenant, embedded.fingerprint), labels))
        await fx.offload(partial(parts.ledger.remember, record, rows))
        for place, labels in fresh:
            parts.learning.noted(place, labels)
        if rows:
            parts.indexer.wake(now=len(rows) >= 10)

    async def _embedded(self, fx: Effects, source: "VectorSource", tasks: list[TaskRecord]) -> "Embedded | None":
        if not tasks:
            return None
        try:
            return await source.embed(fx, [task.text for task in tasks])
        except MemoryStoreError:
            self._unembedded += len(tasks)  # shown by stats(); the run itself must not be lost for it
            return None

    async def spent_nusd(
        self, fx: Effects, *, run_id: str | None = None, budget: str | None = None, since: float = 0.0
    ) -> int:
        """Nano-dollars charged by the ledger's calls since then, by run or shared budget."""
        parts = await self._opened(fx)
        return await fx.offload(partial(parts.ledger.spent_nusd, run_id, budget, since))

    def stats(self) -> dict[str, Any]:
        """Rows by table, where they are, the embedders, and the index's state; opens the memory."""
        parts = self._open()
        spaces = list(parts.spaces.values())
        return {
            **parts.ledger.counts(),
            "where": parts.ledger.where,
            "embedder": parts.public.fingerprint,
            "private_embedder": parts.private.fingerprint,
            "embed_calls": parts.public.calls,
            "embed_seconds": parts.public.seconds,
            "not_embedded": self._unembedded,
            "index": parts.index.away or "ok",
            "indexed": sum(space.indexed for space in spaces),
            "waiting": sum(space.waiting() for space in spaces),
        }

    def flush(self, timeout_s: float = 10) -> None:
        """Waits until the index holds every row of the spaces in use, or is known to be away; learns what is new."""
        parts = self._parts
        if parts is not None:
            parts.indexer.flush(timeout_s)
            parts.learning.flush()

    def close(self) -> None:
        """Ends the background thread and closes index and ledger. Safe to repeat."""
        with self._guard:
            self._closed = True
            self._parts = None
        self._finalizer()

    async def aclose(self) -> None:
        """`close` for async callers."""
        await ASYNC.offload(self.close)

    async def _opened(self, fx: Effects) -> "Parts":
        parts = self._parts
        return parts if parts is not None else await fx.offload(self._open)

    def _open(self) -> "Parts":
        from orchestrator_graph.memory.parts import Parts

        with self._guard:
            if self._closed:
                raise MemoryStoreError("memory: it was closed; make a new Memory")
            if self._parts is not None:
                return self._parts
            parts = Parts(self.where, self.embedder, self._learners, local=self.embedder_is_local)
            self._parts = parts
            # Also at interpreter exit: a daemon thread must not be inside Chroma's native code by then.
            self._finalizer = weakref.finalize(self, parts.close)
            return parts
