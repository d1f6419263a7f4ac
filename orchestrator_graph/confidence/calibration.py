"""Confidence that was compared with outcomes: what an answer tells of itself made a probability that it is right.

Per candidate, from labels of people and checks only: transformed Platt scaling on the answer's token probabilities and
on what was believed of the candidate on this very task; then per task type, shrunk to the candidate's own curve.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from orchestrator_graph.confidence.curve import Curve, fit_curve
from orchestrator_graph.confidence.labels import LEAST_LABELS, checked_labels, lack, plain_belief
from orchestrator_graph.errors import CalibrationError
from orchestrator_graph.types import to_json
from orchestrator_graph.types.history import History

__all__ = ["LEAST_LABELS", "Believe", "Calibrated", "Calibration"]

Array = NDArray[np.float64]
Believe = Callable[[History], Array]
"""What would have been believed of each remembered task without its own outcome, shape (n, m), in [0, 1]."""

FORMAT, VERSION = "orchestrator-graph calibration", 1
UNKNOWN = 0.3
"""What a confidence explains beyond a belief, where nothing was learnt."""


@dataclass(frozen=True, slots=True)
class Calibrated:
    """A probability that an answer is right, and the labels behind that; uncalibrated = as the model says it.

    Attributes:
        why: What is missing where it is not calibrated.
    """

    probability: float
    n: int
    calibrated: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class _Place:
    curves: Mapping[str, Curve]
    missing: Mapping[str, str]
    n: int


class Calibration:
    """Curves per tenant, vector space and candidate; learns from a `History`, answers in microseconds.

    Args:
        believe: What the router would have believed of remembered tasks; by default each candidate's mean score per
            task type, without the task itself.
    """

    def __init__(self, believe: Believe | None = None) -> None:
        self._believe = believe or plain_belief
        self._hold({})

    def _hold(self, places: dict[tuple[str, str], _Place]) -> None:
        """Replaces all at once: answers are judged in other threads while this one learns."""
        self._places = places
        self._widest = dict(sorted(places, key=lambda key: (places[key].n, key[1])))  # the last of a tenant stays

    def learn(self, history: History) -> None:
        """Fits anew for this tenant and space; what cannot be fitted stays uncalibrated and says why."""
        place = history.tenant, history.space
        if not len(history):
            self._hold({key: known for key, known in self._places.items() if key != place})
            return
        trusted = history.trusted
        believed = self._believe(history) if trusted.any() else history.scores
        curves, missing, types = dict[str, Curve](), dict[str, str](), np.array(history.task_types)
        for column, name in enumerate(history.candidates):
            rows = np.flatnonzero(trusted[:, column])
            right = history.scores[rows, column]
            missing[name] = lack(right)
            if not missing[name]:
                told = {key: values[rows, column] for key, values in history.signals.items()}
                curves[name] = fit_curve(told, right, believed[rows, column], types[rows])
        self._hold({**self._places, place: _Place(curves, missing, int(trusted.any(axis=1).sum()))})

    @classmethod
    def fit(
        cls,
        candidate: str,
        signals: Mapping[str, Sequence[float] | Array],
        right: Sequence[float] | Array,
        believed: Sequence[float] | Array | None = None,
        task_types: Sequence[str] = (),
        tenant: str = "default",
        space: str = "",
    ) -> Self:
        """A calibration of one candidate from labels at hand.

        Args:
            candidate: Its id.
            signals: `probability` and others of `Outcome.signals`, each of length n, in [0, 1].
            right: Length n, in [0, 1], 1 = right.
            believed: Length n, what was believed beforehand; by default the same of all.
            task_types: Length n; by default all are of one kind.
            tenant: Whose labels these are.
            space: Fingerprint of the embedder that they are remembered with.

        Raises:
            CalibrationError: No or too few labels, one class only, constant scores, NaN or lengths that differ.
        """
        given = checked_labels(candidate, signals, right, believed, task_types)
        made = cls()
        made._hold({(tenant, space): _Place({candidate: fit_curve(*given)}, {}, len(right))})
        return made

    def confidence(
        self,
        candidate: str,
        task_type: str,
        signals: Mapping[str, float],
        believed: float,
        tenant: str = "default",
        space: str = "",
    ) -> Calibrated:
        """The probability that this answer is right.

        Args:
            candidate: Whose answer it is.
            task_type: Kind of the task.
            signals: What the answer tells of itself; may be empty.
            believed: The router's estimate of the candidate's quality on this very task; NaN = none.
            tenant: Whose memory counts.
            space: Vector space; `""` = that in which the tenant has most labels.
        """
        place = self._place(tenant, space)
        curve = place.curves.get(candidate) if place is not None else None
        if curve is not None:
            return Calibrated(curve(task_type, signals, believed), curve.n, True)
        why = "no labels" if place is None else place.missing.get(candidate, "no labels")
        raw = signals.get("probability", believed)
        return Calibrated(0.5 if math.isnan(raw) else raw, 0, False, why)

    def resolution(self, candidate: str, task_type: str, tenant: str = "default", space: str = "") -> float:
        """Share in [0, 1] of the variance of right and wrong, beyond `believed`, that the confidence explains."""
        place = self._place(tenant, space)
        curve = place.curves.get(candidate) if place is not None else None
        return UNKNOWN if curve is None else curve.resolution.get(task_type, curve.resolution[""])

    def space(self, tenant: str = "default") -> str:
        """The vector space in which this tenant has most labels; `""` where it has none."""
        return self._widest.get(tenant, "")

    def bent(self, bends: Mapping[str, tuple[Array, Array]], tenant: str = "default", space: str = "") -> Self:
        """This calibration with what each candidate's curve says mapped once more, along (x, y) from (0, 1)."""
        place = self._places[tenant, space]
        curves = {name: replace(curve, bend=_pairs(bends.get(name))) for name, curve in place.curves.items()}
        made = type(self)(self._believe)
        made._hold({**self._places, (tenant, space): replace(place, curves=curves)})
        return made

    def to_json(self) -> dict[str, Any]:
        """The artefact: a format and version, and per tenant and space n and every candidate's curves."""
        places = [
            {"tenant": tenant, "space": space, "n": place.n, "candidates": to_json(dict(place.curves))}
            for (tenant, space), place in self._places.items()
        ]
        return {"format": FORMAT, "version": VERSION, "places": places}

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """The inverse of `to_json`.

        Raises:
            CalibrationError: Another format or version, or damaged; names what is wrong.
        """
        if not isinstance(data, Mapping) or data.get("format") != FORMAT:
            raise CalibrationError(f"not a calibration: its format is not {FORMAT!r}")
        if data.get("version") != VERSION:
            raise CalibrationError(f"a calibration of version {data.get('version')!r}; this program reads {VERSION}")
        made, places = cls(), dict[tuple[str, str], _Place]()
        try:
            for place in data["places"]:
                curves = {name: Curve.from_json(curve) for name, curve in place["candidates"].items()}
                places[str(place["tenant"]), str(place["space"])] = _Place(curves, {}, int(place["n"]))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            if isinstance(error, CalibrationError):
                raise
            raise CalibrationError(f"the calibration is damaged ({type(error).__name__}: {error})") from None
        made._hold(places)
        return made

    def _place(self, tenant: str, space: str) -> _Place | None:
        return self._places.get((tenant, space or self.space(tenant)))


def _pairs(bend: tuple[Array, Array] | None) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return ((), ()) if bend is None else (tuple(map(float, bend[0])), tuple(map(float, bend[1])))
