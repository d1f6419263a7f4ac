"""What a profile found out: quality by cluster and task type with n and standard error, beside the prior; the bill."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from orchestrator_graph.evaluation.plan import ProfilePlan
from orchestrator_graph.evaluation.tasks import CheckedTask
from orchestrator_graph.memory.profiled import try_id
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.routing.estimator import Belief
from orchestrator_graph.routing.priors import priors
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Attempt, Candidate

__all__ = ["Beside", "Cell", "ProfileReport", "report_of"]


@dataclass(frozen=True, slots=True)
class Cell:
    """A model on one kind of tasks.

    Attributes:
        by: `all`, `cluster` or `task type`.
        quality: Mean score of `n` tasks; `None` where none was scored.
        se: Its standard error, of a mean shrunk by one right and one wrong answer (never 0).
        prior: What the registry believed beforehand, with standard error, n and source: all there is at a cold start.
    """

    model: str
    by: str
    name: str
    n: int
    quality: float | None
    se: float | None
    prior: float
    prior_se: float
    prior_n: int
    prior_source: str


@dataclass(frozen=True, slots=True)
class Beside:
    """The mean difference (first - second) on the `n` tasks that both were scored on; `se` is `None` below two."""

    first: str
    second: str
    n: int
    difference: float
    se: float | None


@dataclass(frozen=True, slots=True)
class ProfileReport:
    """All that is known of these models on these tasks, and what this session took.

    Attributes:
        scored: Tries with a score, of this session and of earlier ones.
        missing: Tries without one: not paid for, or failed.
        failed: Failure -> how often, in this session.
    """

    cells: tuple[Cell, ...]
    pairs: tuple[Beside, ...]
    scored: int
    missing: int
    failed: dict[str, int]
    calls: int
    quote_nusd: int
    spent_nusd: int
    budget_nusd: int | None
    notes: tuple[str, ...]


def report_of(
    portfolio: Portfolio,
    plan: ProfilePlan,
    known: Mapping[str, float],
    attempts: Sequence[Attempt],
    failed: Sequence[str],
) -> ProfileReport:
    """The report on every try that is known."""
    cells = [cell for model in plan.models for cell in _cells(portfolio, plan, known, model)]
    pairs = [_beside(plan, known, plan.models[0], other) for other in plan.models[1:]]
    return ProfileReport(
        cells=tuple(cells),
        pairs=tuple(pair for pair in pairs if pair is not None),
        scored=len(known),
        missing=len(plan.ids) * len(plan.models) - len(known),
        failed=dict(Counter(failed)),
        calls=len(attempts),
        quote_nusd=plan.quote_nusd,
        spent_nusd=sum(attempt.cost_nusd for attempt in attempts),
        budget_nusd=plan.budget_nusd,
        notes=plan.notes,
    )


def _cells(portfolio: Portfolio, plan: ProfilePlan, known: Mapping[str, float], model: str) -> list[Cell]:
    groups: dict[tuple[str, str], list[int]] = {("all", "all tasks"): list(range(len(plan.tasks)))}
    for number, title in enumerate(plan.titles):
        groups["cluster", f"{number + 1}. {title}"] = [p for p, c in enumerate(plan.clusters) if c == number]
    for name in sorted({task.features.task_type for task in plan.tasks}):
        groups["task type", name] = [p for p, t in enumerate(plan.tasks) if t.features.task_type == name]
    return [_cell(portfolio, plan, known, model, by, name, places) for (by, name), places in groups.items()]


def _cell(
    portfolio: Portfolio,
    plan: ProfilePlan,
    known: Mapping[str, float],
    model: str,
    by: str,
    name: str,
    places: list[int],
) -> Cell:
    ids = [try_id(plan.ids[place], model) for place in places]
    scores = [known[one] for one in ids if one in known]
    prior = _prior(portfolio, model, [plan.tasks[place] for place in places])
    quality = fmean(scores) if scores else None
    return Cell(model, by, name, len(scores), quality, _se(scores), prior.quality, prior.se, prior.n, prior.source)


def _se(scores: Sequence[float]) -> float | None:
    """Standard error of a share after one more right and one more wrong answer (Agresti & Coull 1998)."""
    if not scores:
        return None
    share = (sum(scores) + 1) / (len(scores) + 2)
    return round(float((share * (1 - share) / (len(scores) + 2)) ** 0.5), 4)


def _prior(portfolio: Portfolio, model: str, tasks: Sequence[CheckedTask]) -> Belief:
    """What was believed of these tasks before anything was tried: the mean over them, the smallest n."""
    only, now = [Candidate.single(model)], Situation(portfolio=portfolio)
    kinds = {task.features.task_type: task.features for task in tasks}
    held = {kind: next(iter(priors(features, only, now).values())) for kind, features in kinds.items()}
    each = [held[task.features.task_type] for task in tasks]
    sources = "; ".join(dict.fromkeys(belief.source for belief in each))
    return Belief(fmean(b.quality for b in each), fmean(b.se for b in each), min(b.n for b in each), sources)


def _beside(plan: ProfilePlan, known: Mapping[str, float], first: str, second: str) -> Beside | None:
    both = [(known.get(try_id(one, first)), known.get(try_id(one, second))) for one in plan.ids]
    gaps = [a - b for a, b in both if a is not None and b is not None]
    if not gaps:
        return None
    return Beside(first, second, len(gaps), fmean(gaps), stdev(gaps) / len(gaps) ** 0.5 if len(gaps) > 1 else None)
