"""Runs the reference beside the policy on a sampled share of tasks with known answers, within a quoted budget.

What is found out are pairs, which certificates and their monitor live on. It is profiling (`plan`, `profile`) of the
policy's choice and the reference, so it is committed wave by wave, can be resumed, and repeated asks nothing twice.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from orchestrator_graph.drive import Effects
from orchestrator_graph.evaluation.plan import ProfilePlan, check_budget, plan_profile
from orchestrator_graph.evaluation.profile import carry_out
from orchestrator_graph.evaluation.sampling import check_share, sampled
from orchestrator_graph.evaluation.tasks import CheckedTask
from orchestrator_graph.memory.profiled import scored, try_id
from orchestrator_graph.nodes.io import Services
from orchestrator_graph.types import Candidate, Decision

__all__ = ["AuditPlan", "AuditReport", "Unlabelled", "audit", "plan_audit"]

Choose = Callable[[str], Awaitable[Decision]]
Progress = Callable[[int, int, int], None]
"""(asked so far, to be asked, nano-dollars spent)."""


@dataclass(frozen=True, slots=True)
class AuditPlan:
    """Who is to be asked what beside whom.

    Attributes:
        profiles: One per candidate that the policy chooses, on the tasks that it chooses it for.
        sampled: Tasks in the sample, of `of`.
        same: Of the sample, those that the reference answers anyway: they lose nothing.
        beside: On those the model chosen most elsewhere, and the reference, until a promise is kept: labels of what the
            policy thinks easy alone would say nothing of the rest.
        quote_nusd: What asking is expected to cost.
        budget_nusd: Never exceeded; `None` = nobody sends a bill.
    """

    reference: str
    profiles: tuple[ProfilePlan, ...]
    sampled: int
    of: int
    same: int
    quote_nusd: int
    budget_nusd: int | None
    notes: tuple[str, ...] = ()
    beside: tuple[ProfilePlan, ...] = ()

    @property
    def asks(self) -> int:
        """Tasks that are to be asked about."""
        return sum(len(profile.asks) for profile in (*self.profiles, *self.beside))


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """An answer of the reference that only a person can judge; `id` is what to vote on (`orchestrator feedback`).

    Attributes:
        answer: `""` where it was given in an earlier audit: the memory keeps no answers.
    """

    id: str
    task_id: str
    task: str
    answer: str


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What an audit found.

    Attributes:
        pairs: Tasks on which policy and reference both have a score, those of earlier audits included.
        loss: Mean of reference minus policy on them; `None` without pairs.
        same: Tasks that the reference answers anyway: loss 0.
        free: Pairs whose label cost nothing, because both said the same.
        unlabelled: Answers that need somebody's word; nothing is guessed.
        failed: Calls without an answer.
    """

    pairs: int
    loss: float | None
    same: int
    free: int
    calls: int
    failed: int
    quote_nusd: int
    spent_nusd: int
    budget_nusd: int | None
    unlabelled: tuple[Unlabelled, ...] = ()
    notes: tuple[str, ...] = ()


async def plan_audit(
    fx: Effects,
    services: Services,
    tasks: Sequence[CheckedTask],
    reference: str,
    share: float,
    budget_usd: float | None,
    choose: Choose,
) -> AuditPlan:
    """What an audit of these tasks would ask and cost. Calls no model.

    Args:
        fx: Effects.
        services: Whose memory and models.
        tasks: With known answers.
        reference: Model that is measured against.
        share: Of the tasks, in (0, 1].
        budget_usd: Needed where somebody sends a bill.
        choose: The policy's decision for a text.

    Raises:
        InputError: A share or budget that makes no sense.
        RegistryError, PrivacyError, MemoryStoreError: As `plan_profile`.
    """
    check_share(share)
    tenant, private = services.policy.tenant, services.policy.private
    budget = check_budget(await services.gateway.portfolio(fx), [reference], budget_usd, private=private)
    sample = [task for task in tasks if sampled(task.id(tenant), share)]
    groups, proved = await _chosen(sample, choose)
    several, same = len(groups.pop("", ())), groups.pop(reference, [])
    usual = max(groups, key=lambda model: len(groups[model]), default="")
    whom = [*groups.items(), *([(usual, same)] if usual and same and not proved else [])]
    profiles, quote = list[ProfilePlan](), 0
    for model, own in whom:
        left = None if budget is None else max(0, budget - quote) * 1e-9
        profiles.append(await plan_profile(fx, services, model, own, left, [reference]))
        quote += profiles[-1].quote_nusd
    notes = _notes(reference, several, alone=bool(same and not groups))
    at, counts = len(groups), (len(sample), len(tasks), len(same))
    return AuditPlan(reference, tuple(profiles[:at]), *counts, quote, budget, notes, tuple(profiles[at:]))


def _notes(reference: str, several: int, *, alone: bool) -> tuple[str, ...]:
    out = f"{several} tasks are left out: the policy asks several models, or none, for them"
    how = f"{reference} answers all of them; pairs come from orchestrator models profile MODEL --beside {reference}"
    return (out,) * bool(several) + (how,) * alone


async def _chosen(sample: Sequence[CheckedTask], choose: Choose) -> tuple[dict[str, list[CheckedTask]], bool]:
    """Model that the policy asks -> tasks, `""` = not one alone; and whether it follows a promise."""
    groups, proved = dict[str, list[CheckedTask]](), False
    for task in sample:
        decision = await choose(task.text)
        proved |= decision.proved
        groups.setdefault(_asked_once(decision.ranking[0].candidate) if decision.ranking else "", []).append(task)
    return groups, proved


def _asked_once(candidate: Candidate) -> str:
    """The model of a candidate that is a model asked once, as it is; else nothing."""
    model = candidate.members[0].model
    return model if candidate == Candidate.single(model) else ""


async def audit(fx: Effects, services: Services, plan: AuditPlan, progress: Progress | None = None) -> AuditReport:
    """Asks what the plan says, never beyond its budget, and reports.

    Raises:
        MemoryStoreError: What was found out cannot be remembered; what was committed before stays.
    """
    spent, calls, failed, done, losses = 0, 0, 0, 0, list[float]()
    for number, profile in enumerate((*plan.profiles, *plan.beside)):
        left = None if plan.budget_nusd is None else plan.budget_nusd - spent

        def told(tasks: int, _of: int, nusd: int, before: tuple[int, int] = (done, spent)) -> None:
            if progress is not None:
                progress(before[0] + tasks, plan.asks, before[1] + nusd)

        report = await carry_out(fx, services, replace(profile, budget_nusd=left), told)
        spent, done = spent + report.spent_nusd, done + len(profile.asks)
        calls, failed = calls + report.calls, failed + sum(report.failed.values())
        losses += await _losses(fx, services, profile) if number < len(plan.profiles) else []
    mean = sum(losses) / len(losses) if losses else None
    return AuditReport(
        len(losses), mean, plan.same, 0, calls, failed, plan.quote_nusd, spent, plan.budget_nusd, notes=plan.notes
    )


async def _losses(fx: Effects, services: Services, profile: ProfilePlan) -> list[float]:
    policy, reference = profile.models
    known = await scored(fx, services.memory, [try_id(task, name) for task in profile.ids for name in profile.models])
    pairs = ((known.get(try_id(task, reference)), known.get(try_id(task, policy))) for task in profile.ids)
    return [best - other for best, other in pairs if best is not None and other is not None]
