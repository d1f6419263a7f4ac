"""The memory as the rest of the system sees it: look up, remember, sum up. Opens at first use."""

import threading
import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator_graph.drive import ASYNC, Effects
from orchestrator_graph.errors import MemoryStoreError
from orchestrator_graph.memory.care import Care
from orchestrator_graph.memory.records import Lookup, RunRecord, TaskRecord

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings

    from orchestrator_graph.memory.parts import Parts
    from orchestrator_graph.memory.reservations import LedgerBudget
    from orchestrator_graph.memory.vectors import Embedded, VectorSource
    from orchestrator_graph.types.history import History

__all__ = ["Memory"]


class Memory(Care):
    """Remembers tasks, decisions, calls and outcomes, and finds the tasks nearest to a new one.

    Args:
        where: A folder, or `postgresql://user:password@host:port/name`; `None` keeps everything in RAM.
        embedder: Any LangChain `Embeddings`, or what finds one at the first use; the built-in one if `None`.
        embedder_is_local: Private texts may be given to `embedder`. Else they use the built-in one, in its own space.
        half_life_days: After so many days a label counts for half; `math.inf` forgets nothing.
        index: `chroma://host:port`, or `none` for the exact scan alone; `None` = Chroma in the folder, else in RAM.
    """

    def __init__(
        self,
        where: str | Path | None = None,
        *,
        embedder: "Embeddings | Callable[[], Embeddings | None] | None" = None,
        embedder_is_local: bool = False,
        index: str | None = None,
        half_life_days: float = 180.0,
    ) -> None:
        self.where = where
        self.embedder = embedder
        self.embedder_is_local = embedder_is_local
        self.index = index
        self.half_life_days = half_life_days
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
            return [Lookup(state=f"off (embedder failed: {error})")] * len(texts)
        found = await fx.offload(partial(self._search, parts, embedded, tenant, k, min_similarity))
        calls, count, seconds = embedded.calls, embedded.texts, embedded.seconds
        return [replace(found[0], embed_calls=calls, embed_texts=count, embed_seconds=seconds), *found[1:]]

    def _search(self, parts: "Parts", embedded: "Embedded", tenant: str, k: int, floor: float) -> list[Lookup]:
        from orchestrator_graph.memory.recalled import read_neighbours

        space, place = parts.space(tenant, embedded), (tenant, embedded.fingerprint)
        learning = parts.learning
        learning.ensure(place)
        hits, state = space.search(embedded.matrix, k)
        if not space.attached and (state != "empty" or parts.lacks(space.key)):
            parts.indexer.wake()
        near = [[hit for hit in line if hit[1] >= floor] for line in hits]
        ids = list({task_id for line in near for task_id, _ in line})
        known = read_neighbours(parts.ledger, tenant, ids, learning.rates(place), learning.half_life_s)
        return [
            Lookup(
                tuple(replace(known[task_id], similarity=cosine) for task_id, cosine in line if task_id in known),
                state,
                embed_model=embedded.fingerprint,
                vector=vector,
                appetites=learning.appetites(place),
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

    async def shared_budget(self, fx: Effects, name: str, limit_nusd: int, per: str) -> "LedgerBudget":
        """The budget of that name which all processes on this ledger draw on; `per` is `day` or `total`."""
        return (await self._opened(fx)).budget(name, limit_nusd, per)

    @property
    def version(self) -> tuple[int, ...]:
        """Changes with every write and every lesson of this process. Opens and reads nothing."""
        parts = self._parts
        return () if parts is None else (parts.ledger.writes, parts.learning.lessons)

    def flush(self, timeout_s: float = 10) -> None:
        """Waits until the index holds every row of the spaces in use, or is known to be away; learns what is new."""
        if (parts := self._parts) is not None:
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
            parts = Parts(self.where, self.embedder, self._learners, local=self.embedder_is_local, index=self.index)
            parts.learning.half_life_s = self.half_life_days * 86_400
            self._parts = parts
            # Also at interpreter exit: a daemon thread must not be inside Chroma's native code by then.
            self._finalizer = weakref.finalize(self, parts.close)
            return parts
