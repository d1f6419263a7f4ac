"""Our learners as players of the online benchmark: they keep a history, and mostly notice when it no longer holds."""

import random
from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from benchmarks.rivals import Array, Ask, first
from orchestrator_graph.routing.bandit import Posteriors, thompson
from orchestrator_graph.routing.change import changes, forgotten
from orchestrator_graph.routing.estimator import IGNORANCE, Belief
from orchestrator_graph.routing.linucb import LinUCB, Regressions, optimistic
from orchestrator_graph.routing.ridge import Fit, fit
from orchestrator_graph.types import Candidate, Estimate
from orchestrator_graph.types.history import History

LOOK = 50
"""Prompts between two looks for changes, and between two fits of what is fitted in batches."""


class Remembering(ABC):
    """Keeps the history of one stream; with `alert` it forgets what came before a change."""

    def __init__(self, arms: int, seed: int, alert: bool = True) -> None:
        self.names = tuple(f"m{arm:02}" for arm in range(arms))
        self.candidates = [Candidate.single(name) for name in self.names]
        self.rng = random.Random(seed)
        self.alert = alert
        self.asked: list[tuple[Ask, int, float]] = []
        self.seen: dict[tuple[str, str], float] = {}

    @abstractmethod
    def choose(self, ask: Ask) -> list[int]:
        """Candidates by number, best first."""

    @abstractmethod
    def relearn(self, history: History) -> None:
        """Learns everything anew."""

    def update(self, ask: Ask, arm: int, score: float) -> None:  # noqa: B027 - optional
        """Takes in one outcome at once, where the learner can."""

    def due(self) -> bool:
        """Whether everything is to be learnt anew now, change or not."""
        return len(self.asked) in (LOOK, 4 * LOOK, 16 * LOOK)

    def told(self, ask: Ask, arm: int, score: float) -> None:
        """Every `LOOK` prompts it looks for changes."""
        self.asked.append((ask, arm, score))
        self.update(ask, arm, score)
        if len(self.asked) % LOOK:
            return
        history = self.history()
        found = changes(history) if self.alert else {}
        if found != self.seen or self.due():
            self.seen = found
            self.relearn(forgotten(history) if found else history)

    def history(self) -> History:
        """What the memory would hand to learners; time is the number of the prompt."""
        n = len(self.asked)
        scores = np.full((n, len(self.names)), np.nan)
        scores[np.arange(n), [arm for _, arm, _ in self.asked]] = [score for _, _, score in self.asked]
        return History(
            vectors=np.array([ask.vector for ask, _, _ in self.asked]),
            scores=scores,
            weights=(~np.isnan(scores)).astype(float),
            candidates=self.names,
            task_types=tuple(ask.kind for ask, _, _ in self.asked),
            users=("",) * n,
            times=np.arange(n, dtype=np.float64),
        )

    def estimates(self, beliefs: list[Belief]) -> list[Estimate]:
        """As the selector sees them."""
        return [Estimate(c, b.quality, b.se, b.n, "") for c, b in zip(self.candidates, beliefs, strict=True)]

    def penalties(self, ask: Ask) -> dict[str, float]:
        """Points that each candidate's cost takes off."""
        return dict(zip(self.names, (ask.price * ask.costs).tolist(), strict=True))


class Thompson(Remembering):
    """`routing/bandit.py`: a Beta posterior per task type, Thompson sampling."""

    def __init__(self, arms: int, seed: int, alert: bool = True) -> None:
        super().__init__(arms, seed, alert)
        self.known = Posteriors()

    def choose(self, ask: Ask) -> list[int]:
        """Drawn by the probability to be the best."""
        beliefs = [self.known.posterior(ask.kind, name) or IGNORANCE for name in self.names]
        chosen, shares = thompson(self.estimates(beliefs), self.rng, self.penalties(ask))
        return first(self.names.index(chosen), np.array(list(shares.values())))

    def update(self, ask: Ask, arm: int, score: float) -> None:
        """One more outcome."""
        self.known.passed()
        self.known.update(ask.kind, self.names[arm], score)

    def due(self) -> bool:
        """Updates are as good as learning anew."""
        return False

    def relearn(self, history: History) -> None:
        """Replays."""
        self.known = Posteriors()
        self.known.replay(history)


class Optimist(Remembering):
    """`routing/linucb.py`: principal directions anew now and then, rank-one updates in between."""

    known: Regressions | None = None

    def choose(self, ask: Ask) -> list[int]:
        """The greatest upper bound."""
        found = self.known.beliefs(ask.vector, self.names) if self.known else {}
        beliefs = [found.get(name, IGNORANCE) for name in self.names]
        chosen, _ = optimistic(self.estimates(beliefs), self.penalties(ask))
        return first(self.names.index(chosen), np.array([b.quality for b in beliefs]) - ask.price * ask.costs)

    def update(self, ask: Ask, arm: int, score: float) -> None:
        """One more outcome; before the first directions are known, of the level alone."""
        if self.known is None:
            d = len(ask.vector)
            self.known = Regressions(np.zeros(d), np.zeros((d, 0)))
        self.known.passed()
        self.known.update(ask.vector, self.names[arm], score)

    def relearn(self, history: History) -> None:
        """New directions, replay."""
        learner = LinUCB()
        learner.learn(history)
        self.known = learner.regressions(history.tenant, history.space)


class Guarded(Remembering):
    """`routing/linear.py` on 64 principal directions, refitted every `LOOK` prompts, with a guard and 5 % exploration.

    The guard: it leaves the candidate that is best on average only for one that is believed better by more than the
    standard error of the difference of their means.
    """

    model: Fit | None = None
    basis: NDArray[np.float32] | None = None

    def choose(self, ask: Ask) -> list[int]:
        """In turn at first."""
        if self.model is None or self.basis is None:
            return first(len(self.asked) % len(self.names), -ask.costs)
        values = self.model.predict(ask.vector[None] @ self.basis)[0] - ask.price * ask.costs
        if self.rng.random() < 0.05:
            return first(self.rng.randrange(len(self.names)), values)
        home, best = int(np.argmax(self.model.means - ask.price * ask.costs)), int(np.argmax(values))
        error = sum(float(self.model.spread[a]) ** 2 / (float(self.model.counts[a]) + 2) for a in (home, best)) ** 0.5
        return first(best if values[best] - values[home] > error else home, values)

    def due(self) -> bool:
        """It cannot be updated."""
        return True

    def relearn(self, history: History) -> None:
        """Directions anew where LinUCB does so."""
        if self.basis is None or super().due():
            centred: Array = (history.vectors - history.vectors.mean(axis=0)).astype(np.float64)
            self.basis = np.linalg.eigh(centred.T @ centred)[1][:, :-65:-1].astype(np.float32)
        self.model = fit(history.vectors @ self.basis, history.scores, history.weights)
