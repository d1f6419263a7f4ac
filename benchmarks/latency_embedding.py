"""What embedding one text takes: the built-in embedder, and MiniLM in Ollama ($OLLAMA_HOST)."""

import os
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.latency_decisions import spread
from benchmarks.latency_selector import MODEL, SKIPPED
from benchmarks.memory_tasks import texts
from orchestrator_graph import Orchestrator
from orchestrator_graph.memory import HashedEmbedder

__all__ = ["embedding"]


def embedding() -> Iterator[str]:
    """Milliseconds per text, one at a time."""
    yield "| embedder | texts | ms a text, p50 / p99 |"
    yield "|---|---|---|"
    yield f"| built-in | 2,000 | {spread(_each(HashedEmbedder().vector, texts(7, 2_000)))} |"
    if not os.environ.get("OLLAMA_HOST"):
        yield f"| MiniLM in Ollama | | {SKIPPED} |"
        return
    with Orchestrator([MODEL]) as orchestrator:
        embedder = orchestrator.gateway.embeddings("ollama:all-minilm")
        embedder.embed_query("first")  # loads the model
        yield f"| MiniLM in Ollama | 300 | {spread(_each(embedder.embed_query, texts(7, 300)))} |"


def _each(embed: Callable[[str], object], given: Sequence[str]) -> NDArray[np.float64]:
    seconds = []
    for text in given:
        began = time.perf_counter()
        embed(text)
        seconds.append(time.perf_counter() - began)
    return np.array(seconds)
