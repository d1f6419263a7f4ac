"""What an opened memory consists of, and how it is opened and closed. Imported at first use only: it is heavy."""

import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from langchain_core.embeddings import Embeddings

from orchestrator_graph.drive import SYNC, drive
from orchestrator_graph.errors import MemoryStoreError
from orchestrator_graph.memory.embedded import EmbeddedIndex
from orchestrator_graph.memory.embedder import HashedEmbedder
from orchestrator_graph.memory.generation import Generation
from orchestrator_graph.memory.index import Index, NoIndex
from orchestrator_graph.memory.indexer import Indexer
from orchestrator_graph.memory.learning import Learn, Learning
from orchestrator_graph.memory.ledger import Ledger
from orchestrator_graph.memory.reservations import LedgerBudget
from orchestrator_graph.memory.rows import storable, vector_row
from orchestrator_graph.memory.schema import embeddings
from orchestrator_graph.memory.server import ServerIndex
from orchestrator_graph.memory.space import Key, Space
from orchestrator_graph.memory.vectors import Embedded, VectorSource

__all__ = ["Parts"]

REFILL = 64


class Parts:
    """Ledger, index, background thread, embedders and the vector spaces in use.

    Raises:
        MemoryStoreError: The folder cannot be opened.
    """

    def __init__(
        self,
        where: str | Path | None,
        embedder: Embeddings | Callable[[], Embeddings | None] | None,
        learners: tuple[Learn, ...] = (),
        *,
        local: bool,
        index: str | None = None,
    ) -> None:
        url = where if isinstance(where, str) and "://" in where else None
        folder = None if where is None or url else Path(where).expanduser().absolute()
        self.ledger = Ledger(url or folder)
        try:
            if embedder is not None and not isinstance(embedder, Embeddings):
                embedder = embedder()
            self.index = _index_of(index, folder, self.ledger, lasting=where is not None)
            self.generation = Generation(self.ledger, folder if self.index.kind == "embedded" else None)
            self.index.claim()
        except BaseException:
            self.ledger.close()
            raise
        self.budgets: dict[tuple[str, int, str], LedgerBudget] = {}
        self.learning = Learning(self.ledger, learners)
        self.spaces: dict[Key, Space] = {}
        self.folder = folder
        self.indexer = Indexer(self.index, self.spaces, self.generation)
        builtin = VectorSource(HashedEmbedder(), free=True)
        self.public = VectorSource(embedder, free=local) if embedder else builtin
        self.private = self.public if local else builtin
        self._guard = threading.Lock()

    def space(self, tenant: str, embedded: Embedded) -> Space:
        """The space that these vectors of this tenant belong to."""
        key = (tenant, embedded.fingerprint, int(embedded.matrix.shape[1]))
        with self._guard:
            if key not in self.spaces:
                self.spaces[key] = Space(
                    key, self.ledger, self.index, partial(self._fill, tenant, embedded.fingerprint)
                )
            return self.spaces[key]

    def budget(self, name: str, limit_nusd: int, per: str) -> LedgerBudget:
        """The shared budget of that name and limit, the same object for all who ask."""
        key = (storable(name), limit_nusd, per)
        with self._guard:
            return self.budgets.setdefault(key, LedgerBudget(self.ledger, *key))

    def lacks(self, key: Key) -> bool:
        """Whether the ledger holds texts that this space is yet to be given."""
        source, kinds = self._home(key[1])
        return source.free and bool(self.ledger.bare(*key[:2], kinds, 1))

    def _home(self, fingerprint: str) -> tuple[VectorSource, list[bool]]:
        """Who makes a space's vectors, and of which texts: the open ones, the private ones."""
        source = self.public if fingerprint == self.public.fingerprint else self.private
        return source, [kind for kind, home in ((False, self.public), (True, self.private)) if home is source]

    def _fill(self, tenant: str, fingerprint: str) -> None:
        """Embeds what another embedder, or a failing one, left without a vector in this space."""
        source, kinds = self._home(fingerprint)
        if not source.free:  # nobody asked to pay for old texts
            return
        with suppress(MemoryStoreError):  # what cannot be embedded is not found; the next opening tries again
            while bare := self.ledger.bare(tenant, fingerprint, kinds, REFILL):
                matrix = drive(source.embed(SYNC, [text for _, text in bare])).matrix
                rows = zip(bare, matrix, strict=True)
                lines = [vector_row(task_id, tenant, fingerprint, line) for (task_id, _), line in rows]
                self.ledger.insert([(embeddings, lines)])

    def close(self) -> None:
        """Ends the thread, then closes index and ledger."""
        self.learning.stop()
        self.indexer.stop()
        self.index.close()
        self.ledger.close()


def _index_of(wanted: str | None, folder: Path | None, ledger: Ledger, *, lasting: bool) -> Index:
    """The index that was asked for; by default beside the ledger: in its folder, else in RAM."""
    if wanted is None:
        return EmbeddedIndex(folder) if folder else Index()
    if wanted == "none":
        return NoIndex()
    server = ServerIndex(wanted, ledger)
    if not lasting:
        raise MemoryStoreError(
            f"memory index={wanted!r}: a server outlives a ledger in RAM; name a folder or a database"
        )
    return server
