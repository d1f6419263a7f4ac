"""What may be learnt from: remembered tasks as arrays. Apart from the other values, because it needs NumPy."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["History"]


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

    @classmethod
    def empty(cls, tenant: str, space: str) -> Self:
        """Nothing to learn from: whoever learns forgets."""
        none = np.zeros((0, 0))
        return cls(none.astype(np.float32), none, none, (), (), (), np.zeros(0), tenant, space)

    def __len__(self) -> int:
        return len(self.vectors)
