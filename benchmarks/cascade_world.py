"""What the product believes of each test task, after it has learnt from so many labelled ones: the cascades' stage.

Everything comes from the product's own parts: estimates of the default estimators, `Calibration`, `Collisions` and
`Shifts`, learnt from one and the same `History`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.cascade_told import SPACE, Told, history_of
from benchmarks.routing.ours import situations
from orchestrator_graph.confidence.agreement import Collisions, Voice
from orchestrator_graph.confidence.calibration import Calibration
from orchestrator_graph.confidence.in_hand import in_hand
from orchestrator_graph.confidence.replay import Replay
from orchestrator_graph.confidence.shifts import Shifts
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.routing.decide import estimate
from orchestrator_graph.routing.defaults import default_estimators
from orchestrator_graph.routing.estimator import Learner
from orchestrator_graph.types import Candidate
from orchestrator_graph.types.history import History

Array = NDArray[np.float64]
Rows = NDArray[np.int64]
FOLDS = 5

__all__ = ["World", "learnt"]


@dataclass(frozen=True)
class World:
    """What is believed of the tasks `rows`; arrays by place in `rows`, models and samples as in `Told`.

    Attributes:
        quality: Shape (r, m), before anybody is asked.
        confidence: Shape (r, m, s), calibrated, by each answer's own evidence.
        resolution: Shape (r, m).
        expected: Shape (r, m), nano-dollars as expected beforehand: the mean on the kind of task.
    """

    told: Told
    rows: Rows
    quality: Array
    confidence: Array
    resolution: Array
    expected: Array
    collisions: Collisions
    shifts: Shifts
    replay: Replay
    _agreed: dict[tuple[int, tuple[tuple[int, int], ...]], tuple[float, int]] = field(default_factory=dict)
    _rates: dict[tuple[str, str, str, str], float] = field(default_factory=dict)
    _moved: dict[tuple[int, tuple[int, ...]], Array] = field(default_factory=dict)

    def agreed(self, place: int, heard: Sequence[tuple[int, int]]) -> tuple[float, tuple[int, int]]:
        """Of these answers (model, sample): the probability of the likeliest, and the first that gave it."""
        key = place, tuple(sorted(heard))
        if key not in self._agreed:
            self._agreed[key] = self._vote(place, key[1])
        found, first = self._agreed[key]
        return found, key[1][first]

    def _vote(self, place: int, heard: tuple[tuple[int, int], ...]) -> tuple[float, int]:
        row = int(self.rows[place])
        names, form = self.told.models, self.told.features[row].expects
        kind = self.told.types[row]
        voices = [
            Voice(names[j], str(self.told.said[row, j, s]), float(self.confidence[place, j, s])) for j, s in heard
        ]
        sure = in_hand(voices, form, lambda a, b: self._rate(a, b, form, kind))
        best = max(range(len(sure)), key=sure.__getitem__)
        return sure[best], best

    def _rate(self, a: str, b: str, form: str, kind: str) -> float:
        key = a, b, form, kind
        if key not in self._rates:
            self._rates[key] = self.collisions.rate(a, b, form, "default", SPACE, kind)
        return self._rates[key]

    def moved(self, place: int, heard: Sequence[int]) -> Array:
        """The estimates of all models given the confidences of these (greedy) answers, shape (m,)."""
        key = place, tuple(sorted(heard))
        if key not in self._moved:
            names, q = self.told.models, self.quality[place]
            sure = {names[j]: (float(q[j]), float(self.confidence[place, j, 0])) for j in key[1]}
            found = self.shifts.shifted(dict(zip(names, q.tolist(), strict=True)), sure, space=SPACE)
            self._moved[key] = np.array([found[name] for name in names])
        return self._moved[key]


def learnt(
    said: Told, train: Rows, rows: Rows, *, priors: bool = True, shuffle: np.random.Generator | None = None
) -> World:
    """Learns from `train` and believes of `rows`; where these overlap, use `cross_fitted` beliefs instead."""
    history = history_of(said, train, shuffle)
    folds = np.array_split(np.random.default_rng(0).permutation(len(train)), FOLDS)

    def believe(known: History) -> Array:
        found = np.empty(known.scores.shape)
        for fold in folds:
            rest = np.setdiff1d(np.arange(len(train)), fold)
            found[fold] = _estimates(known.rows(rest), said, train[fold], priors)
        return found

    calibration, collisions, shifts = Calibration(believe), Collisions(), Shifts()
    replay = Replay(calibration, collisions)
    for learner in (calibration, collisions, shifts, replay):
        learner.learn(history)
    quality = _estimates(history, said, rows, priors)
    models, samples = range(len(said.models)), range(said.right.shape[2])
    names, types = said.models, [said.types[row] for row in rows]
    sure = [
        [
            [
                calibration.confidence(names[j], types[i], said.signals[row][j][s], quality[i, j], "default", SPACE)
                for s in samples
            ]
            for j in models
        ]
        for i, row in enumerate(rows)
    ]
    kinds = np.array([said.types[row] for row in train])
    mean = {kind: said.costs[train[kinds == kind]][:, :, 0].mean(axis=0) for kind in set(kinds)}
    return World(
        told=said,
        rows=rows,
        quality=quality,
        confidence=np.array([[[c.probability for c in cell] for cell in row] for row in sure]),
        resolution=np.array([[calibration.resolution(n, kind, "default", SPACE) for n in names] for kind in types]),
        expected=np.array([mean.get(kind, said.costs[train][:, :, 0].mean(axis=0)) for kind in types]),
        collisions=collisions,
        shifts=shifts,
        replay=replay,
    )


def _estimates(history: History, said: Told, rows: Rows, priors: bool) -> Array:
    """The router's estimates, as the product makes them."""
    estimators = default_estimators()[0 if priors else 1 :]
    for estimator in estimators:
        if isinstance(estimator, Learner):
            estimator.learn(history)
    portfolio = Portfolio(said.specs)
    near = (replace(now, portfolio=portfolio) for now in situations(history, said.vectors[rows]))
    candidates = [Candidate.single(name) for name in said.models]
    return np.array([
        [e.quality for e in estimate(said.features[row], candidates, now, estimators)]
        for row, now in zip(rows, near, strict=True)
    ])  # fmt: skip
