"""Answers of the pocket models with the log-probabilities of every token, each run once for real and stored.

Sample 0 is the greedy answer; samples 1, 2 ... are drawn as the gateway draws them for best-of-N. Run as a program it
makes what the benchmarks of calibration and of cascades read.
"""

import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from orchestrator_graph.gateway.parameters import SAMPLE_TEMPERATURE
from orchestrator_graph.gateway.pocket import pocket_specs
from orchestrator_graph.memory import HashedEmbedder
from orchestrator_graph.nodes.features import read_features
from orchestrator_graph.pocket import PocketChat, PocketTask, check, generate
from orchestrator_graph.types import Attempt, Features, TokenLogprob, Usage

__all__ = ["FOLDER", "PocketSignals", "pocket_signals"]

Array = NDArray[np.float64]

Row = tuple[str, tuple[float, float, float], list[float], list[float]]
"""Text, (tokens in, tokens out, end's log-probability), log-probabilities, those of the best alternatives."""

FOLDER = Path("build/pocket-signals")
DRAWN, SAMPLED = 20_000, 8_000
SAMPLES = (1, 2, 3, 4)
PART = 500


@dataclass(frozen=True)
class PocketSignals:
    """n tasks by m models by s samples.

    Attributes:
        models: Registry ids, length m.
        samples: Which samples these are, length s; 0 = greedy.
        right: Shape (n, m, s), 1 where the answer is right.
        tokens_in: Shape (n, m, s).
        tokens_out: Shape (n, m, s).
        costs: Shape (n, m, s), nano-dollars.
        texts: The answers, by `[task][model][sample]`.
        ends: Shape (n, m, s), log-probability of the end token; NaN where the answer ran into its limit.
    """

    tasks: Sequence[PocketTask]
    features: Sequence[Features]
    models: tuple[str, ...]
    samples: tuple[int, ...]
    right: Array
    tokens_in: Array
    tokens_out: Array
    costs: Array
    texts: Sequence[Sequence[Sequence[str]]]
    ends: Array
    starts: NDArray[np.int64]
    logprobs: NDArray[np.float32]
    runners_up: NDArray[np.float32]

    def attempt(self, task: int, model: int, sample: int = 0) -> Attempt:
        """One answer as the gateway hands it on; `sample` counts within `samples`."""
        first, last = self.starts[task, model, sample]
        text, end = self.texts[task][model][sample], float(self.ends[task, model, sample])
        # A byte of a longer character is no character: then only the number of tokens is known.
        tokens = text if len(text) == last - first else "\ufffd" * int(last - first)
        pairs = zip(tokens, self.logprobs[first:last].tolist(), self.runners_up[first:last].tolist(), strict=True)
        usage = Usage(int(self.tokens_in[task, model, sample]), int(self.tokens_out[task, model, sample]))
        return Attempt(
            id=f"{task}/{model}/{sample}",
            model=self.models[model],
            purpose="execute",
            text=text,
            usage=usage,
            cost_nusd=int(self.costs[task, model, sample]),
            logprobs=tuple(TokenLogprob(token, value, other) for token, value, other in pairs),
            end_logprob=None if np.isnan(end) else end,
        )

    @cached_property
    def hashed(self) -> NDArray[np.float32]:
        """The built-in embedder's vectors, shape (n, 384)."""
        embedder = HashedEmbedder()
        return np.array([embedder.vector(features.text) for features in self.features], np.float32)


