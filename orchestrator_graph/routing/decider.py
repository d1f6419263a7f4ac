"""What a small deciding model said of the candidates, as beliefs: little, until compared with what came of it.

Asking it is the nodes' business; its answers come in `Situation.answers`. Off unless a `Decider` is among the
estimators.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from orchestrator_graph.errors import InputError
from orchestrator_graph.registry.spec import Price
from orchestrator_graph.routing.estimator import Belief
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Candidate, Features

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from orchestrator_graph.types.history import History

__all__ = ["ASKED_N", "ASKS", "STYLES", "Calibration", "Decider", "calibrate"]

ASKS, STYLES = ("yes_no", "choice", "score"), ("descriptions", "figures")
ASKED_N = 2
"""Observations that an answer counts for as long as nothing was compared: its standard error is then .35."""
MOST_N = 30
"""What an answer would count for that told everything (a prior counts for no more)."""
FEWEST_PAIRS = 30
MOST_KEPT = 4_000
PENALTY = 1.0


@dataclass(frozen=True, slots=True)
class Calibration:
    """How answers of a decider relate to outcomes: `log odds of being right = shift + slope * log odds it gave`.

    Attributes:
        weight: Observations that an answer counts for: 30 times the share of the outcomes' variance that answers
            explained on outcomes held out. 0 = its answers say nothing.
        pairs: Answers that were compared.
    """

    shift: float
    slope: float
    weight: int
    pairs: int

    def corrected(self, answer: float) -> float:
        """The probability that the answer stands for."""
        from math import exp

        return 1 / (1 + exp(-(self.shift + self.slope * _log_odds(answer))))


@dataclass(slots=True, eq=False)
class Decider:
    """An estimator that believes what a deciding model said, as far as its answers proved right.

    Attributes:
        model: A model's id in the portfolio; or any object shaped like `langchain_core.decisions.BaseDecisionModel`.
        ask: `yes_no` (will this one be right? one call per candidate), `choice` (which one?) or `score` (all at once).
        style: What the question says of each candidate: what is known of the model, or the estimates' figures.
        local: For an object: the text stays on this machine. Else it is never shown private text.
        price: For an object: what its tokens cost.

    Raises:
        InputError: Names the field, the value and what would be right.
    """

    model: Any
    ask: Literal["yes_no", "choice", "score"] = "yes_no"
    style: Literal["descriptions", "figures"] = "figures"
    local: bool = False
    price: Price | None = None
    _given: dict[tuple[str, str], dict[bytes, dict[str, float]]] = field(default_factory=dict, init=False, repr=False)
    _learnt: dict[tuple[str, str], Calibration] = field(default_factory=dict, init=False, repr=False)
    _lock: Any = field(default_factory=threading.Lock, init=False, repr=False)

    def __post_init__(self) -> None:
        for name, value, known in (("ask", self.ask, ASKS), ("style", self.style, STYLES)):
            if value not in known:
                raise InputError(f"decider.{name}: {value!r} is none of {', '.join(known)}")
        shaped = callable(getattr(self.model, "invoke", None)) and not hasattr(self.model, "bind_tools")
        if not isinstance(self.model, str) and not shaped:
            raise InputError(
                f"decider.model: {self.model!r} is neither the id of a model in the portfolio nor a decision model; "
                "put a chat model into the portfolio and give its id"
            )

    def __call__(
        self,
        features: Features,  # noqa: ARG002 - the deciding model has seen the task
        candidates: Sequence[Candidate],
        now: Situation,
    ) -> dict[str, Belief]:
        """A belief about each candidate that was asked about; none while its answers are known to say nothing."""
        self._keep(now)
        calibration = self._learnt.get((now.tenant, now.space))
        found = {}
        for candidate in candidates:
            if candidate.id in now.answers:
                answer, n = now.answers[candidate.id]
                source = "decider: uncalibrated"
                if calibration is not None:
                    answer, n = calibration.corrected(answer), calibration.weight
                    source = f"decider: calibrated on {calibration.pairs} answers"
                if n > 0:
                    found[candidate.id] = Belief(answer, 0.5 / n**0.5, n, source)
        return found

    def _keep(self, now: Situation) -> None:
        """Keeps answers by the task's vector: with it the outcome will come back in a history."""
        if now.vector is None or not now.answers:
            return
        with self._lock:
            given = self._given.setdefault((now.tenant, now.space), {})
            given[now.vector.tobytes()] = {name: answer for name, (answer, _) in now.answers.items()}
            while len(given) > MOST_KEPT:
                given.pop(next(iter(given)))

    def learn(self, history: "History") -> None:
        """Compares the answers that this process was given with what became of those tasks."""
        place = (history.tenant, history.space)
        with self._lock:
            given = dict(self._given.get(place, {}))
        pairs = [
            (answers[name], score, weight)
            for row, scores, weights in zip(history.vectors, history.scores, history.weights, strict=True)
            if (answers := given.get(row.tobytes()))
            for name, score, weight in zip(history.candidates, scores.tolist(), weights.tolist(), strict=True)
            if weight > 0 and name in answers
        ]
        self._learnt.pop(place, None)
        if len(pairs) >= FEWEST_PAIRS:
            answer, score, weight = zip(*pairs, strict=True)
            self._learnt[place] = calibrate(answer, score, weight)


def calibrate(answers: Sequence[float], scores: Sequence[float], weights: Sequence[float] = ()) -> Calibration:
    """Platt scaling (Platt 1999), with the weight that the answers earned on the halves not fitted on.

    >>> calibrate([0.9, 0.2] * 40, [1.0, 0.0] * 40).weight > calibrate([0.9, 0.9] * 40, [1.0, 0.0] * 40).weight
    True
    """
    import numpy as np

    from orchestrator_graph.routing.classifier import logistic

    z = np.array([[1.0, _log_odds(answer)] for answer in answers])
    y, w = np.array(scores, float), np.array(weights, float) if len(weights) else np.ones(len(scores))
    (shift, slope), _ = logistic(z, y, w, PENALTY)
    part = np.random.default_rng(0).permutation(len(y)) % 2 == 0  # answers of one task stand side by side
    left, base = 0.0, 0.0
    for fitted in (part, ~part):
        left += _error(z, y, w, fitted, logistic(z[fitted], y[fitted], w[fitted], PENALTY)[0])
        base += float((w[~fitted] * (y[~fitted] - np.average(y[fitted], weights=w[fitted])) ** 2).sum())
    explained = 1 - left / base if base > 1e-9 and slope > 0 else 0.0
    return Calibration(float(shift), float(slope), max(0, round(MOST_N * explained)), len(y))


def _error(
    z: "NDArray[np.float64]",
    y: "NDArray[np.float64]",
    w: "NDArray[np.float64]",
    fitted: "NDArray[np.bool_]",
    beta: "NDArray[np.float64]",
) -> float:
    """Weighted squared error of the fit on what it did not see."""
    import numpy as np

    predicted = 1 / (1 + np.exp(-(z[~fitted] @ beta)))
    return float((w[~fitted] * (y[~fitted] - predicted) ** 2).sum())


def _log_odds(probability: float) -> float:
    from math import log

    kept = min(0.98, max(0.02, probability))
    return log(kept / (1 - kept))
