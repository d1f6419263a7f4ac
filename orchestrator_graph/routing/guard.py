"""The strict guard: the reference is left only for a candidate that a paired test shows to be hardly worse.

A pair is a remembered task on which both were tried and whose scores can be trusted. The test bets against "it loses
more than is allowed": if that is so, the bettor's wealth exceeds 1 / p with probability at most p, at any number of
pairs and however often one looks (Ville's inequality; Waudby-Smith and Ramdas 2023, arXiv:2010.09686). Bets of several
sizes side by side need no guess at the spread, and do not depend on the order (figures: docs/poison.md).
Pairs come from profiles, cascades, audits and repeated tasks of the same type; without any, the reference answers and
nothing is stuck. Nothing that is remembered decides who the reference is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import exp, inf
from typing import TYPE_CHECKING

from orchestrator_graph.policy import Policy
from orchestrator_graph.routing.credit import credible
from orchestrator_graph.routing.estimator import IGNORANCE
from orchestrator_graph.types import Candidate, Estimate

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
BOLD = 0.95
"""The largest bet, as a share of the one that could lose everything."""


@dataclass(frozen=True, slots=True)
class Paired:
    """What the pairs say: how many there are, and the test's p-value."""

    n: int = 0
    p: float = 1.0


@dataclass(frozen=True, slots=True)
class _Tried:
    """Of a history what pairs are made of, and the comparisons that were made."""

    candidates: tuple[str, ...]
    scores: "NDArray[np.float64]"
    weights: "NDArray[np.float64]"
    task_types: "NDArray[np.str_]"
    known: dict[tuple[str, str, str, float], Paired] = field(default_factory=dict)


class Pairs:
    """Learns who was tried beside whom; a comparison is computed once and then looked up."""

    def __init__(self) -> None:
        self._learnt: dict[tuple[str, str], _Tried] = {}

    def learn(self, history: "History") -> None:
        """Replaces what was known of this tenant and vector space."""
        if not len(history):
            self._learnt.pop((history.tenant, history.space), None)
            return
        import numpy as np

        heard = credible(history)
        self._learnt[history.tenant, history.space] = _Tried(
            heard.candidates, heard.scores, heard.weights, np.array(heard.task_types)
        )

    def compare(self, now: "Situation", task_type: str, reference: str, candidate: str, allowed: float) -> Paired:
        """Whether the candidate loses at most `allowed` against the reference on this type of task."""
        tried = self._learnt.get((now.tenant, now.space))
        if tried is None or not {reference, candidate} <= set(tried.candidates):
            return Paired()
        key = (task_type, reference, candidate, allowed)
        if key not in tried.known:
            tried.known[key] = _compare(tried, *key)
        return tried.known[key]


def _compare(tried: _Tried, task_type: str, reference: str, candidate: str, allowed: float) -> Paired:
    columns = [tried.candidates.index(name) for name in (reference, candidate)]
    rows = (tried.weights[:, columns] >= TRUSTED).all(axis=1) & (tried.task_types == task_type)
    best, other = tried.scores[rows][:, columns].T
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
    return Paired(len(losses), exp(min(0.0, float(log_p))))


def reference_of(estimates: Sequence[Estimate], policy: Policy, now: "Situation", task_type: str) -> Estimate:
    """The policy's reference where it is feasible, else the model of the best prior; of equals the dearest by list."""
    named = (e for e in estimates if e.candidate.id == policy.reference)

    def standing(estimate: Estimate) -> tuple[float, bool, float, str]:
        spec = now.portfolio[estimate.candidate.members[0].model]
        prior, price = spec.prior(task_type), spec.cost_nusd(1000, 1000)
        plain = estimate.candidate == Candidate.single(spec.id)
        return prior.quality if prior else IGNORANCE.quality, plain, inf if price is None else price, spec.id

    return next(named, None) or max(estimates, key=standing)


def strictly(by_utility: Sequence[Estimate], policy: Policy, now: "Situation", task_type: str) -> tuple[Estimate, str]:
    """The first choice under `guard="strict"` and why; every rival ahead of the reference gets its share of the error.

    A rival that is not cheaper, quicker or believed better than the reference never gets ahead of it.
    """
    reference = reference_of(by_utility, policy, now, task_type)
    rivals, allowed = by_utility[: list(by_utility).index(reference)], policy.max_quality_loss
    name, seen = reference.candidate.id, 0
    away = policy.reference and policy.reference != name
    guard = f"strict guard: {name} stands in for {policy.reference}" if away else "strict guard"
    for rival in rivals:
        if now.pairs is None:
            break
        told = now.pairs.compare(now, task_type, name, rival.candidate.id, allowed)
        if told.p <= ERROR / len(rivals):
            proven = f"at most {allowed * 100:g} points below {name}"
            return rival, f"{guard}: {told.n} pairs say that it is {proven} (p={told.p:.2g})"
        seen = max(seen, told.n)
    found = f" ({seen} pairs seen)" if seen else ""
    return reference, f"{guard}: no paired test allows leaving the reference model{found}"
