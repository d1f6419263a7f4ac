"""How well the posterior of several voices is calibrated on recorded answers: with learnt collisions and without."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray

from benchmarks.recorded import Recorded
from orchestrator_graph.confidence.agreement import Collisions, Voice, posterior
from orchestrator_graph.confidence.reliability import reliability
from orchestrator_graph.types.history import History

Rows = NDArray[np.int64]


def calibrated(data: Recorded, said: NDArray[np.str_], forms: Mapping[str, str], seeds: int) -> Iterator[str]:
    """ECE and Brier score of the posterior over all pairs and over random triples of models."""
    yield "\n## Calibration of the posterior\n"
    yield "| voices | of | collisions | n | ECE | Brier | mean confidence | right |"
    yield "|---|---|---|---|---|---|---|---|"
    found: dict[tuple[int, str, str], list[tuple[float, float]]] = {}
    for seed in range(seeds):
        order = np.random.default_rng(seed).permutation(len(data))
        train, test = order[: len(data) // 2], order[len(data) // 2 :]
        learnt, prior = Collisions(), Collisions()
        learnt.learn(_history(data, said, train))
        rates: dict[str, Callable[..., float]] = {
            "learnt": learnt.rate, "prior": prior.rate, "none (independent)": lambda *_, **__: 0.0,
        }  # fmt: skip
        for size in (2, 3):
            _posteriors(data, said, forms, train, test, size, rates, found, np.random.default_rng(seed))
    for (size, kind, name), items in sorted(found.items()):
        confidence, right = np.array(items).T
        measured = reliability(confidence, right)
        yield (
            f"| {size} | {kind} | {name} | {len(items)} | {measured.ece:.3f} | {measured.brier:.3f} "
            f"| {confidence.mean():.3f} | {right.mean():.3f} |"
        )


def _posteriors(
    data: Recorded,
    said: NDArray[np.str_],
    forms: Mapping[str, str],
    train: Rows,
    test: Rows,
    size: int,
    rates: dict[str, Callable[..., float]],
    found: dict[tuple[int, str, str], list[tuple[float, float]]],
    rng: np.random.Generator,
) -> None:
    """Eight random groups of models per prompt; the likeliest answer's posterior and whether it is right."""
    believed = {kind: data.scores[train[data.categories[train] == kind]].mean(axis=0) for kind in forms}
    for row in test:
        kind = str(data.categories[row])
        for _ in range(8):
            group = rng.choice(len(data.models), size, replace=False)
            voices = [Voice(data.models[m], str(said[row, m]), float(believed[kind][m])) for m in group]
            if any(not voice.key for voice in voices):
                continue
            agree = "agreeing" if len({voice.key for voice in voices}) == 1 else "differing"
            for name, rate in rates.items():
                beliefs = posterior(voices, partial(rate, expects=forms[kind], task_type=kind))
                key = max(beliefs, key=lambda k: beliefs[k])
                score = next(data.scores[row, m] for m in group if said[row, m] == key)
                for label in (agree, "all"):
                    found.setdefault((size, label, name), []).append((beliefs[key], float(score >= 0.5)))


def _history(data: Recorded, said: NDArray[np.str_], rows: Rows) -> History:
    n = len(rows)
    return History(
        vectors=data.vectors[rows],
        scores=data.scores[rows],
        weights=np.ones((n, len(data.models))),
        candidates=data.models,
        task_types=tuple(data.categories[rows].tolist()),
        users=("",) * n,
        times=np.arange(n, dtype=float),
        said=said[rows],
    )
