"""The policy that a certificate freezes: leave the reference only where little is believed to be lost by it.

Per alternative one linear function of the task's vector says by how many points the reference is believed to be better
(what the regression of `ridge` learnt of their difference, coefficients frozen). One number, the threshold, makes a
policy of it: from "never leave the reference" up to "always", each step cheaper and less safe than the one before.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from orchestrator_graph.errors import CertificateError
from orchestrator_graph.routing.linear import placed
from orchestrator_graph.routing.ridge import fit
from orchestrator_graph.types.history import History

__all__ = ["Gate", "learn_gate"]

Array = NDArray[np.float64]
Vectors = NDArray[np.float32]

ARRAYS = ("centre", "bias", "weights", "landmarks")


@dataclass(frozen=True, slots=True, eq=False)
class Gate:
    """A policy over one reference and k cheaper alternatives, for vectors of d dimensions and t task types.

    Attributes:
        reference: Candidate id.
        alternatives: Candidate ids, length k.
        saved: Share of the reference's cost that each alternative saves, in (0, 1], length k.
        space: Fingerprint of the embedder.
        kinds: The task types, length t; a task of another type is outside the domain.
        centre: Shape (d + t,), subtracted from a vector.
        bias: Shape (k,), points that the reference is better by on average.
        weights: Shape (d + t, k).
        landmarks: Shape (l, d), unit vectors amid the tasks it was made on; shape (0, d) = everything is inside.
        near: Least cosine to the nearest landmark of a task inside the domain.
        threshold: Points that may be lost for saving the whole cost; below 0 they must be gained. `-inf` = never leave.
    """

    reference: str
    alternatives: tuple[str, ...]
    saved: tuple[float, ...]
    space: str
    kinds: tuple[str, ...]
    centre: Array
    bias: Array
    weights: Array
    landmarks: Vectors
    near: float = -1.0
    threshold: float = float("-inf")

    def gaps(self, vectors: Vectors, task_types: Sequence[str]) -> Array:
        """Points by which the reference is believed to be better, shape (n, k)."""
        at = placed(vectors, task_types, self.kinds).astype(np.float64) - self.centre
        return self.bias + at @ self.weights

    def thresholds(self, gaps: Array) -> Array:
        """From which threshold on the reference is left, shape (n,)."""
        least: Array = np.where(gaps > 0, gaps / np.array(self.saved), gaps).min(axis=1)
        return least

    def picks(self, gaps: Array, threshold: float | None = None) -> NDArray[np.int64]:
        """The alternative's number, or -1 for the reference, shape (n,)."""
        at = self.threshold if threshold is None else threshold
        if not np.isfinite(at):
            worth = np.broadcast_to(np.array(self.saved), gaps.shape) if at > 0 else np.full(gaps.shape, -1.0)
        else:
            worth = (at * np.array(self.saved) if at > 0 else at) - gaps
        best = worth.argmax(axis=1)
        return np.where(worth[np.arange(len(gaps)), best] >= 0, best, -1)

    def inside(self, vectors: Vectors, task_types: Sequence[str]) -> NDArray[np.bool_]:
        """Whether each task lies in the domain, shape (n,)."""
        known = np.array([kind in self.kinds for kind in task_types], bool)
        if not len(self.landmarks):
            return known
        close: NDArray[np.bool_] = (vectors @ self.landmarks.T).max(axis=1) >= self.near
        return known & close

    def choose(self, vector: Vectors | None, task_type: str) -> tuple[str, bool]:
        """The candidate's id, and whether the task of this vector, shape (d,), lies in the domain."""
        if vector is None or len(vector) + len(self.kinds) != len(self.centre):
            return self.reference, False
        row, kind = vector[None], (task_type,)
        if not self.inside(row, kind)[0]:
            return self.reference, False
        pick = int(self.picks(self.gaps(row, kind))[0])
        return (self.reference if pick < 0 else self.alternatives[pick]), True

    def to_json(self) -> dict[str, Any]:
        """JSON values; arrays as base64 of little-endian float32."""
        data: dict[str, Any] = {name: getattr(self, name) for name in ("reference", "space", "near")}
        data |= {name: list(getattr(self, name)) for name in ("alternatives", "saved", "kinds")}
        data["threshold"] = str(self.threshold) if not np.isfinite(self.threshold) else self.threshold
        for name in ARRAYS:
            array = np.asarray(getattr(self, name))
            packed = base64.b64encode(array.astype("<f4").tobytes()).decode()
            data[name] = {"shape": list(array.shape), "float32": packed}
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`.

        Raises:
            CertificateError: A part is missing or does not fit the others.
        """
        try:
            arrays = {name: _array(data[name]) for name in ARRAYS}
            made = cls(
                reference=str(data["reference"]),
                alternatives=tuple(map(str, data["alternatives"])),
                saved=tuple(map(float, data["saved"])),
                space=str(data["space"]),
                kinds=tuple(map(str, data["kinds"])),
                near=float(data["near"]),
                threshold=float(data["threshold"]),
                landmarks=arrays.pop("landmarks").astype(np.float32),
                **arrays,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise CertificateError(f"certificate.gate: {type(error).__name__}: {error}; make a new one") from None
        made._check()
        return made

    def _check(self) -> None:
        d, k = len(self.centre) - len(self.kinds), len(self.alternatives)
        shapes = (self.bias.shape, self.weights.shape, self.landmarks.shape[1:], len(self.saved))
        if k == 0 or shapes != ((k,), (len(self.centre), k), (d,), k):
            raise CertificateError(
                f"certificate.gate: arrays of shapes {shapes} do not fit {k} alternatives; make a new one"
            )
        if not all(np.isfinite(getattr(self, name)).all() for name in ARRAYS):
            raise CertificateError("certificate.gate: an array holds numbers that are not finite; make a new one")

    def at(self, threshold: float) -> "Gate":
        """The same with another threshold."""
        return replace(self, threshold=threshold)


def _array(packed: Mapping[str, Any]) -> Array:
    flat = np.frombuffer(base64.b64decode(packed["float32"], validate=True), "<f4").astype(np.float64)
    found: Array = flat.reshape(packed["shape"])
    return found


def learn_gate(history: History, reference: str, saved: Mapping[str, float]) -> Gate:
    """A gate that leaves nobody yet, from tasks on which the reference and all alternatives were scored.

    Args:
        history: What is learnt from, weights as they are.
        reference: Candidate id.
        saved: Alternative -> share of the reference's cost that it saves.
    """
    names = (reference, *saved)
    columns = [history.candidates.index(name) for name in names]
    kinds = tuple(sorted(set(history.task_types)))
    vectors = placed(history.vectors, history.task_types, kinds)
    fitted = fit(vectors, history.scores[:, columns], history.weights[:, columns])
    own = fitted.own
    return Gate(
        reference=reference,
        alternatives=tuple(saved),
        saved=tuple(saved.values()),
        space=history.space,
        kinds=kinds,
        centre=fitted.centre,
        bias=fitted.means[0] - fitted.means[1:],
        weights=own[:, :1] - own[:, 1:],
        landmarks=np.zeros((0, history.vectors.shape[1]), np.float32),
    )
