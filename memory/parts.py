"""What an opened memory consists of, and how it is opened and closed. Imported at first use only: it is heavy."""

import threading
from contextlib import suppress
from functools import partial
from pathlib import Path

from langchain_core.embeddings import Embeddings

from orchestrator_graph.drive import SYNC, drive
from orchestrator_graph.errors import MemoryStoreError
from orchestrator_graph.memory.embedder import HashedEmbedder
from orchestrator_graph.memory.index import ChromaIndex
from orchestrator_graph.memory.indexer import Indexer
from orchestrator_graph.memory.learning import Learn, Learning
from orchestrator_graph.memory.ledger import Ledger, vector_row
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
        self, where: str | Path | None, embedder: Embeddings | None, learners: tuple[Learn, ...] = (), *, local: bool
    ) -> None:
        if where is not None and "://" in str(where):
            raise MemoryStoreError(f"memory={str(where)!r}: only a folder, or None for RAM, can be opened")
        folder = Path(where).expanduser().absolute() if where is not None else None
        self.ledger = Ledger(folder)
        self.index = ChromaIndex(folder)
        self.index.claim()
        self.learning = Learning(self.ledger, learners)
        self.spaces: dict[Key, Space] = {}
        self.indexer = Indexer(self.index, self.spaces)
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

    def _fill(self, tenant: str, fingerprint: str) -> None:
        """Embeds what another embedder, or a failing one, left without a vector in this space."""
        source = self.public if fingerprint == self.public.fingerprint else self.private
        if not source.free:  # nobody asked to pay for old texts
            return
        kinds = [kind for kind, home in ((False, self.public), (True, self.private)) if home is source]
        with suppress(MemoryStoreError):  # what cannot be embedded is not found; the next opening tries again
            while bare := self.ledger.bare(tenant, fingerprint, kinds, REFILL):
                matrix = drive(source.embed(SYNC, [text for _, text in bare])).matrix
                rows = zip(bare, matrix, strict=True)
                self.ledger.add_vectors([vector_row(task_id, tenant, fingerprint, line) for (task_id, _), line in rows])

    def close(self) -> None:
        """Ends the thread, then closes index and ledger."""
        self.learning.stop()
        self.indexer.stop()
        self.index.close()
        self.ledger.close()
