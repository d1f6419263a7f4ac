"""The benchmark of cascades for three models in a real Ollama: every call goes through the gateway to the server.

The small, the maths and the medium pocket model, put into a server of its own; each (task, model) is run once. Then the
same resplits as `benchmarks/cascade.py`; and whole runs of the product's own graph against that server.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from langchain_core.messages import HumanMessage

from benchmarks.cascade import resplit, table
from benchmarks.cascade_told import Told
from orchestrator_graph import Orchestrator
from orchestrator_graph.confidence.normalise import fingerprint
from orchestrator_graph.confidence.signals import signals_of
from orchestrator_graph.drive import SYNC, drive
from orchestrator_graph.evaluation.plan import plan_profile
from orchestrator_graph.evaluation.profile import carry_out
from orchestrator_graph.evaluation.tasks import read_tasks
from orchestrator_graph.gateway.door import Gateway
from orchestrator_graph.gateway.pocket import pocket_specs
from orchestrator_graph.memory import HashedEmbedder, Memory
from orchestrator_graph.nodes.features import read_features
from orchestrator_graph.pocket import PocketTask, check, generate, modelfile
from orchestrator_graph.registry.spec import ModelSpec
from orchestrator_graph.types import Request

ROOT = Path(__file__).parents[1]
NAMES = ("small", "maths", "medium")


def main() -> None:
    """Starts the server, asks, measures, prints markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=700)
    parser.add_argument("--train", type=int, default=300)
    options = parser.parse_args()
    sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests" / "real")]
    from real_ollama import ollama_binary
    from real_server import add_from_modelfile, serve

    tasks = list({t.prompt: t for t in generate("test", 2 * options.tasks, seed=7)}.values())[: options.tasks]
    with (
        tempfile.TemporaryDirectory(prefix="ollama-") as folder,
        serve(ollama_binary(), Path(folder), {"OLLAMA_NO_CLOUD": "1"}) as server,
    ):
        for name in NAMES:
            add_from_modelfile(server, f"pocket-{name}", modelfile(name))
        specs = [
            replace(spec, model=f"ollama:pocket-{spec.name}", base_url=server.url)
            for spec in pocket_specs().values()
            if spec.name in NAMES
        ]
        said = asked(specs, tasks)
        for line in table(resplit(said, options.train, 5), said):
            print(line, flush=True)
        print(f"\n{in_graph(specs, said, tasks, options.train)}")


def asked(specs: Sequence[ModelSpec], tasks: Sequence[PocketTask]) -> Told:
    """Each model on each task, once, through the gateway."""
    gateway, embedder = Gateway(list(specs), environ={}), HashedEmbedder()
    drive(gateway.portfolio(SYNC))
    rows = []
    for task in tasks:
        requests = [
            (spec.id, gateway.lease(f"{time.monotonic_ns()}", cap_nusd=None, deadline_s=None)) for spec in specs
        ]
        request = Request((HumanMessage(task.prompt),))
        rows.append([drive(gateway.call(SYNC, name, request, lease)) for name, lease in requests])
    gateway.close()
    features = [read_features(task.prompt) for task in tasks]
    said = [[fingerprint(a.text, f.expects) for a in row] for row, f in zip(rows, features, strict=True)]
    right = [[float(check(task, a.text)) for a in row] for row, task in zip(rows, tasks, strict=True)]
    return Told(
        specs=tuple(specs),
        features=features,
        signals=[[[signals_of(a)] for a in row] for row in rows],
        said=np.array(said)[:, :, None],
        right=np.array(right)[:, :, None],
        costs=np.array([[float(a.cost_nusd) for a in row] for row in rows])[:, :, None],
        vectors=np.array([embedder.vector(f.text) for f in features], np.float32),
    )


def in_graph(specs: Sequence[ModelSpec], said: Told, tasks: Sequence[PocketTask], labelled: int) -> str:
    """Whole runs on the tasks that are not labelled, under three trade-offs; the labelled ones taught everything."""
    best = int(np.argmax(said.right[:labelled, :, 0].mean(axis=0)))
    rest = slice(labelled, None)
    alone, price = said.right[rest, best, 0].mean(), said.costs[rest, best, 0].mean()
    lines = [
        "| product's own graph | accuracy | nano-dollars | asked again | accepted, of which right |",
        "|---|---|---|---|---|",
        f"| {said.models[best]} alone | {alone:.3f} | {price:,.0f} | - | - |",
    ]
    with (
        tempfile.TemporaryDirectory() as folder,
        Orchestrator(list(specs), memory=Memory(folder, index="none")) as orchestrator,
    ):
        profiled(orchestrator, Path(folder), tasks[:labelled])
        for tradeoff in ("cheap", "balanced", "best"):
            found = [orchestrator.run(task.prompt, {"tradeoff": tradeoff}) for task in tasks[rest]]
            results = [out["results"]["1"] for out in found]
            right = np.array([check(t, r["answer"]) for t, r in zip(tasks[rest], results, strict=True)])
            sure = np.array([r["status"] == "accepted" for r in results])
            paid = np.mean([out["bill"]["total_nusd"] for out in found])
            again = np.mean([r["escalations"] > 0 for r in results])
            told = f"{sure.mean():.0%}, {right[sure].mean():.3f}"
            lines.append(f"| {tradeoff} | {right.mean():.3f} | {paid:,.0f} | {again:.0%} | {told} |")
    return "\n".join(lines)


def profiled(orchestrator: Orchestrator, folder: Path, tasks: Sequence[PocketTask]) -> None:
    """All models on these tasks, as `orchestrator models profile` does it; then everything is learnt."""
    path = folder / "tasks.jsonl"
    path.write_text("\n".join(json.dumps({"task": t.prompt, "answer": t.answer}) for t in tasks), encoding="utf-8")
    first, *others = drive(orchestrator.gateway.portfolio(SYNC))
    plan = drive(plan_profile(SYNC, orchestrator.services, first, read_tasks(path), 1.0, others))
    drive(carry_out(SYNC, orchestrator.services, plan))
    orchestrator.decide(tasks[0].prompt)
    orchestrator.memory.flush()


if __name__ == "__main__":
    main()
