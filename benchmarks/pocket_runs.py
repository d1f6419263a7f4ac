"""Every pocket model on every task, run once for real and stored: the ground truth of the pocket benchmarks."""

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from orchestrator_graph.gateway.pocket import pocket_specs
from orchestrator_graph.memory import HashedEmbedder
from orchestrator_graph.nodes.features import read_features
from orchestrator_graph.pocket import PocketChat, PocketTask, check, generate
from orchestrator_graph.types import Features

Array = NDArray[np.float64]

__all__ = ["PocketRuns", "minilm", "pocket_runs"]


@dataclass(frozen=True)
class PocketRuns:
    """n tasks by m models: right or not (0/1), cost in nano-dollars, seconds; all of shape (n, m)."""

    tasks: list[PocketTask]
    features: list[Features]
    models: tuple[str, ...]
    scores: Array
    costs: Array
    seconds: Array

    @property
    def hashed(self) -> NDArray[np.float32]:
        """The built-in embedder's vectors, shape (n, 384)."""
        embedder = HashedEmbedder()
        return np.array([embedder.vector(features.text) for features in self.features], np.float32)


def pocket_runs(n: int, *, held_out: bool, folder: Path) -> PocketRuns:
    """Answers of all models to `n` tasks of the test split, from the folder or made now (a few milliseconds each)."""
    tasks = generate("test", n, seed=2026, held_out=held_out)
    specs = pocket_specs()
    path = folder / f"pocket-{n}-{'held-out' if held_out else 'seen'}.npz"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        print(f"running {len(specs)} pocket models on {n} tasks", file=sys.stderr)
        found = np.array([_run(name.partition(":")[2], tasks) for name in specs])
        np.savez(path, rows=found, prompts=np.array([task.prompt for task in tasks]))
    stored = np.load(path, allow_pickle=False)
    if stored["prompts"].tolist() != [task.prompt for task in tasks]:
        raise SystemExit(f"{path} holds other tasks: remove it")
    right, tokens_in, tokens_out, seconds = (stored["rows"][:, :, i].T for i in range(4))
    costs = np.array([
        [spec.cost_nusd(int(i), int(o)) for spec, i, o in zip(specs.values(), ins, outs, strict=True)]
        for ins, outs in zip(tokens_in, tokens_out, strict=True)
    ], float)  # fmt: skip
    return PocketRuns(tasks, [read_features(t.prompt) for t in tasks], tuple(specs), right, costs, seconds)


def _run(name: str, tasks: list[PocketTask]) -> list[tuple[float, float, float, float]]:
    model, rows = PocketChat(model=name), []
    for task in tasks:
        begun = time.perf_counter()
        answer = model.invoke(task.prompt)
        usage = answer.usage_metadata or {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
        spent = time.perf_counter() - begun
        rows.append((float(check(task, str(answer.content))), usage["input_tokens"], usage["output_tokens"], spent))
    return rows


def minilm(runs: PocketRuns, name: str, folder: Path) -> NDArray[np.float32] | None:
    """all-MiniLM-L6-v2's vectors from a running Ollama ($OLLAMA_HOST), stored; `None` where there is none."""
    path = folder / f"minilm-{name}-{len(runs.tasks)}.npz"
    if not path.is_file():
        host = os.environ.get("OLLAMA_HOST")
        if not host:
            return None
        from ollama import Client

        client = Client(host)
        texts = [features.text for features in runs.features]
        with ThreadPoolExecutor(1) as pool:
            parts = list(pool.map(lambda i: client.embed("all-minilm", texts[i : i + 64]), range(0, len(texts), 64)))
        np.savez(path, vectors=np.array([row for part in parts for row in part.embeddings], np.float32))
    vectors: NDArray[np.float32] = np.load(path, allow_pickle=False)["vectors"]
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def as_json(value: object) -> str:
    """Numbers of NumPy included."""
    return json.dumps(value, default=float)
