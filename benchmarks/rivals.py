"""What our learners are measured against online: floors, and ParetoBandit's rule re-implemented."""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ask:
    """What a player sees: the task's vector and type, each candidate's expected dollars, points per dollar."""

    vector: NDArray[np.float32]
    kind: str
    costs: Array
    price: float


class Player(Protocol):
    """One run over one stream; it is told the score of its own choice only."""

    def choose(self, ask: Ask) -> list[int]:
        """Candidates by number, best first."""

    def told(self, ask: Ask, arm: int, score: float) -> None:
        """What the answer was worth."""


def first(arm: int, values: Array) -> list[int]:
    """That one, then the others by value."""
    return [arm, *(int(a) for a in np.argsort(-values) if a != arm)]


@dataclass
class Greedy:
    """The best mean so far, but for a share epsilon of random choices; epsilon 1 is random."""

    arms: int
    seed: int
    epsilon: float = 1.0
    sums: Array = field(init=False)
    counts: Array = field(init=False)

    def __post_init__(self) -> None:
        """Starts with one half-good try of each."""
        self.rng = np.random.default_rng(self.seed)
        self.sums, self.counts = np.full(self.arms, 0.5), np.ones(self.arms)

    def choose(self, ask: Ask) -> list[int]:
        """Knows no task, only candidates."""
        values = self.sums / self.counts - ask.price * ask.costs
        explored = self.rng.random() < self.epsilon
        return first(int(self.rng.integers(self.arms) if explored else np.argmax(values)), values)

    def told(self, ask: Ask, arm: int, score: float) -> None:  # noqa: ARG002 - a Player's signature
        """Keeps means."""
        self.sums[arm] += score
        self.counts[arm] += 1


class ParetoBandit:
    """The rule of arXiv:2604.00136 (repository ParetoBandit/ParetoBandit at 8f5758b), cold.

    Disjoint LinUCB on 25 whitened principal components and a constant, alpha .1, forgetting .995, stale variance
    inflated up to 200 times. Cost enters as `weight` times the logarithm of the announced cost over three decades;
    linearly where `weight` is `None`: the objective of everybody else here.
    """

    alpha, gamma, inflation, floor = 0.1, 0.995, 200.0, 0.1

    def __init__(self, seed: int, basis: Array, announced: Array, weight: float | None = None) -> None:
        arms, k = len(announced), basis.shape[1] + 1
        self.basis, self.weight = basis, weight
        self.logs = np.clip(np.log10(announced / announced.min()) / 3, 0, 1)
        self.gram = np.repeat(np.eye(k)[None], arms, axis=0)
        self.inverse = self.gram.copy()
        self.moment = np.zeros((arms, k))
        self.penalty = np.ones(arms)
        self.at = np.zeros(arms, int)
        self.t = 0
        self.rng = np.random.default_rng(seed)

    def choose(self, ask: Ask) -> list[int]:
        """Upper bounds less the cost's penalty; the pacer's price multiplies the same penalty."""
        x = np.append(ask.vector @ self.basis, 1.0)
        along = self.inverse @ x
        kept = np.maximum(self.gamma ** np.minimum(self.t - self.at, 1000), 1 / self.inflation)
        penalty = ask.price * ask.costs if self.weight is None else (self.weight + ask.price) * self.logs
        values = (along * self.moment).sum(axis=1) + self.alpha * np.sqrt(along @ x / kept) - penalty
        return [int(a) for a in np.argsort(-(values + 1e-12 * self.rng.random(len(values))))]

    def told(self, ask: Ask, arm: int, score: float) -> None:
        """Discounts this candidate's statistics by the time since its last update, then adds the outcome."""
        x = np.append(ask.vector @ self.basis, 1.0)
        self.t += 1
        kept = self.gamma ** (self.t - self.at[arm])
        self.at[arm] = self.t
        self.gram[arm] = kept * self.gram[arm] + np.outer(x, x)
        self.penalty[arm] *= kept
        if self.penalty[arm] < self.floor:
            self.gram[arm] += (1 - self.penalty[arm]) * np.eye(len(x))
            self.penalty[arm] = 1.0
        self.inverse[arm] = np.linalg.inv(self.gram[arm])
        self.moment[arm] = kept * self.moment[arm] + score * x


@dataclass
class TheirPacer:
    """ParetoBandit's pacer: additive steps .05 on a smoothed cost (.05), price at most 5, against a fixed target."""

    target: float
    value: float = 0.0
    smoothed: float = field(init=False)

    def __post_init__(self) -> None:
        """Warm start at the target."""
        self.smoothed = self.target

    def price(self) -> float:
        """Points that the whole range of (logarithmic) costs is worth."""
        return self.value

    def settle(self, reserved: float, spent: float) -> None:  # noqa: ARG002 - a Pacer's signature
        """One step of dual ascent."""
        self.smoothed += 0.05 * (spent - self.smoothed)
        self.value = min(5.0, max(0.0, self.value + 0.05 * (self.smoothed / self.target - 1)))
