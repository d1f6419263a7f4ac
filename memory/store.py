"""The memory as the rest of the system sees it: look up, remember, sum up. Opens at first use."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MethodType
from typing import TYPE_CHECKING
from weakref import WeakMethod

from orchestrator_graph.bounded import within
from orchestrator_graph.drive import Effects
from orchestrator_graph.errors import InputError, MemoryStoreError
from orchestrator_graph.memory.opening import Opening
from orchestrator_graph.memory.records import Lookup, RunRecord, TaskRecord
from orchestrator_graph.memory.worth import Rates

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings

    from orchestrator_graph.memory.parts import Parts
    from orchestrator_graph.memory.reservations import LedgerBudget
    from orchestrator_graph.memory.vectors import Embedded, VectorSource
    from orchestrator_graph.types.history import History

__all__ = ["Memory"]


class Memory(Opening):
    """Remembers tasks, decisions, calls and outcomes, and finds the tasks nearest to a new one.

    Args:
        where: A folder, or `postgresql://user:password@host:port/name`; `None` keeps everything in RAM.
        embedder: Any LangChain `Embeddings`, or what finds one at the first use; the built-in one if `None`.
        embedder_is_local: Private texts may be given to `embedder`. Else they use the built-in one, in its own space.
        half_life_days: After so many days a label counts for half; `math.inf` forgets nothing.
        index: `chroma://host:port`, or `none` for the exact scan alone; `None` = Chroma in the folder, else in RAM.

    Raises:
        InputError: `half_life_days` is no number above 0.
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
        if not half_life_days > 0:
            raise InputError(f"memory: half_life_days={half_life_days!r} is not above 0; math.inf forgets nothing")
        super().__init__()
        self.where = where
        self.embedder = embedder
        self.embedder_is_local = embedder_is_local
        self.index = index
        self.half_life_days = half_life_days
        self._learners: tuple[Callable[[History], None], ...] = ()
        self._unembedded = 0

    def taught(self, learn: "Callable[[History], None]") -> None:
        """Calls `learn` at the first lookup of a vector space and when much is new; to be said before the first use.

        A method is held weakly: whoever learns may be gone before the memory is closed.
        """
        if not isinstance(learn, MethodType):
            self._learners = (*self._learners, learn)
            return
        method = WeakMethod(learn)

        def weakly(history: "History") -> None:
            held = method()
            if held is not None:
                held(history)

        self._learners = (*self._learners, weakly)

    async def lookup(
        self,
        fx: Effects,
        texts: Sequence[str],
        *,
        tenant: str,
        private: bool = False,
        k: int = 8,
        min_similarity: float = 0.35,
        within_s: float | None = None,
    ) -> list[Lookup]:
        """For each text the remembered tasks of this tenant that are at least so similar, nearest first.

        A failing embedder, or more than `within_s` seconds, gives the state `off (...)`.

        Raises:
            MemoryStoreError: The ledger cannot be opened or read.
        """

        async def work(inner: Effects) -> list[Lookup]:
            parts = await self._opened(inner)
            from orchestrator_graph.memory.recalled import search

            try:
                embedded = await (parts.private if private else parts.public).embed(inner, texts)
            except MemoryStoreError as error:
                return [Lookup(state=f"off (embedder failed: {error})")] * len(texts)
            found = await inner.offload(partial(search, parts, embedded, tenant, k, min_similarity, private))
            calls, count, seconds = embedded.calls, embedded.texts, embedded.seconds
            return [replace(found[0], embed_calls=calls, embed_texts=count, embed_seconds=seconds), *found[1:]]

        try:
            return await within(fx, within_s, work) if texts else []
        except TimeoutError as error:
            return [Lookup(state=f"off ({error})")] * len(texts)

    async def remember(self, fx: Effects, record: RunRecord, *, within_s: float | None = None) -> None:
        """Commits a run: durable when it returns, and repeating it changes nothing.

        A task whose text cannot be embedded, or not within so many seconds, is remembered without a vector.

        Raises:
            MemoryStoreError: The ledger cannot be opened (within that time) or written.
        """
        opened = self._parts
        try:
            parts = await within(fx, within_s, self._opened) if opened is None else opened
        except TimeoutError as error:
            raise MemoryStoreError(f"memory: opening it: {error}") from None
        from orchestrator_graph.memory.rows import vector_row

        rows, fresh = [], list[tuple[tuple[str, str], int]]()
        for private, source in ((False, parts.public), (True, parts.private)):
            tasks = [task for task in record.tasks if task.private == private]
            embedded = await self._embedded(fx, source, tasks, within_s)
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

    async def _embedded(
        self, fx: Effects, source: "VectorSource", tasks: list[TaskRecord], within_s: float | None
    ) -> "Embedded | None":
        if not tasks:
            return None
        texts = [task.text for task in tasks]
        try:
            return await within(fx, within_s, lambda inner: source.embed(inner, texts))
        except (MemoryStoreError, TimeoutError):
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
        """Changes with every lesson and vote of this process; of erasing and importing it learns. Opens, reads nothing.

        Runs that were merely committed change nothing before the next lesson: after 8 labels or 5 %, or 60 s.
        """
        parts = self._parts
        return () if parts is None else (parts.learning.lessons, parts.learning.votes)

    def judge_rates(self, tenant: str, *, private: bool = False) -> Rates:
        """How often judges proved right about this tenant's answers, as last learnt. Opens, reads nothing."""
        if (parts := self._parts) is None:
            return Rates()
        return parts.learning.rates((tenant, (parts.private if private else parts.public).fingerprint))

    def flush(self, timeout_s: float = 10) -> None:
        """Waits until the index holds every row of the spaces in use, or is known to be away; learns what is new."""
        if (parts := self._parts) is not None:
            parts.indexer.flush(timeout_s)
            parts.learning.flush()

    def _made(self) -> "Parts":
        from orchestrator_graph.memory.parts import Parts

        parts = Parts(self.where, self.embedder, self._learners, local=self.embedder_is_local, index=self.index)
        parts.learning.half_life_s = self.half_life_days * 86_400
        return parts
