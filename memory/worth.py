"""What a try was worth when several sources speak: the most trustworthy counts, a judge's word as far as it was right.

A label's weight in the ledger is that of its source here; what is done to it at reading is done here too.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["ANSWER", "HALF_LIFE_S", "RANKS", "WEIGHTS", "Rates", "fade", "measured_rates", "settled"]

ANSWER = "answer"
"""The key of the outcome whose answer was given to the user: votes on a run are votes on that one."""
WEIGHTS = {"feedback": 1.0, "verified": 0.9, "judge": 0.5, "verdict": 0.3, "implicit": 0.1}
"""Somebody said so, a deterministic check, a judge model, our own confidence, what the next turn suggests."""
RANKS = {"feedback": 5, "verified": 4, "judge": 3, "verdict": 1, "implicit": 1}
"""The highest rank settles a try; equals are averaged by weight, so that a re-ask pulls at our own confidence."""
DAY_S = 86_400.0
HALF_LIFE_S = 180 * DAY_S
PAIRS = 10
"""So many tries with a judge's word and a known worth count as much as the word that it is right."""
FEW = 10
"""So many judged tries of a candidate count as much as the mean over all candidates."""
TRUTH = RANKS["verified"]
GUESSING = 0.05
"""Below this Youden index a judge says nothing about shares."""


class Label(Protocol):
    """A row of `outcomes`."""

    task_id: Any
    candidate: Any
    score: Any
    weight: Any
    source: Any


Key = tuple[str, str]
"""(task id, candidate)."""


@dataclass(frozen=True, slots=True)
class Rates:
    """How often a judge is right about good and about bad answers, measured on `n` tries whose worth is known.

    >>> Rates().corrected(0.8, 0.5), Rates(0.9, 0.5, 40).corrected(1.0, 0.5)
    (0.8, 0.643)
    """

    sensitivity: float = 1.0
    specificity: float = 1.0
    n: int = 0

    @property
    def youden(self) -> float:
        """Sensitivity + specificity - 1: 1 for a judge that is always right, 0 for one that guesses."""
        return max(0.0, self.sensitivity + self.specificity - 1)

    @property
    def factor(self) -> float:
        """What a label's weight is multiplied by: 1 unmeasured, at last youden squared of a verified label's weight."""
        known = WEIGHTS["verified"] / WEIGHTS["judge"] * self.youden**2
        return (PAIRS + self.n * known) / (PAIRS + self.n)

    def share(self, mean: float) -> float:
        """The share of good answers behind a judge's mean score (Rogan & Gladen 1978), kept away from 0 and 1."""
        share = (mean + self.specificity - 1) / self.youden if self.youden > GUESSING else mean
        return min(0.98, max(0.02, share))

    def corrected(self, score: float, share: float) -> float:
        """How probable it is that an answer with this score is good, where such a share of them is (Bayes).

        The mean over a candidate's labels is then what Rogan & Gladen estimate, and each stays in [0, 1].
        """
        hit, slip = self.sensitivity * share, (1 - self.specificity) * (1 - share)
        miss, right = (1 - self.sensitivity) * share, self.specificity * (1 - share)
        return round(score * hit / (hit + slip) + (1 - score) * miss / (miss + right), 3)


def measured_rates(labels: Iterable[Label]) -> Rates:
    """The judges' error rates on tries that also have a vote or a check; shrunk towards their being right."""
    judged: dict[Key, float] = {}
    known: dict[Key, list[float]] = defaultdict(list)
    for label in labels:
        if label.source == "judge":
            judged[label.task_id, label.candidate] = label.score
        elif RANKS.get(label.source, 0) >= TRUTH:
            known[label.task_id, label.candidate].append(label.score)
    pairs = [(judged[key], fmean(known[key])) for key in judged.keys() & known.keys()]
    good = sum(truth for _, truth in pairs)
    seen = sum(truth * said for said, truth in pairs)
    caught = sum((1 - truth) * (1 - said) for said, truth in pairs)
    return Rates((seen + PAIRS) / (good + PAIRS), (caught + PAIRS) / (len(pairs) - good + PAIRS), len(pairs))


def settled(labels: Iterable[Label], rates: Rates | None = None) -> dict[Key, tuple[float, float]]:
    """(task id, candidate) -> (score, weight); a judge's rates are measured on these labels unless given."""
    rows = list(labels)
    rates = rates or measured_rates(rows)
    shares = _shares(rows, rates) if rates.n else {}
    best: dict[Key, tuple[int, list[tuple[float, float]]]] = {}
    for label in rows:
        key, rank = (label.task_id, label.candidate), RANKS.get(label.source, 0)
        if key not in best or rank > best[key][0]:
            best[key] = (rank, [])
        if rank == best[key][0]:
            best[key][1].append(_heard(label, rates, shares))
    return {key: _mean(heard) for key, (_, heard) in best.items()}


def _heard(label: Label, rates: Rates, shares: Mapping[str, float]) -> tuple[float, float]:
    if label.source != "judge" or not rates.n:
        return label.score, label.weight
    return rates.corrected(label.score, shares[label.candidate]), label.weight * rates.factor


def _shares(rows: list[Label], rates: Rates) -> dict[str, float]:
    """Candidate -> share of good answers, from what judges said of it and, while that is little, of all."""
    said: dict[str, list[float]] = defaultdict(list)
    for label in rows:
        if label.source == "judge":
            said[label.candidate].append(label.score)
    if not said:
        return {}
    everywhere = fmean(score for scores in said.values() for score in scores)
    return {name: rates.share((sum(s) + FEW * everywhere) / (len(s) + FEW)) for name, s in said.items()}


def _mean(heard: list[tuple[float, float]]) -> tuple[float, float]:
    """The mean by weight; votes that agree with each other do not outweigh those on other tasks."""
    total = sum(weight for _, weight in heard)
    if not total:
        return heard[-1]
    return sum(score * weight for score, weight in heard) / total, max(weight for _, weight in heard)


def fade(age_s: "NDArray[np.float64]", half_life_s: float = HALF_LIFE_S) -> "NDArray[np.float64]":
    """What is left of the weight of labels of this age: half of it after each half-life; `math.inf` forgets nothing.

    Age is counted in whole days, so that the same look-up gives the same weights all day.

    >>> import numpy as np
    >>> fade(np.array([-5.0, 3_600.0, HALF_LIFE_S, 2 * HALF_LIFE_S])).tolist()
    [1.0, 1.0, 0.5, 0.25]
    """
    left: NDArray[np.float64] = 0.5 ** (age_s.clip(0) // DAY_S * DAY_S / half_life_s)
    return left
