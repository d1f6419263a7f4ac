"""Tests a promise on paired labels: "at most so many points worse than the reference, with this confidence".

Two fifths of the labels teach the gate; out-of-fold, so that none is wasted, they also say how far it leaves the
reference at which threshold. On the rest the thresholds are walked from the safest to the cheapest (`walk`) while each
passes a test that holds at any number of labels (`confidence.bounds`).
Whoever is refused and comes back with more labels tests again: each further attempt gets a fifth of the error of the
one before, and all of them together at most what was asked for.
"""

import time
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from orchestrator_graph.confidence.bounds import Hypothesis, labels_without_loss, upper_bound
from orchestrator_graph.confidence.certificate import Certificate, Refusal
from orchestrator_graph.evaluation.missing import missing
from orchestrator_graph.evaluation.walk import LEARN, Walk, fingerprint, teach
from orchestrator_graph.routing.gate import Gate
from orchestrator_graph.types import new_id
from orchestrator_graph.types.history import History

__all__ = ["certify", "error_at", "spends"]

Array = NDArray[np.float64]
Rows = NDArray[np.intp]

LEAST = 20
"""Labels that teach at least."""
KEPT = 0.8
"""Share of the pairs that comparing one more candidate has to leave."""
FIRST, AGAIN = 0.8, 0.2
"""Share of the error of the first attempt, and of each further one in what is left."""


def certify(
    history: History,
    reference: str,
    prices: Mapping[str, float],
    max_loss: float = 0.02,
    confidence: float = 0.95,
    *,
    attempt: int = 1,
) -> Certificate | Refusal:
    """The certificate, or what is missing.

    A task that was asked again is no further draw: its rows teach or test together, and what is promised has to hold
    both as often as they were asked and counting each task once.

    Args:
        history: Labelled tasks; only those whose labels weigh .75 or more on all compared candidates count.
        reference: Candidate id that is measured against.
        prices: Candidate id -> expected cost of a task, in any one unit; only those cheaper than the reference compete.
        max_loss: Points of mean score that may be lost, in (0, 1).
        confidence: In (.5, 1).
        attempt: Which try it is for this promise.
    """
    rivals, rows = _complete(history, reference, prices)
    error = error_at(confidence, attempt)
    if len(rows) <= LEAST or not rivals:
        return missing(history, reference, prices, max_loss, error)
    pairs = history.rows(rows)
    saved = {name: 1 - prices[name] / prices[reference] for name in rivals}
    teaching, testing = _parts(pairs)
    taught = teach(teaching, reference, saved)
    found = taught.walk(testing, Hypothesis(max_loss, error), _once(testing))
    if found.gate is None or not (found.gate.picks(found.gate.gaps(pairs.vectors, pairs.task_types)) >= 0).any():
        pairs = pairs.rows(_once(pairs))
        again = error_at(confidence, attempt + spends(len(pairs), max_loss, confidence, attempt))
        return missing(pairs, reference, prices, max_loss, again, taught.early)
    return _certificate(pairs, testing, found, found.gate, max_loss, confidence, error)


def error_at(confidence: float, attempt: int) -> float:
    """The error that an attempt may make; all of them together make at most `1 - confidence`.

    >>> [round(error_at(0.95, attempt), 4) for attempt in (1, 2, 3)]
    [0.04, 0.008, 0.0016]
    """
    return (1 - confidence) * FIRST * AGAIN ** (attempt - 1)


def spends(n: int, max_loss: float, confidence: float, attempt: int) -> bool:
    """Whether a refusal of n labels was a test: with fewer none could pass, so that nothing was tried.

    >>> [spends(n, 0.02, 0.95, 1) for n in (200, 264, 300)]
    [False, False, True]
    """
    return n - _cut(n) >= labels_without_loss(max_loss, error_at(confidence, attempt))


def _cut(n: int) -> int:
    return max(LEAST, int(LEARN * n))


def _once(pairs: History) -> Rows:
    """The row at which each task is asked first."""
    return np.sort(np.unique(pairs.words, return_index=True)[1]) if pairs.words else np.arange(len(pairs))


def _parts(pairs: History) -> tuple[History, History]:
    """What teaches and what tests; the same labels give the same parts, so that nobody draws again until it fits."""
    order, cut = np.random.default_rng(int(fingerprint(pairs)[:8], 16)).permutation(len(pairs)), _cut(len(pairs))
    if pairs.words:  # all of one task go with its first, whose place does not depend on how many they are
        _, first, numbers = np.unique(pairs.words, return_index=True, return_inverse=True)
        order = np.argsort(np.argsort(order)[first[numbers]], kind="stable")
        while cut < len(order) and pairs.words[order[cut]] == pairs.words[order[cut - 1]]:
            cut += 1
    return pairs.rows(order[:cut]), pairs.rows(order[cut:])


def _complete(history: History, reference: str, prices: Mapping[str, float]) -> tuple[tuple[str, ...], Rows]:
    """Cheaper candidates that were scored beside the reference, and the rows on which all of them were.

    Candidates with few pairs of their own are left out rather than costing the others theirs.
    """
    known = history.trusted
    if reference not in history.candidates or reference not in prices or not len(history):
        return (), np.zeros(0, np.intp)
    both = known & known[:, [history.candidates.index(reference)]]
    counts = {name: int(both[:, i].sum()) for i, name in enumerate(history.candidates)}
    cheaper = [name for name in counts if name != reference and name in prices and prices[name] < prices[reference]]
    rivals, rows = list[str](), both[:, history.candidates.index(reference)]
    for name in sorted((n for n in cheaper if counts[n]), key=lambda n: (-counts[n], n)):
        shared = rows & both[:, history.candidates.index(name)]
        if not rivals or shared.sum() >= KEPT * rows.sum():
            rivals, rows = [*rivals, name], shared
    return tuple(rivals), np.flatnonzero(rows)


def _certificate(
    pairs: History, tested: History, found: Walk, gate: Gate, max_loss: float, confidence: float, error: float
) -> Certificate:
    inside = gate.inside(tested.vectors, tested.task_types)
    picks = np.where(inside, gate.picks(gate.gaps(tested.vectors, tested.task_types)), -1)
    return Certificate(
        id=new_id(),
        tenant=pairs.tenant,
        reference=gate.reference,
        max_loss=max_loss,
        confidence=confidence,
        n=len(pairs),
        bound=min(max_loss, upper_bound(found.tested, error, found.earlier)),
        saving=float(np.where(picks < 0, 0.0, np.array(gate.saved)[picks]).mean()),
        gate=gate.to_json(),
        data_fingerprint=fingerprint(pairs),
        models={},
        domain={"inside": float(inside.mean()), "deviates": float((picks >= 0).mean()), "n": len(tested)},
        created_at=time.time(),
    )
