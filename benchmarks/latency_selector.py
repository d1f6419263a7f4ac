"""An LLM as selector beside the router: what a choice takes and how good it is, on the outcomes of the pocket models.

SmolLM2 in Ollama ($OLLAMA_HOST) is asked through the product's own decider which model shall do a task. Its first choice
stands, unmixed with other estimates; where it made none, the router's does. Embedding is timed here, too.
"""

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.latency_decisions import POLICY, spread
from benchmarks.learning import Rows, decided, family_table, remembered
from benchmarks.memory_tasks import texts
from benchmarks.pocket_runs import PocketRuns, pocket_runs
from benchmarks.routing.ours import situations
from orchestrator_graph import Orchestrator
from orchestrator_graph.drive import SYNC, drive
from orchestrator_graph.gateway.pocket import pocket_specs
from orchestrator_graph.memory import HashedEmbedder
from orchestrator_graph.nodes.decider import ask_decider
from orchestrator_graph.nodes.io import LENT, Io
from orchestrator_graph.nodes.situation import situation
from orchestrator_graph.routing.decider import Decider
from orchestrator_graph.routing.defaults import default_estimators
from orchestrator_graph.routing.estimator import Learner
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Candidate, Subtask, new_id
from orchestrator_graph.types.history import History

__all__ = ["embedding", "selection"]

Array = NDArray[np.float64]

WATTS = 15.0
"""Assumed of one busy core; energies are CPU seconds times this."""
SKIPPED = "skipped: no Ollama ($OLLAMA_HOST)"
MODEL = "ollama:smollm2"
TASKS, REMEMBERED = 600, 300


def embedding() -> Iterator[str]:
    """Milliseconds per text, one at a time."""
    yield "| embedder | texts | ms a text, p50 / p99 |"
    yield "|---|---|---|"
    built_in = HashedEmbedder()
    yield f"| built-in | 2,000 | {spread(_each(built_in.vector, texts(7, 2_000)))} |"
    if not os.environ.get("OLLAMA_HOST"):
        yield f"| MiniLM in Ollama | | {SKIPPED} |"
        return
    with Orchestrator([MODEL], embedder="ollama:all-minilm") as orchestrator:
        embedder = orchestrator.memory.embedder
        assert embedder is not None
        embedder.embed_query("first")
        yield f"| MiniLM in Ollama | 300 | {spread(_each(embedder.embed_query, texts(7, 300)))} |"


def _each(work: "Callable[[str], object]", given: Sequence[str]) -> Array:
    seconds = []
    for text in given:
        began = time.perf_counter()
        work(text)
        seconds.append(time.perf_counter() - began)
    return np.array(seconds)
