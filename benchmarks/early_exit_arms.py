"""Two arms of a cascade on the same tasks, run for real: the first model heard out, and given up early."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from langchain_core.messages import HumanMessage
from numpy.typing import NDArray

from orchestrator_graph.confidence.calibration import Calibration
from orchestrator_graph.confidence.early import give_up_below
from orchestrator_graph.confidence.signals import signals_of
from orchestrator_graph.drive import SYNC, drive
from orchestrator_graph.gateway.door import Gateway
from orchestrator_graph.nodes.features import read_features
from orchestrator_graph.types import Attempt, Request

__all__ = ["Arm", "Asked", "Learnt", "Pairs", "Task", "by_family", "compared", "saved"]

Array = NDArray[np.float64]
THRESHOLD = 0.8
NAME = "first"
DRAWS = 2_000


class Task(Protocol):
    """A prompt of a family."""

    @property
    def prompt(self) -> str:
        """What is asked."""

    @property
    def family(self) -> str:
        """Its kind."""


Right = Callable[[Task, str], bool]


@dataclass(frozen=True)
class Asked:
    """Calls one model through the gateway; tokens are listened to in both arms, as the graph does."""

    gateway: Gateway
    model: str
    max_tokens: int | None = None

    def __call__(self, task: Task, give_up: float | None = None) -> Attempt:
        """The attempt, after a real call."""
        request = Request((HumanMessage(task.prompt),), max_tokens=self.max_tokens, give_up_below=give_up)
        lease = self.gateway.lease(f"{time.monotonic_ns()}", cap_nusd=None, deadline_s=None)
        return drive(self.gateway.call(SYNC, self.model, request, lease, on_token=lambda _: None))


@dataclass(frozen=True)
class Learnt:
    """The calibration of the first model, from tasks with labels."""

    calibration: Calibration
    believed: Mapping[str, float]
    longest: int

    @classmethod
    def of(cls, first: Asked, tasks: Sequence[Task], right: Right, longest: int) -> "Learnt":
        """After calling the first model on these tasks; believed is its mean per task type, as without a router."""
        asked = [first(task) for task in tasks]
        told = [signals_of(attempt) for attempt in asked]
        kinds = [read_features(task.prompt).task_type for task in tasks]
        labels = np.array([float(right(task, a.text)) for task, a in zip(tasks, asked, strict=True)])
        means = {kind: float(labels[np.array(kinds) == kind].mean()) for kind in set(kinds)}
        signals = {name: [one.get(name, math.nan) for one in told] for name in ("probability", "mean")}
        return cls(Calibration.fit(NAME, signals, labels, [means[k] for k in kinds], kinds), means, longest)

    def confidence(self, kind: str, signals: Mapping[str, float]) -> float:
        """What the judge node would make of an answer's own signals."""
        return self.calibration.confidence(NAME, kind, signals, self.believed.get(kind, math.nan)).probability

    def limit(self, kind: str) -> float | None:
        """What the executor node would pass on."""
        return give_up_below(THRESHOLD, lambda signals: self.confidence(kind, signals), self.longest)


@dataclass(frozen=True)
class Arm:
    """n tasks: the first model's attempts, which of them were accepted, texts and costs of the whole cascade."""

    tried: Sequence[Attempt]
    seconds: Array
    accepted: NDArray[np.bool_]
    text: Sequence[str]
    right: Array
    cost: Array

    def first(self, name: str) -> Array:
        """`input_tokens`, `output_tokens` or `cost_nusd` of the first model's attempts."""
        return np.array([getattr(one if name == "cost_nusd" else one.usage, name) for one in self.tried], float)


@dataclass(frozen=True)
class Pairs:
    """Both arms on the same tasks."""

    tasks: Sequence[Task]
    whole: Arm
    early: Arm


def compared(
    first: Asked,
    second: Asked | None,
    learnt: Learnt,
    tasks: Sequence[Task],
    right: Right,
    before_second: Callable[[], None] = lambda: None,
) -> Pairs:
    """Runs both arms, task by task in alternating order, then the second model once on each task that needs it.

    Without a second model a refused answer is none.
    """
    rows: tuple[list[Attempt], list[Attempt]] = ([], [])
    seconds: tuple[list[float], list[float]] = ([], [])
    kinds = [read_features(task.prompt).task_type for task in tasks]
    limits = {kind: learnt.limit(kind) for kind in set(kinds)}
    for number, (task, kind) in enumerate(zip(tasks, kinds, strict=True)):
        for arm in (0, 1) if number % 2 else (1, 0):
            begun = time.perf_counter()
            rows[arm].append(first(task, limits[kind] if arm else None))
            seconds[arm].append(time.perf_counter() - begun)
    before_second()
    accepted = [
        [a.ok and learnt.confidence(kind, signals_of(a)) >= THRESHOLD for a, kind in zip(part, kinds, strict=True)]
        for part in rows
    ]
    needed = [not (one and other) for one, other in zip(*accepted, strict=True)]
    dear = [second(task) if need and second else None for task, need in zip(tasks, needed, strict=True)]
    arms = (_arm(tasks, *part, dear, right) for part in zip(rows, seconds, accepted, strict=True))
    return Pairs(tasks, *arms)


def _arm(
    tasks: Sequence[Task],
    tried: list[Attempt],
    seconds: list[float],
    accepted: list[bool],
    dear: Sequence[Attempt | None],
    right: Right,
) -> Arm:
    final = [one if ok else other for one, ok, other in zip(tried, accepted, dear, strict=True)]
    text = ["" if one is None else one.text for one in final]
    later = [0 if ok or other is None else other.cost_nusd for ok, other in zip(accepted, dear, strict=True)]
    return Arm(
        tried,
        np.array(seconds),
        np.array(accepted),
        text,
        np.array([float(bool(said) and right(task, said)) for task, said in zip(tasks, text, strict=True)]),
        np.array([one.cost_nusd for one in tried], float) + np.array(later, float),
    )


def saved(before: Array, after: Array) -> str:
    """The share saved, with a 95 % interval by paired bootstrap over tasks."""
    places = np.random.default_rng(0).integers(0, len(before), (DRAWS, len(before)))
    low, high = np.quantile(1 - after[places].sum(axis=1) / before[places].sum(axis=1), [0.025, 0.975])
    return f"{1 - after.sum() / before.sum():.1%} [{low:.1%}, {high:.1%}]"


def by_family(pairs: Pairs) -> str:
    """Output tokens of the first model by family, the longest answers first, as a markdown table."""
    before, after = pairs.whole.first("output_tokens"), pairs.early.first("output_tokens")
    families = np.array([task.family for task in pairs.tasks])
    names = sorted(np.unique(families).tolist(), key=lambda name: -before[families == name].mean())
    rows = ["| family | n | tokens out | accepted at once | tokens saved |", "|---|---|---|---|---|"]
    for name in names:
        mine = families == name
        rows.append(
            f"| {name} | {mine.sum()} | {before[mine].mean():.1f} | {pairs.whole.accepted[mine].mean():.0%} | "
            f"{saved(before[mine], after[mine])} |"
        )
    return "\n".join(rows)
