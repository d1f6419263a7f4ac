"""What an answer's confidence says about the candidates that were not asked yet: hard tasks are hard for all."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from orchestrator_graph.types.history import History

    Array = NDArray[np.float64]

__all__ = ["Shifts"]

FEW = 50.0
"""Tasks that both were tried on at which half of their correlation is believed."""
USUAL = 10.0
"""Tasks of a kind that its mean is shrunk to the candidate's mean by."""
EDGE = 0.02
LOW, HIGH = 0.01, 0.99


@dataclass(frozen=True, slots=True)
class _Learnt:
    column: dict[str, int]
    alike: "Array"


class Shifts:
    """How right and wrong go together beyond what was expected, per tenant and vector space.

    Of each pair of candidates the correlation of their standardised residuals (score - expected) / sd on the tasks that
    both were tried on; expected = the candidate's shrunk mean on the kind of task. The estimate of a candidate that was
    not asked moves by its regression on what the confidences of the asked ones deviate from their estimates. Nothing
    remembered moves nothing.
    """

    def __init__(self) -> None:
        self._learnt: dict[tuple[str, str], _Learnt] = {}

    def learn(self, history: "History") -> None:
        """Replaces what was learnt of this tenant and vector space."""
        if not len(history):
            self._learnt.pop((history.tenant, history.space), None)
            return
        column = {name: place for place, name in enumerate(history.candidates)}
        self._learnt[history.tenant, history.space] = _Learnt(column, _alike(_residuals(history)))

    def shifted(
        self,
        quality: Mapping[str, float],
        heard: Mapping[str, tuple[float, float]],
        tenant: str = "default",
        space: str = "",
    ) -> dict[str, float]:
        """The estimates given what was heard, in [.01, .99]; as they are where nothing is known.

        Args:
            quality: Candidate id -> what was believed of it, of those that were not asked.
            heard: Candidate id -> (what was believed of it, how sure its answer is by its own evidence).
            tenant: Whose memory.
            space: Its vector space.
        """
        learnt = self._learnt.get((tenant, space))
        asked = [name for name in heard if learnt is not None and name in learnt.column]
        if learnt is None or not asked:
            return dict(quality)
        import numpy as np

        at = [learnt.column[name] for name in asked]
        moved = [(heard[name][1] - heard[name][0]) / _sd(heard[name][0]) for name in asked]
        pull = np.linalg.solve(learnt.alike[np.ix_(at, at)], np.array(moved))
        return {
            name: min(HIGH, max(LOW, believed + _sd(believed) * float(learnt.alike[learnt.column[name], at] @ pull)))
            if name in learnt.column
            else believed
            for name, believed in quality.items()
        }


def _sd(believed: float) -> float:
    clipped = min(1 - EDGE, max(EDGE, believed))
    return float((clipped * (1 - clipped)) ** 0.5)


def _residuals(history: "History") -> "Array":
    """Standardised, shape (n, m); NaN where not tried or not to be trusted."""
    import numpy as np

    scores = np.where(history.trusted, history.scores, np.nan)
    known = ~np.isnan(scores)
    mean = _mean(scores, known, np.full(scores.shape[1], 0.5))
    types, expected = np.array(history.task_types), np.empty(scores.shape)
    for kind in set(history.task_types):
        rows = types == kind
        expected[rows] = _mean(scores[rows], known[rows], mean)
    expected = expected.clip(EDGE, 1 - EDGE)
    found: Array = (scores - expected) / np.sqrt(expected * (1 - expected))
    return found


def _mean(scores: "Array", known: "NDArray[np.bool_]", base: "Array") -> "Array":
    import numpy as np

    total: Array = np.where(known, scores, 0.0).sum(axis=0)
    found: Array = (total + USUAL * base) / (known.sum(axis=0) + USUAL)
    return found


def _alike(residuals: "Array") -> "Array":
    """Correlations, shrunk to none by how few tasks both were tried on; positive definite."""
    import numpy as np

    known = (~np.isnan(residuals)).astype(float)
    filled = np.nan_to_num(residuals)
    both = known.T @ known
    # Each pair's own rows for the variances, too.
    power = (filled**2).T @ known
    found = filled.T @ filled / np.sqrt(np.maximum(power * power.T, 1e-12))
    found *= both / (both + FEW)
    np.fill_diagonal(found, 1.0)
    values, vectors = np.linalg.eigh(found)
    kept: Array = (vectors * np.maximum(values, 0.05)) @ vectors.T
    return kept
