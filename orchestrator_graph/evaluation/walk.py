"""Walks a policy from safest to cheapest on labels that it was not learnt from, and stops where a test does not pass.

Learn-then-Test by fixed sequence (Angelopoulos, Bates, Candès, Jordan & Lei 2021, arXiv:2110.01052): the first step
that does not pass ends the walk, so that the error is not multiplied by the number of steps.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from orchestrator_graph.confidence.bounds import Hypothesis
from orchestrator_graph.evaluation.clusters import centres
from orchestrator_graph.routing.gate import Gate, learn_gate
from orchestrator_graph.types.history import History

__all__ = ["LEARN", "STEPS", "Taught", "Walk", "fingerprint", "losses", "teach"]

Array = NDArray[np.float64]

LEARN = 0.4
"""Share of the labels that teaches; between .25 and .5 it made little difference on the recorded outcomes."""
FOLDS = 5
STEPS = np.concatenate([np.arange(0.01, 0.3, 0.01), np.arange(0.3, 1.0, 0.02)])
"""Shares of tasks on which the reference is left, out-of-fold; a last step leaves it wherever it may."""
LANDMARKS, OUTSIDE = 32, 0.005
"""Middles of the domain, and the share of the tasks themselves that is left outside it."""


@dataclass(frozen=True, slots=True, eq=False)
class Walk:
    """How far the tests went.

    Attributes:
        gate: At the cheapest threshold that passed; `None` where not even the safest did.
        tested: Losses of the gate on the tested labels, shape (n,); of the safest step where none passed.
        earlier: The same on those that taught, out-of-fold.
    """

    gate: Gate | None
    tested: Array
    earlier: Array


@dataclass(frozen=True, slots=True, eq=False)
class Taught:
    """A gate, and how its steps did on the labels that taught it, each from a gate that had not seen them.

    Attributes:
        gate: Without a threshold.
        steps: Thresholds from the safest to the cheapest.
        early: Losses, shape (steps, n).
        exact: Every score was right or wrong: a loss can only be -1, 0 or 1.
    """

    gate: Gate
    steps: tuple[float, ...]
    early: Array
    exact: bool

    def walk(self, testing: History, hypothesis: Hypothesis, once: NDArray[np.intp] | None = None) -> Walk:
        """Tests the steps one after the other, on tasks that were drawn independently of those that taught.

        `once`: the rows of each task's first time, where some were asked more than once; both have to pass.
        """
        gate, kinds = self.gate, testing.task_types
        gaps, outside = gate.gaps(testing.vectors, kinds), ~gate.inside(testing.vectors, kinds)
        exact, passed = self.exact and _right_or_wrong(testing), 0
        tested = losses(testing, gate, np.where(outside, -1, gate.picks(gaps, self.steps[0])))
        for number, step in enumerate(self.steps):
            found = losses(testing, gate, np.where(outside, -1, gate.picks(gaps, step)))
            looks = [found] if once is None or len(once) == len(found) else [found, found[once]]
            if not all(hypothesis.rejected(look, self.early[number], exact=exact) for look in looks):
                break
            passed, tested = number + 1, found
        last = max(0, passed - 1)
        return Walk(gate.at(self.steps[last]) if passed else None, tested, self.early[last])


def teach(teaching: History, reference: str, saved: Mapping[str, float]) -> Taught:
    """Learns the gate from tasks on which every compared candidate was scored.

    Args:
        teaching: The tasks.
        reference: Candidate id.
        saved: Alternative -> share of the reference's cost that it saves.
    """
    gate = _bounded(learn_gate(teaching, reference, saved), teaching)
    gaps = _out_of_fold(teaching, reference, saved)
    steps = (*np.quantile(gate.thresholds(gaps), STEPS).tolist(), np.inf)
    early = np.array([losses(teaching, gate, gate.picks(gaps, step)) for step in steps])
    return Taught(gate, steps, early, _right_or_wrong(teaching))


def _right_or_wrong(pairs: History) -> bool:
    """Whether every score is 0 or 1: then a loss can only be -1, 0 or 1."""
    return bool(np.isin(pairs.scores[np.isfinite(pairs.scores)], (0.0, 1.0)).all())


def losses(pairs: History, gate: Gate, picks: NDArray[np.int64]) -> Array:
    """Reference's score minus the policy's, shape (n,)."""
    best = pairs.scores[:, pairs.candidates.index(gate.reference)]
    columns = np.array([pairs.candidates.index(name) for name in gate.alternatives])
    found: Array = np.where(picks < 0, 0.0, best - pairs.scores[np.arange(len(pairs)), columns[picks]])
    return found


def _bounded(gate: Gate, pairs: History) -> Gate:
    """The gate with the domain of the tasks that taught it: middles of one half, and how near the other half is."""
    landmarks = centres(pairs.vectors[::2], min(LANDMARKS, max(1, len(pairs) // 20)))
    close = (pairs.vectors[1::2] @ landmarks.T).max(axis=1)
    return replace(gate, landmarks=landmarks, near=float(np.quantile(close, OUTSIDE)) - 1e-4)


def _out_of_fold(pairs: History, reference: str, saved: Mapping[str, float]) -> Array:
    """Gaps of the tasks that teach, each from a gate that was learnt without it, shape (n, k)."""
    gaps = np.zeros((len(pairs), len(saved)))
    fold = np.arange(len(pairs)) % FOLDS
    for number in range(FOLDS):
        out = np.flatnonzero(fold == number)
        gate = learn_gate(pairs.rows(np.flatnonzero(fold != number)), reference, saved)
        gaps[out] = gate.gaps(pairs.vectors[out], [pairs.task_types[i] for i in out])
    return gaps


def fingerprint(pairs: History) -> str:
    """Hash of the labels."""
    held = hashlib.sha256(repr((pairs.candidates, pairs.task_types)).encode())
    for array in (pairs.vectors, np.nan_to_num(pairs.scores, nan=-1.0)):
        held.update(np.ascontiguousarray(array).tobytes())
    return held.hexdigest()
