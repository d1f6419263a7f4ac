"""What may be learnt from: remembered tasks as arrays. Apart from the other values, because it needs NumPy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["TRUSTED", "History"]

TRUSTED = 0.75
"""Least weight of a label that settles what an answer was worth."""


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """The labelled tasks of one tenant in one vector space, oldest first; n tasks, m candidates, d dimensions.

    Attributes:
        vectors: Shape (n, d), unit length.
        scores: Shape (n, m), in [0, 1]; NaN where a candidate was not tried.
        weights: Shape (n, m), what a score counts for (1 = somebody said so); 0 where not tried.
        candidates: Ids, length m.
        task_types: Length n.
        users: Length n.
        times: Shape (n,), seconds since the epoch.
        space: The embedder's fingerprint.
        appetites: (candidate, task type) -> (mean answer tokens, reasoning included, n).
        signals: Name -> shape (n, m), what an answer told of itself (`Outcome.signals`); NaN where nothing is known.
        unfaded: Shape (n, m), `weights` before time took from them; shape (0, 0) = the same. A label does not become
            untrue with age, it only tells less of today.
        words: Length n, the same for tasks of the same words; empty = not looked at.
        said: Shape (n, m), fingerprints of the normalised answers, `""` where none; shape (0, 0) where none is known.
    """

    vectors: NDArray[np.float32]
    scores: NDArray[np.float64]
    weights: NDArray[np.float64]
    candidates: tuple[str, ...]
    task_types: tuple[str, ...]
    users: tuple[str, ...]
    times: NDArray[np.float64]
    tenant: str = "default"
    space: str = ""
    appetites: Mapping[tuple[str, str], tuple[float, int]] = field(default_factory=dict)
    signals: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    said: NDArray[np.str_] = field(default_factory=lambda: np.zeros((0, 0), "U16"))
    unfaded: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)))
    words: tuple[str, ...] = ()

    @classmethod
    def empty(cls, tenant: str, space: str) -> Self:
        """Nothing to learn from: whoever learns forgets."""
        none = np.zeros((0, 0))
        return cls(none.astype(np.float32), none, none, (), (), (), np.zeros(0), tenant, space)

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def trusted(self) -> NDArray[np.bool_]:
        """Where somebody or a check said so, shape (n, m); our own confidence, a judge and a re-ask weigh less."""
        weights = self.unfaded if self.unfaded.size else self.weights
        return (weights >= TRUSTED) & np.isfinite(self.scores)

    def reweighed(self, factor: NDArray[np.float64]) -> Self:
        """With weights times a factor of shape (n, 1) or (n, m)."""
        unfaded = self.unfaded * factor if self.unfaded.size else self.unfaded
        return replace(self, weights=self.weights * factor, unfaded=unfaded)

    def of(self, candidates: Sequence[str]) -> Self:
        """Only these of its candidates, in this order."""
        kept = [self.candidates.index(name) for name in candidates]
        return replace(
            self,
            scores=self.scores[:, kept],
            weights=self.weights[:, kept],
            candidates=tuple(candidates),
            signals={name: values[:, kept] for name, values in self.signals.items()},
            said=self.said[:, kept] if self.said.size else self.said,
            unfaded=self.unfaded[:, kept] if self.unfaded.size else self.unfaded,
        )

    def rows(self, where: NDArray[np.intp]) -> Self:
        """Only these rows, in this order."""
        return replace(
            self,
            vectors=self.vectors[where],
            scores=self.scores[where],
            weights=self.weights[where],
            task_types=tuple(self.task_types[i] for i in where),
            users=tuple(self.users[i] for i in where),
            times=self.times[where],
            signals={name: values[where] for name, values in self.signals.items()},
            said=self.said[where] if self.said.size else self.said,
            unfaded=self.unfaded[where] if self.unfaded.size else self.unfaded,
            words=tuple(self.words[i] for i in where) if self.words else (),
        )
