"""The built-in embedder: hashed character and word n-grams. No download, no state, the same on every machine.

It sees spelling, not meaning: rephrasings without shared words are far apart. Digits are folded to `0`, because which
numbers a task holds says little about who solves it. Signed feature hashing: Weinberger et al. 2009, arXiv:0902.2206.
"""

import re
import unicodedata
import zlib
from functools import lru_cache
from itertools import pairwise

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

__all__ = ["HashedEmbedder"]

_TOKEN = re.compile(r"\w+|[^\w\s]")
_DIGIT = re.compile(r"\d")
_LONGEST = 4_096
_TERM_FREQUENCY = np.round(1.0 + np.log(np.arange(1, _LONGEST * 8)), 4)
"""1 + ln(count), rounded so that no platform's logarithm shows in a vector."""


class HashedEmbedder(Embeddings):
    """Texts as unit vectors of signed, hashed 3- to 5-grams within words, words and word pairs.

    Args:
        dimension: Length of a vector.

    >>> HashedEmbedder().embed_query("Add 47 and 38") == HashedEmbedder().embed_query("  add 11 AND  22 ")
    True
    """

    def __init__(self, dimension: int = 384) -> None:
        self.dimension = dimension
        self.fingerprint = f"hashed-ngrams-1-{dimension}"

    def vector(self, text: str) -> NDArray[np.float32]:
        """The text's unit vector, shape (dimension,); only its first 4,096 characters count."""
        words = _TOKEN.findall(_DIGIT.sub("0", unicodedata.normalize("NFKC", text[:_LONGEST]).casefold()))
        parts = [_known(word) if len(word) <= _KEPT else _grams(word) for word in words] or [_grams("")]
        pairs = [zlib.crc32(_bytes(f"{a} {b}")) for a, b in pairwise(words)]
        hashes = np.concatenate([*parts, np.array(pairs, np.uint32)])
        features, counts = np.unique(hashes, return_counts=True)
        # CRC is linear: mixed first, else the sign would follow the bucket.
        mixed = features * np.uint32(2_654_435_761)
        weights = _TERM_FREQUENCY[counts - 1] * np.where(mixed & 64, 1.0, -1.0)
        vector = np.bincount((mixed >> 8) % self.dimension, weights, self.dimension)
        norm = float(np.sqrt(np.sum(vector * vector)))
        if norm == 0.0:  # every feature was cancelled by a collision
            vector[0] = norm = 1.0
        return (vector / norm).astype(np.float32)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One vector per text."""
        return [self.vector(text).tolist() for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """The vector of one text."""
        vector: list[float] = self.vector(text).tolist()
        return vector


def _grams(word: str) -> NDArray[np.uint32]:
    """Hashes of the word and of its 3- to 5-grams, the word's edges marked."""
    marked = f"\x02{word}\x03"
    grams = [marked[i : i + n] for n in (3, 4, 5) for i in range(len(marked) - n + 1)]
    hashes: NDArray[np.uint32] = np.array([zlib.crc32(_bytes(gram)) for gram in (word, *grams)], np.uint32)
    return hashes


_KEPT = 64
"""Characters of the longest word whose hashes are kept: others are no words that come again."""
_known = lru_cache(maxsize=20_000)(_grams)


def _bytes(gram: str) -> bytes:
    return gram.encode("utf-8", "surrogatepass")
