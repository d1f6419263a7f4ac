"""Ways of choosing the threshold of a promise: ours, a plain betting bound, a normal bound, none at all."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from benchmarks.promise_sources import Source
from orchestrator_graph.confidence.bounds import Hypothesis
from orchestrator_graph.evaluation.walk import LEARN, STEPS, teach
from orchestrator_graph.routing.gate import Gate, learn_gate
from orchestrator_graph.routing.ridge import fit

__all__ = ["WAYS", "Way"]

Array = NDArray[np.float64]
Rows = NDArray[np.int64]
ALLOWED, ERROR = 0.02, 0.05
Passes = Callable[[Array], bool]


class Way(ABC):
    """Teaches on some rows, chooses on others.

    Attributes:
        teaches: Share of a user's labels that teaches, where no others do.
    """

    teaches = 0.5

    def learn(self, world: Source, rows: Rows) -> Gate:
        """The policy without a threshold."""
        return learn_gate(world.history.rows(rows), world.reference, world.saved)

    @abstractmethod
    def choose(self, world: Source, gate: Gate, drawn: Rows) -> Gate | None:
        """The policy with its threshold; `None` = no promise."""

    def picks(self, world: Source, gate: Gate, rows: Rows) -> Rows:
        """Who answers each of these prompts; -1 = the reference."""
        return gate.picks(gate.gaps(world.history.vectors[rows], world.kinds(rows)))


class Ours(Way):
    """The product's own: `evaluation.walk` with an exact or betting test; the first attempt's share of the error."""

    teaches = LEARN

    def __init__(self, share: float) -> None:
        self._hypothesis = Hypothesis(ALLOWED, ERROR * share)

    def learn(self, world: Source, rows: Rows) -> Gate:
        """As `certify` does; what else it learns is kept for `choose`."""
        self._taught = teach(world.history.rows(rows), world.reference, world.saved)
        return self._taught.gate

    def choose(self, world: Source, gate: Gate, drawn: Rows) -> Gate | None:  # noqa: ARG002 - kept by `learn`
        """As `certify` does."""
        return self._taught.walk(world.history.rows(drawn), self._hypothesis).gate

    def picks(self, world: Source, gate: Gate, rows: Rows) -> Rows:
        """Outside its domain the reference answers."""
        vectors, kinds = world.history.vectors[rows], world.kinds(rows)
        return np.where(gate.inside(vectors, kinds), gate.picks(gate.gaps(vectors, kinds)), -1)


@dataclass(frozen=True)
class Sequence(Way):
    """The same policies and the same steps, walked with another bound."""

    passes: Passes

    def choose(self, world: Source, gate: Gate, drawn: Rows) -> Gate | None:
        """The cheapest step before the first that does not pass."""
        gaps = gate.gaps(world.history.vectors[drawn], world.kinds(drawn))
        chosen = None
        for step in [*np.quantile(gate.thresholds(gaps), STEPS).tolist(), np.inf]:
            if not self.passes(world.loss(gate, gate.picks(gaps, step), drawn)):
                break
            chosen = gate.at(step)
        return chosen


class Point(Way):
    """The cheapest step whose mean loss on the labels is at most what is allowed."""

    def choose(self, world: Source, gate: Gate, drawn: Rows) -> Gate | None:
        """By the point estimate."""
        gaps = gate.gaps(world.history.vectors[drawn], world.kinds(drawn))
        steps = [*np.quantile(gate.thresholds(gaps), STEPS).tolist(), np.inf]
        fit_for = [s for s in steps if world.loss(gate, gate.picks(gaps, s), drawn).mean() <= ALLOWED]
        return gate.at(fit_for[-1]) if fit_for else None


class Fixed(Way):
    """The alternative of the best believed quality answers wherever that is at least .8; nobody tests anything."""

    def learn(self, world: Source, rows: Rows) -> Gate:
        """The regression's own beliefs are kept for `picks`."""
        taught = world.history.rows(rows)
        self._fit = fit(taught.vectors, taught.scores, taught.weights)
        return super().learn(world, rows)

    def choose(self, world: Source, gate: Gate, drawn: Rows) -> Gate | None:  # noqa: ARG002 - it looks at nothing
        """The policy as it is."""
        return gate

    def picks(self, world: Source, gate: Gate, rows: Rows) -> Rows:
        """Above .8 the alternative."""
        columns = [world.history.candidates.index(name) for name in gate.alternatives]
        believed = self._fit.predict(world.history.vectors[rows])[:, columns]
        return np.where(believed.max(axis=1) >= 0.8, believed.argmax(axis=1), -1)


def betting(losses: Array) -> bool:
    """Waudby-Smith & Ramdas 2023: predictable plug-in bets, no peeking back, stop at any time."""
    n, before = len(losses), np.arange(1, len(losses) + 1)
    mean = (np.cumsum(losses) - losses) / before
    variance = (np.cumsum((losses - mean) ** 2) - (losses - mean) ** 2 + 0.25) / before
    bets = np.minimum(np.sqrt(2 * np.log(1 / ERROR) / (variance * np.arange(1, n + 1) * np.log(before + 1))), 0.5)
    bets = np.maximum(bets, np.clip((ALLOWED - mean) / (variance + (ALLOWED - mean) ** 2), 0.0, 0.9 / (1 - ALLOWED)))
    return bool(np.cumsum(np.log1p(bets * (ALLOWED - losses))).max() >= np.log(1 / ERROR))


def normal(losses: Array) -> bool:
    """Mean plus 1.645 standard errors."""
    return bool(losses.mean() + NormalDist().inv_cdf(1 - ERROR) * losses.std(ddof=1) / len(losses) ** 0.5 <= ALLOWED)


WAYS: dict[str, Way] = {
    "ours": Ours(0.8),
    "plain betting bound": Sequence(betting),
    "normal paired bound": Sequence(normal),
    "point estimate": Point(),
    "fixed .8": Fixed(),
}
