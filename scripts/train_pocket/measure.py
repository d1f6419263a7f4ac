"""Measures the shipped files with the shipped runtime, and writes portfolio.json."""

import hashlib
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from orchestrator_graph.pocket.families import FAMILIES, PocketTask, check, generate
from orchestrator_graph.pocket.family import FIELDS, Split
from orchestrator_graph.pocket.gguf import parse_gguf
from orchestrator_graph.pocket.network import Network
from orchestrator_graph.pocket.runtime import complete
from orchestrator_graph.pocket.weights import NAMES

PER_FAMILY = 200
MEASURE_SEED = 11


def tasks(split: Split, held_out: bool) -> list[PocketTask]:
    """As many tasks of each family."""
    return [t for name in FAMILIES for t in generate(split, PER_FAMILY, MEASURE_SEED, [name], held_out)]


def accuracies(network: Network, sample: Iterable[PocketTask]) -> dict[str, dict[str, float | int]]:
    """Accuracy and n per field and per family."""
    right: dict[str, list[bool]] = defaultdict(list)
    for task in sample:
        good = check(task, complete(network, task.prompt))
        right[task.field].append(good)
        right[task.family].append(good)
    return {key: {"accuracy": round(sum(hits) / len(hits), 4), "n": len(hits)} for key, hits in right.items()}


def entry(path: Path) -> tuple[dict[str, Any], Network]:
    """What the file itself says, and its digest."""
    data = path.read_bytes()
    file = parse_gguf(data, path.name)
    network = Network.from_gguf(file)
    return {
        "name": path.stem.removeprefix("pocket-"),
        "parameters": network.parameters,
        "file": path.name,
        "sha256": hashlib.sha256(data).hexdigest(),
        "context": network.context,
        "seed": file.metadata["pocket.seed"],
    }, network


def measure(package: Path, report: Callable[[str], None]) -> None:
    """Writes priors from the calibration split, and reports test figures, which are written nowhere."""
    models = []
    samples = {"seen": tasks("test", held_out=False), "held out": tasks("test", held_out=True)}
    calibration = tasks("calibration", held_out=False)
    for name in NAMES:
        path = package / f"pocket-{name}.gguf"
        facts, network = entry(path)
        models.append(facts | {"priors": accuracies(network, calibration)})
        for kind, sample in samples.items():
            started = time.perf_counter()
            figures = accuracies(network, sample)
            pace = (time.perf_counter() - started) / len(sample) * 1000
            overall = sum(figures[field]["accuracy"] * figures[field]["n"] for field in FIELDS) / len(sample)
            columns = " ".join(f"{key} {value['accuracy']:.3f}" for key, value in figures.items())
            report(f"{name:7} {kind:8} all {overall:.3f} | {columns} | {pace:.2f} ms/task")
    text = json.dumps({"split": "calibration", "measure_seed": MEASURE_SEED, "models": models}, indent=1)
    (package / "portfolio.json").write_text(text + "\n", encoding="utf-8")
