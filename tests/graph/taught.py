"""A memory of real pocket answers, as learners are given it: what was said, how surely, and whether it was right."""

from functools import cache

import numpy as np

from orchestrator_graph import Orchestrator
from orchestrator_graph.confidence.normalise import fingerprint
from orchestrator_graph.memory import HashedEmbedder
from orchestrator_graph.nodes.features import read_features
from orchestrator_graph.pocket import PocketChat, PocketTask, check, generate
from orchestrator_graph.types.history import History

MODELS = ("small", "medium")
FAMILIES = ["compare", "add", "times", "count"]


@cache
def history(n: int = 300) -> History:
    """The first `n` calibration tasks of four families, answered by the two generalists."""
    tasks = generate("calibration", n, seed=5, families=FAMILIES)
    rows = [[_answered(name, task) for name in MODELS] for task in tasks]
    embedder, features = HashedEmbedder(), [read_features(task.prompt) for task in tasks]
    return History(
        vectors=np.array([embedder.vector(f.text) for f in features], np.float32),
        scores=np.array([[right for right, _, _ in row] for row in rows]),
        weights=np.ones((n, len(MODELS))),
        candidates=tuple(f"pocket:{name}" for name in MODELS),
        task_types=tuple(f.task_type for f in features),
        users=("",) * n,
        times=1.7e9 + np.arange(n, dtype=np.float64),
        space="taught",  # what the run itself remembers lies in another one
        signals={key: np.array([[told[key] for _, told, _ in row] for row in rows]) for key in ("probability", "mean")},
        said=np.array(
            [[fingerprint(text, f.expects) for _, _, text in row] for row, f in zip(rows, features, strict=True)]
        ),
    )


def _answered(name: str, task: PocketTask) -> tuple[float, dict[str, float], str]:
    answer = PocketChat(model=name, logprobs=True).invoke(task.prompt)
    values = [token["logprob"] for token in answer.response_metadata["logprobs"]["content"]] or [0.0]
    end = answer.response_metadata["end_logprob"] or 0.0
    told = {"probability": float(np.exp(sum(values) + end)), "mean": float(np.exp(np.mean(values)))}
    return float(check(task, str(answer.content))), told, str(answer.content)


def teach(orchestrator: Orchestrator, known: History) -> None:
    """Lets everything that learns about confidence learn from it."""
    services = orchestrator.services
    for learner in (services.collisions, services.calibration, services.shifts, services.replay):
        learner.learn(known)
