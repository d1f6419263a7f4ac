"""The strict guard: the reference is left only for a candidate that a paired test shows to be hardly worse.

A pair is a remembered task on which both were tried and whose scores can be trusted. The test bets against "it loses
more than is allowed": if that is so, the bettor's wealth exceeds 1 / p with probability at most p, at any number of
pairs and however often one looks (Ville's inequality; Waudby-Smith and Ramdas 2023, arXiv:2010.09686). Bets of several
sizes side by side need no guess at the spread, and do not depend on the order (figures: docs/poison.md).
Pairs come from profiles, cascades, audits and repeated tasks; without any, the reference answers and nothing is stuck.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp
from typing import TYPE_CHECKING

from orchestrator_graph.policy import Policy
from orchestrator_graph.routing.credit import credible
from orchestrator_graph.types import Estimate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from orchestrator_graph.routing.situation import Situation
    from orchestrator_graph.types.history import History

__all__ = ["Paired", "Pairs", "reference_of", "strictly"]

ERROR = 0.05
"""How often, at most, a candidate that loses more than allowed passes."""
TRUSTED = 0.75
"""Labels of less weight (our own uncalibrated confidence, a re-ask) make no pair."""
ENOUGH = 50
"""With fewer pairs of a task type, the pairs of all types are asked."""
BOLD = 0.95
"""The largest bet, as a share of the one that could lose everything."""


@dataclass(frozen=True, slots=True)
class Paired:
    """What the pairs say: how many, how much quality the candidate loses on average, and the test's p-value."""

    n: int = 0
    loss: float = 0.0
    p: float = 1.0


class Pairs:
    """Learns who was tried beside whom; a comparison is computed once and then looked up."""

    def __init__(self) -> None:
        self._learnt: dict[tuple[str, str], tuple[History, dict[tuple[str, str, str, float], Paired]]] = {}

    def learn(self, history: "History") -> None:
        """Replaces what was known of this tenant and vector space."""
        if not len(history):
            self._learnt.pop((history.tenant, history.space), None)
            return
        self._learnt[history.tenant, history.space] = credible(history), {}

    def compare(self, now: "Situation", task_type: str, reference: str, candidate: str, allowed: float) -> Paired:
        """Whether the candidate loses at most `allowed` against the reference on this type of task (else on all)."""
        history, known = self._learnt.get((now.tenant, now.space), (None, {}))
        if history is None or not {reference, candidate} <= set(history.candidates):
            return Paired()
        key = (task_type, reference, candidate, allowed)
        if key not in known:
            known[key] = _compare(history, *key)
        return known[key]


def _compare(history: "History", task_type: str, reference: str, candidate: str, allowed: float) -> Paired:
    import numpy as np

    columns = [history.candidates.index(name) for name in (reference, candidate)]
    rows = (history.weights[:, columns] >= TRUSTED).all(axis=1)
    alike = rows & (np.array(history.task_types) == task_type)
    rows = alike if alike.sum() >= ENOUGH else rows
    best, other = history.scores[rows][:, columns].T
    return paired(best - other, allowed)


def paired(losses: "NDArray[np.float64]", allowed: float) -> Paired:
    """The test on losses in [-1, 1], shape (n,); the wealth is the mean over bets of five sizes.

    >>> import numpy as np
    >>> paired(np.zeros(200), 0.02).p < 0.05, paired(np.zeros(250), 0.02).p < 0.05
    (False, True)
    """
    import numpy as np

    if not len(losses):
        return Paired()
    bets = np.geomspace(0.05, 1.0, 5)[:, None] * BOLD / (1 - allowed)
    wealth = np.log1p(bets * (allowed - losses)).sum(axis=1)
    log_p = np.log(len(bets)) - np.logaddexp.reduce(wealth)
    return Paired(len(losses), float(losses.mean()), exp(min(0.0, float(log_p))))


def reference_of(estimates: Sequence[Estimate], policy: Policy) -> Estimate:
    """The policy's reference where it is feasible, else the candidate of the highest believed quality."""
    named = (e for e in estimates if e.candidate.id == policy.reference)
    return next(named, None) or max(estimates, key=lambda e: e.quality)


def strictly(by_utility: Sequence[Estimate], policy: Policy, now: "Situation", task_type: str) -> tuple[Estimate, str]:
    """The first choice under `guard="strict"` and why; every rival ahead of the reference gets its share of the error.

    A rival that is not cheaper, quicker or believed better than the reference never gets ahead of it.
    """
    reference = reference_of(by_utility, policy)
    rivals, allowed = by_utility[: list(by_utility).index(reference)], policy.max_quality_loss
    name, seen = reference.candidate.id, 0
    for rival in rivals:
        if now.pairs is None:
            break
        told = now.pairs.compare(now, task_type, name, rival.candidate.id, allowed)
        if told.p <= ERROR / len(rivals):
            proven = f"at most {allowed * 100:g} points below {name}"
            return rival, f"strict guard: {told.n} pairs say that it is {proven} (p={told.p:.2g})"
        seen = max(seen, told.n)
    found = f" ({seen} pairs seen)" if seen else ""
    return reference, f"strict guard: no paired test allows leaving the reference model{found}"
