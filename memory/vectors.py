"""Checked unit vectors from any embedder, each text embedded once. Knows neither ledger nor index."""

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from orchestrator_graph.drive import Effects
from orchestrator_graph.errors import MemoryStoreError
from orchestrator_graph.memory.embedder import HashedEmbedder

__all__ = ["Embedded", "VectorSource"]

Vector = NDArray[np.float32]

NAMES = ("model", "model_name", "model_id", "repo_id", "deployment")
"""Where LangChain's embedders say which model they ask."""
CACHE_BYTES = 8 * 2**20


@dataclass(frozen=True, slots=True)
class Embedded:
    """Unit vectors, shape (texts, dimension), and what they cost.

    Attributes:
        fingerprint: Embedder, model and dimension: vectors of two fingerprints are never compared.
        calls: Calls to an embedder other than the built-in one.
    """

    matrix: Vector
    fingerprint: str
    calls: int = 0
    texts: int = 0
    seconds: float = 0.0


class VectorSource:
    """One embedder behind a cache of its last vectors.

    Args:
        free: The embedder may be asked unbidden (to embed again what has no vector): built-in or local.
        limit: Bytes of vectors that are kept.
    """

    def __init__(self, embedder: Embeddings, *, free: bool, limit: int = CACHE_BYTES) -> None:
        self.free = free
        self.calls = 0
        self.seconds = 0.0
        self._embedder = embedder
        self._limit = limit
        self._cache: OrderedDict[bytes, Vector] = OrderedDict()
        self._guard = threading.Lock()
        self.dimension = embedder.dimension if isinstance(embedder, HashedEmbedder) else 0

    @property
    def fingerprint(self) -> str:
        """Names the vector space; `""` until a foreign embedder has shown its dimension."""
        if isinstance(self._embedder, HashedEmbedder):
            return self._embedder.fingerprint
        return f"{self._name}-{self.dimension}" if self.dimension else ""

    @property
    def _name(self) -> str:
        named = [type(self._embedder).__name__, *(getattr(self._embedder, name, None) for name in NAMES)]
        return ":".join(dict.fromkeys(name for name in named if name and isinstance(name, str)))

    def clear(self) -> None:
        """Forgets the cached vectors."""
        with self._guard:
            self._cache.clear()

    async def embed(self, fx: Effects, texts: Sequence[str]) -> Embedded:
        """The texts' vectors in order.

        Raises:
            MemoryStoreError: The embedder failed, or its vectors are not finite, non-zero and of one dimension.
        """
        with self._guard:
            known = {text: self._cache[key] for text in texts if (key := _key(text)) in self._cache}
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        begun, calls = time.perf_counter(), 0
        if missing:
            calls = 0 if isinstance(self._embedder, HashedEmbedder) else 1
            known.update(zip(missing, await self._ask(fx, missing), strict=True))
        seconds = time.perf_counter() - begun if calls else 0.0
        with self._guard:
            self.calls, self.seconds = self.calls + calls, self.seconds + seconds
            for text in texts:
                self._cache[_key(text)] = known[text].copy()  # a row would keep its whole batch alive
                self._cache.move_to_end(_key(text))
            while len(self._cache) * 4 * self.dimension > self._limit:
                self._cache.popitem(last=False)
        matrix = np.stack([known[text] for text in texts])
        return Embedded(matrix, self.fingerprint, calls, len(missing) if calls else 0, seconds)

    async def _ask(self, fx: Effects, texts: list[str]) -> Vector:
        embedder = self._embedder
        if isinstance(embedder, HashedEmbedder):
            return await fx.offload(lambda: np.stack([embedder.vector(text) for text in texts]))
        try:
            raw = await fx.run(lambda: embedder.embed_documents(texts), lambda: embedder.aembed_documents(texts))
        except Exception as error:
            raise MemoryStoreError(f"embedder {self._name}: {type(error).__name__}: {error}") from error
        return self._checked(raw, len(texts))

    def _checked(self, raw: Sequence[Sequence[float]], wanted: int) -> Vector:
        try:
            matrix = np.asarray(raw, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise MemoryStoreError(f"embedder {self._name}: its vectors are not rows of numbers: {error}") from None
        if matrix.ndim != 2 or len(matrix) != wanted or not matrix.shape[1]:
            raise MemoryStoreError(f"embedder {self._name}: {wanted} texts gave an array of shape {matrix.shape}")
        dimension = int(matrix.shape[1])
        if self.dimension not in (0, dimension):
            raise MemoryStoreError(f"embedder {self._name}: dimension {dimension}, but it was {self.dimension} before")
        if not np.isfinite(matrix).all():
            raise MemoryStoreError(f"embedder {self._name}: a vector holds NaN or infinity")
        norms = np.linalg.norm(matrix, axis=1, keepdims=True)
        if not norms.all():
            raise MemoryStoreError(f"embedder {self._name}: a vector is all zeros")
        self.dimension = dimension
        unit: Vector = (matrix / norms).astype(np.float32)
        return unit


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
