"""One vector space of one tenant: what Chroma holds of it, and what is committed but not there yet.

Every row of the ledger is found: in Chroma, or by the exact scan over the rest. While there are few, the scan goes over
all of them: it is faster than asking Chroma (docs/memory-scale.md) and misses none. Other processes' rows are seen too,
because the ledger is asked for newer rows at each search. An index on another machine is never shown a private task:
private searches scan everything, and the others do not find private tasks there.
"""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from orchestrator_graph.memory.index import Index
from orchestrator_graph.memory.ledger import Ledger
from orchestrator_graph.memory.scan import Hit, Rows, Snapshot, nearest

if TYPE_CHECKING:
    from chromadb.api.models.Collection import Collection

__all__ = ["Key", "Space"]

Key = tuple[str, str, int]
"""(tenant, embedder's fingerprint, dimension)."""

BATCH = 10
"""Rows per write: Chroma holds the GIL while it writes, 52 ms at p99 for one row, seconds for a thousand."""
FEW = 2_000
"""So many indexed rows are kept for the scan, too: 3 MB at 384 dimensions, .1 ms a look-up against 1.4."""


class Space:
    """Searches and indexes the vectors of one tenant under one embedder.

    Args:
        fill: Embeds what the ledger holds without a vector.
    """

    def __init__(
        self,
        key: Key,
        ledger: Ledger,
        index: Index,
        fill: Callable[[], None] | None = None,
    ) -> None:
        self.key = key
        self._ledger = ledger
        self._index = index
        self._fill = fill
        self._private = not index.elsewhere
        self._guard = threading.Lock()
        self._rows = Rows(key[2])
        self._few: Rows | None = None
        self._last = 0
        self._indexed = 0
        self._filled = False
        self._collection: Collection | None = None

    @property
    def attached(self) -> bool:
        """True when Chroma answers for this space."""
        return self._collection is not None

    @property
    def indexed(self) -> int:
        """Rows that are in Chroma."""
        return self._indexed

    def waiting(self) -> int:
        """Rows that are not in Chroma."""
        with self._guard:
            self._refresh()
            return len(self._rows)

    def search(self, queries: NDArray[np.float32], k: int, *, private: bool = False) -> tuple[list[list[Hit]], str]:
        """The k nearest of each query, best first, and the state of the memory."""
        if private and not self._private:
            everything = self._ledger.newer(*self.key[:2], 0)
            if everything.matrix is None:
                return [[] for _ in queries], "empty"
            hits = nearest(queries, Snapshot(everything.ids, 0, everything.matrix), k)
            return hits, "exact scan (index away: on another machine, and this is private)"
        with self._guard:
            self._refresh()
            rows, collection, indexed = self._rows.snapshot(), self._collection, self._indexed
            few = None if self._few is None else self._few.snapshot()
        hits = nearest(queries, rows, k)
        if not indexed and not len(rows.matrix):
            return hits, "empty"
        if collection is None:
            return hits, f"exact scan (index away: {self._index.away or 'being filled'})"
        if few is not None:
            both = zip(hits, nearest(queries, few, k), strict=True)
            return [_merge(scanned, known, k) for scanned, known in both], "ok"
        if not indexed:
            return hits, "ok"
        try:
            answer = collection.query(query_embeddings=queries, n_results=k, include=["distances"])
        except Exception as error:  # noqa: BLE001 - Chroma raises its own, Rust's and AttributeError once closed
            self._index.fail(f"a query failed: {type(error).__name__}")
            self.detach()
            return self.search(queries, k)
        distances = answer["distances"] or [[] for _ in queries]
        return [
            _merge(scanned, [(i, 1.0 - d) for i, d in zip(ids, line, strict=True)], k)
            for scanned, ids, line in zip(hits, answer["ids"], distances, strict=True)
        ], "ok"

    def _refresh(self) -> None:
        newer = self._ledger.newer(*self.key[:2], self._last, private=self._private)
        if newer.matrix is not None:
            self._rows.extend(newer.ids, newer.matrix)
        self._last = newer.last

    def fill(self) -> None:
        """Gives the ledger the vectors that this space lacks: once, and again after each `detach`."""
        if self._fill and not self._filled:
            self._fill()
            self._filled = True

    def attach(self) -> None:
        """Compares Chroma with the ledger; from here on only what Chroma lacks is scanned."""
        if self.attached:
            return
        # The ledger is asked last: every row is committed there before it comes here.
        collection, held = self._index.holding(*self.key)
        known = self._ledger.held(*self.key[:2], private=self._private)
        if strays := held - known:  # erased elsewhere, or of another ledger, or private
            held = held & known if self._index.without(collection, self.key, strays) else set()
            collection = self._index.collection(*self.key)
        rows, few, last = self._sorted(held)
        with self._guard:
            self._collection, self._rows, self._last, self._indexed = collection, rows, last, len(held)
            self._few = few

    def _sorted(self, held: set[str]) -> tuple[Rows, Rows | None, int]:
        """The ledger's rows that Chroma lacks; those that it holds, where they are few; the last one's place."""
        here = not self._index.address  # a server is asked: that it is gone has to be seen
        rows, few = Rows(self.key[2]), Rows(self.key[2]) if here and len(held) <= FEW else None
        total = self._ledger.census(*self.key[:2], private=self._private)
        if total[0] == len(held) and few is None:
            return rows, few, total[1]
        everything = self._ledger.newer(*self.key[:2], 0, private=self._private)
        for part, inside in ((rows, False), (few, True)):
            chosen = [i for i, task_id in enumerate(everything.ids) if (task_id in held) is inside]
            if part is not None and everything.matrix is not None:
                part.extend([everything.ids[i] for i in chosen], everything.matrix[chosen])
        return rows, few, everything.last

    def write_batch(self) -> bool:
        """Moves up to ten rows into Chroma; False when there was nothing to move."""
        with self._guard:
            self._refresh()
            rows, collection = self._rows, self._collection
            batch = rows.snapshot(BATCH)
        count = len(batch.matrix)
        if collection is None or not count:
            return False
        collection.upsert(ids=batch.ids[batch.start : batch.start + count], embeddings=batch.matrix)
        with self._guard:
            if rows is self._rows:  # else it was detached meanwhile
                rows.drop(count)
                self._indexed += count
                if self._indexed > FEW:
                    self._few = None
                elif self._few is not None:
                    self._few.extend(batch.ids[batch.start : batch.start + count], batch.matrix)
        return True

    def detach(self) -> None:
        """Back to the exact scan over all rows."""
        with self._guard:
            self._filled = False
            self._collection, self._rows, self._last, self._indexed = None, Rows(self.key[2]), 0, 0
            self._few = None


def _merge(scanned: list[Hit], indexed: list[Hit], k: int) -> list[Hit]:
    """The best k of both; a row that was moved meanwhile is in both."""
    return sorted({**dict(scanned), **dict(indexed)}.items(), key=lambda hit: -hit[1])[:k]
