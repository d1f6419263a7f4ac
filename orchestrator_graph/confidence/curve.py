"""One candidate's calibration: from signals and a belief to a probability, for all its tasks and per task type."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from orchestrator_graph.confidence.platt import Platt, fit, spread
from orchestrator_graph.errors import CalibrationError

__all__ = ["SIGNALS", "Curve", "fit_curve"]

Array = NDArray[np.float64]

SIGNALS = ("probability", "mean")
"""What is read of an answer: more of them did not help on the pocket outcomes (docs/calibration.md)."""
NEAREST, BELIEVED = 1e-4, 0.02
"""How near to 0 and 1 a signal and a belief are told apart."""
TOGETHER = 0.25
"""Scale of the product of both: where a candidate is believed to be lost, its own word counts for less."""
HALF_TOLD = 0.5
USUAL, STRENGTH = 0.3, 30.0
"""What a confidence explains beyond a belief is shrunk to this, with the weight of so many labels."""


@dataclass(frozen=True, slots=True)
class Curve:
    """What `n` labels taught of one candidate.

    Attributes:
        told: Task type (`""` = all) -> regression on signals and belief; empty where signals were mostly unknown.
        silent: Task type -> regression on the belief alone, for answers that tell nothing.
        resolution: Task type -> share of the variance that the belief leaves and the signals explain.
        bend: (x, y), a monotone map of what the regression says (isotonic); empty = as it is.
    """

    n: int
    told: Mapping[str, Platt]
    silent: Mapping[str, Platt]
    resolution: Mapping[str, float]
    bend: tuple[tuple[float, ...], tuple[float, ...]] = field(default=((), ()))

    def __call__(self, task_type: str, signals: Mapping[str, float], believed: float) -> float:
        """The probability that an answer is right."""
        belief = _odds(believed, BELIEVED)
        row: tuple[float, ...] = (belief,)
        curves = self.silent
        if self.told and "probability" in signals:
            own = [_odds(signals.get(name, math.nan), NEAREST) for name in SIGNALS]
            row, curves = (*own, belief, own[0] * belief * TOGETHER), self.told
        said = (curves.get(task_type) or curves[""]).one(row)
        return float(np.interp(said, *self.bend)) if self.bend[0] else said

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `types.to_json`.

        Raises:
            CalibrationError: A number or curve lacks or makes no sense.
        """
        told, silent = (
            {str(kind): Platt.from_json(curve) for kind, curve in data[name].items()} for name in ("told", "silent")
        )
        bend = tuple(tuple(float(value) for value in side) for side in data["bend"])
        found = cls(
            int(data["n"]), told, silent, {k: float(v) for k, v in data["resolution"].items()}, (bend[0], bend[1])
        )
        if "" not in silent or "" not in found.resolution or (told and "" not in told):
            raise CalibrationError("a candidate's calibration lacks the curve for all task types")
        widths = {(len(c.centre), wide) for cs, wide in ((told, len(SIGNALS) + 2), (silent, 1)) for c in cs.values()}
        if any(own != wide for own, wide in widths) or len(bend[0]) != len(bend[1]):
            raise CalibrationError("a candidate's calibration was made from other signals than this program reads")
        return found


def fit_curve(signals: Mapping[str, Array], right: Array, believed: Array, task_types: NDArray[np.str_]) -> Curve:
    """Learns from n labels, arrays of shape (n,); NaN = unknown. Signals count where half of the answers have them."""
    belief = spread(believed, BELIEVED)[:, None]
    silent = _by_type(belief, right, task_types)
    left = (right - _said(silent, belief, task_types)) ** 2
    own = signals.get("probability", np.full(len(right), np.nan))
    heard = ~np.isnan(own)
    if heard.mean() < HALF_TOLD:
        return Curve(len(right), {}, silent, dict.fromkeys(silent, 0.0))
    columns = _columns({name: values[heard] for name, values in signals.items()}, belief[heard])
    told = _by_type(columns, right[heard], task_types[heard])
    rest = (right[heard] - _said(told, columns, task_types[heard])) ** 2
    spare = columns.shape[1] - 1
    resolution = {"": _explained(left[heard], rest, spare, USUAL)}
    for kind in told:
        rows = task_types[heard] == kind
        if kind:
            resolution[kind] = _explained(left[heard][rows], rest[rows], 0, resolution[""])
    return Curve(len(right), told, silent, resolution)


def _columns(signals: Mapping[str, Array], belief: Array) -> Array:
    unknown = np.full(len(belief), np.nan)
    own = [spread(signals.get(name, unknown), NEAREST) for name in SIGNALS]
    return np.stack([*own, belief[:, 0], own[0] * belief[:, 0] * TOGETHER], axis=1)


def _by_type(columns: Array, right: Array, task_types: NDArray[np.str_]) -> dict[str, Platt]:
    pooled = fit(columns, right)
    kinds = [str(kind) for kind in np.unique(task_types) if kind]
    return {"": pooled, **{k: fit(columns[task_types == k], right[task_types == k], pooled) for k in kinds}}


def _said(curves: Mapping[str, Platt], columns: Array, task_types: NDArray[np.str_]) -> Array:
    said = np.empty(len(columns))
    for kind in np.unique(task_types):
        rows = task_types == kind
        said[rows] = curves.get(str(kind), curves[""])(columns[rows])
    return said


def _explained(left: Array, rest: Array, spare: int, usual: float) -> float:
    """One less the ratio of squared errors, corrected for `spare` more coefficients, shrunk to what is usual."""
    n = len(left)
    ratio = float(rest.sum()) / max(float(left.sum()), 1e-9) * n / max(n - spare, 1)
    return (n * min(1.0, max(0.0, 1 - ratio)) + STRENGTH * usual) / (n + STRENGTH)


def _odds(probability: float, least: float) -> float:
    if math.isnan(probability):
        return probability
    clipped = min(1 - least, max(least, probability))
    return math.log(clipped / (1 - clipped))
