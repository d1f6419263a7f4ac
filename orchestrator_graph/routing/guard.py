"""The strict guard: the reference is left only for a candidate that a paired test shows to be hardly worse.

A pair is a remembered task on which both were tried and whose scores can be trusted. The test bets against "it loses
more than is allowed": if that is so, the bettor's wealth exceeds 1 / p with probability at most p, at any number of
pairs and however often one looks (Ville's inequality; Waudby-Smith and Ramdas 2023, arXiv:2010.09686). Bets of several
sizes side by side need no guess at the spread, and do not depend on the order (figures: docs/poison.md).
Pairs come from profiles, cascades, audits and repeated tasks of the same type; without any, the reference answers and
nothing is stuck. Nothing that is remembered decides who the reference is.
A certificate (`promise`) goes before all of this: its gate was measured as a whole, where a pair is one candidate.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import exp, inf
from typing import TYPE_CHECKING

from orchestrator_graph.errors import RegistryError
from orchestrator_graph.policy import Policy
from orchestrator_graph.routing.credit import credible
from orchestrator_graph.routing.estimator import IGNORANCE
from orchestrator_graph.types import Candidate, Estimate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from orchestrator_graph.registry.portfolio import Portfolio
    from orchestrator_graph.registry.spec import ModelSpec
    from orchestrator_graph.routing.situation import Situation
    from orchestrator_graph.types.history import History

__all__ = ["Paired", "Pairs", "default_reference", "reference_of", "strictly"]

ERROR = 0.05
"""How often, at most, a candidate that loses more than allowed passes."""
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
    trusted: "NDArray[np.bool_]"
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
            heard.candidates, heard.scores, heard.trusted, np.array(heard.task_types)
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
    rows = tried.trusted[:, columns].all(axis=1) & (tried.task_types == task_type)
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
        quality, price, name = _standing(spec, [task_type])
        return quality, estimate.candidate == Candidate.single(spec.id), price, name

    return next(named, None) or max(estimates, key=standing)


def default_reference(portfolio: "Portfolio", policy: Policy, task_types: Sequence[str]) -> str:
    """Who is measured against over these types of tasks (one entry a task), where no task is at hand.

    Raises:
        RegistryError: The policy names one that is not in the portfolio, or there is no model.
    """
    if policy.reference is not None and policy.reference not in portfolio:
        known = ", ".join(portfolio)
        raise RegistryError(f"reference = {policy.reference!r} is not in the portfolio; known: {known}")
    if not portfolio:
        raise RegistryError("no model in the portfolio, so there is no reference: add one")
    return policy.reference or max(portfolio.values(), key=lambda spec: _standing(spec, task_types)).id


def _standing(spec: "ModelSpec", task_types: Sequence[str]) -> tuple[float, float, str]:
    """Mean quality of the prior over the types, list price, id."""
    counts, price = Counter(task_types or ["*"]), spec.cost_nusd(1000, 1000)
    quality = sum(n * (spec.prior(kind) or IGNORANCE).quality for kind, n in counts.items()) / counts.total()
    return quality, inf if price is None else price, spec.id


def strictly(by_utility: Sequence[Estimate], policy: Policy, now: "Situation", task_type: str) -> tuple[Estimate, str]:
    """The first choice under `guard="strict"` and why: a certificate's, where there is one that speaks of the task.

    Else every rival ahead of the reference gets its share of the error; one that is not cheaper, quicker or believed
    better never gets ahead of it.
    """
    promised = now.promised
    if promised is not None and (certified := promised.first(by_utility)) is not None:
        return certified
    chosen, why = _tested(by_utility, policy, now, task_type)
    return (
        chosen,
        why if promised is None else f"{why}; {promised.name} is {promised.barred or 'without its reference'}",
    )


def _tested(by_utility: Sequence[Estimate], policy: Policy, now: "Situation", task_type: str) -> tuple[Estimate, str]:
    """The first rival that the paired test lets pass, else the reference."""
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