def pocket_signals(
    n: int | None = None, *, samples: tuple[int, ...] = (0,), held_out: bool = False, folder: Path = FOLDER
) -> PocketSignals:
    """Answers to the first `n` of some 17,700 tasks of the test split, no two alike; stored, else made now.

    The first tasks are the same ones whatever `n`.
    """
    drawn = generate("test", DRAWN, seed=2026, held_out=held_out)
    tasks = list({task.prompt: task for task in drawn}.values())[:n]
    n = len(tasks)
    specs = pocket_specs()
    name = f"{'held-out' if held_out else 'seen'}-{n}-{''.join(map(str, samples))}"
    path = folder / f"{name}.npz"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        print(f"running {len(specs)} pocket models on {n} tasks, samples {samples}", file=sys.stderr)
        np.savez_compressed(path, **_run_all([key.partition(":")[2] for key in specs], tasks, samples))
    with np.load(path, allow_pickle=False) as stored:
        found = {key: stored[key] for key in stored.files}
    if found["prompts"].tobytes().decode() != "\0".join(task.prompt for task in tasks):
        raise SystemExit(f"{path} holds other tasks: remove it")
    shape = (len(specs), n, len(samples))
    tokens_in, tokens_out, ends = (found["numbers"][:, i].reshape(shape).transpose(1, 0, 2) for i in range(3))
    costs = np.stack([
        np.vectorize(spec.cost_nusd, otypes=[float])(tokens_in[:, i].astype(int), tokens_out[:, i].astype(int))
        for i, spec in enumerate(specs.values())
    ], axis=1)  # fmt: skip
    flat = np.array(found["texts"].tobytes().decode().split("\0"), object).reshape(shape).transpose(1, 0, 2)
    right = np.array([[[check(t, text) for text in row] for row in rows] for t, rows in zip(tasks, flat, strict=True)])
    bounds = np.concatenate([[0], np.cumsum(found["lengths"])])
    return PocketSignals(
        tasks=tasks,
        features=[read_features(task.prompt) for task in tasks],
        models=tuple(specs),
        samples=samples,
        right=right.astype(float),
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        costs=costs,
        texts=flat.tolist(),
        ends=ends,
        starts=np.stack([bounds[:-1], bounds[1:]], axis=1).reshape(*shape, 2).transpose(1, 0, 2, 3),
        logprobs=found["logprobs"],
        runners_up=found["runners_up"],
    )


def _run_all(
    names: Sequence[str], tasks: Sequence[PocketTask], samples: tuple[int, ...]
) -> dict[str, NDArray[np.generic]]:
    """Flat arrays in the order model, task, sample."""
    jobs = [(name, [t.prompt for t in tasks[i : i + PART]]) for name in names for i in range(0, len(tasks), PART)]
    with ProcessPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        rows = [row for part in pool.map(_run, *zip(*jobs, strict=True), repeat(samples)) for row in part]
    texts, numbers, own, others = zip(*rows, strict=True)
    return {
        "prompts": np.frombuffer("\0".join(task.prompt for task in tasks).encode(), np.uint8),
        "texts": np.frombuffer("\0".join(text.replace("\0", "\ufffd") for text in texts).encode(), np.uint8),
        "numbers": np.array(numbers, np.float64),
        "lengths": np.array([len(values) for values in own], np.int64),
        "logprobs": np.array([value for values in own for value in values], np.float32),
        "runners_up": np.array([value for values in others for value in values], np.float32),
    }


def _run(name: str, prompts: Sequence[str], samples: tuple[int, ...]) -> list[Row]:
    model, rows = PocketChat(model=name, logprobs=True, top_logprobs=2), list[Row]()
    for prompt in prompts:
        for sample in samples:
            answer = model.invoke(prompt, temperature=SAMPLE_TEMPERATURE if sample else 0.0, seed=sample)
            content, end = answer.response_metadata["logprobs"]["content"], answer.response_metadata["end_logprob"]
            usage = answer.usage_metadata or {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
            numbers = (usage["input_tokens"], usage["output_tokens"], np.nan if end is None else end)
            others = [_runner_up(item) for item in content]
            rows.append((str(answer.content), numbers, [item["logprob"] for item in content], others))
    return rows


def _runner_up(item: dict[str, object]) -> float:
    """Log-probability of the likeliest token that was not taken."""
    top: list[dict[str, float | str]] = item["top_logprobs"]  # type: ignore[assignment]
    return max((float(other["logprob"]) for other in top if other["token"] != item["token"]), default=-np.inf)


if __name__ == "__main__":
    pocket_signals()
    pocket_signals(SAMPLED, samples=SAMPLES)
