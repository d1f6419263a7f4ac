"""Asks the reference about remembered tasks whose answer somebody judged, and labels what needs no second judge.

Where the reference says the same, it is worth the same: a label for nothing. Where it says something else, or where
answers cannot be compared, only a person knows: those are listed, never guessed.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from langchain_core.messages import HumanMessage

from orchestrator_graph.confidence.normalise import fingerprint
from orchestrator_graph.confidence.signals import signals_of
from orchestrator_graph.drive import Effects
from orchestrator_graph.evaluation.audit import AuditReport, Progress, Unlabelled
from orchestrator_graph.evaluation.plan import check_budget
from orchestrator_graph.evaluation.sampling import check_share, sampled
from orchestrator_graph.memory import RunRecord
from orchestrator_graph.memory.audited import Judged, judged
from orchestrator_graph.memory.profiled import try_id
from orchestrator_graph.memory.worth import ANSWER, WEIGHTS
from orchestrator_graph.nodes.features import read_features
from orchestrator_graph.nodes.io import Services
from orchestrator_graph.nodes.prompt import prompt_for
from orchestrator_graph.routing.expectation import expect
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Attempt, Candidate, Decision, Estimate, Outcome, Request, Subtask, new_id

__all__ = ["OpinionPlan", "ask_again", "plan_opinion"]

AUDIT = "audit"
WAVE = 4


@dataclass(frozen=True, slots=True)
class OpinionPlan:
    """Remembered tasks that the reference is to be asked about.

    Attributes:
        tasks: In the sample, not asked before, and expected to be paid for.
        sampled: Tasks in the sample, of `of` that have a trusted label.
        same: Of the sample, those that the reference answered: loss 0.
        waiting: Asked before; the answer waits for somebody's word.
        quote_nusd: What asking is expected to cost.
        budget_nusd: Never exceeded; `None` = nobody sends a bill.
    """

    reference: str
    tasks: tuple[Judged, ...]
    sampled: int
    of: int
    same: int
    quote_nusd: int
    budget_nusd: int | None
    waiting: tuple[Judged, ...] = ()
    notes: tuple[str, ...] = ()


async def plan_opinion(
    fx: Effects, services: Services, reference: str, share: float, budget_usd: float | None
) -> OpinionPlan:
    """What asking the reference again would cost. Calls no model; arguments and errors as of `plan_audit`."""
    check_share(share)
    portfolio, policy = await services.gateway.portfolio(fx), services.policy
    budget = check_budget(portfolio, [reference], budget_usd, private=policy.private)
    spec = portfolio[reference]
    known = await judged(fx, services.memory, policy.tenant)
    sample = [task for task in known if sampled(task.task_id, share)]
    left = [task for task in sample if reference not in task.tried | task.waiting]
    open_ones = [task for task in left if spec.is_local or not task.private]
    tasks, quote = list[Judged](), 0
    for task in open_ones:
        price = expect(spec, read_features(task.text), Situation()).cost_nusd or 0
        if budget is not None and quote + price > budget:
            break
        tasks.append(task)
        quote += price
    hidden = len(left) - len(open_ones)
    notes = (f"{hidden} private tasks are left out: {reference} does not run here",) if hidden else ()
    same = sum(task.candidate == reference for task in sample)
    waiting = tuple(task for task in sample if reference in task.waiting)
    return OpinionPlan(reference, tuple(tasks), len(sample), len(known), same, quote, budget, waiting, notes)


@dataclass(frozen=True, slots=True)
class _Opinion:
    task: Judged
    attempt: Attempt
    said: str

    @property
    def agrees(self) -> bool:
        return bool(self.said) and self.said == self.task.said


async def ask_again(
    fx: Effects, services: Services, plan: OpinionPlan, progress: Progress | None = None
) -> AuditReport:
    """Asks the reference what the plan says, wave by wave, each committed before the next; never beyond the budget.

    Raises:
        MemoryStoreError: What was found out cannot be remembered; what was committed before stays.
    """
    made, spent = list[_Opinion](), 0
    for start in range(0, len(plan.tasks), WAVE):
        wave = await _wave(fx, services, plan, plan.tasks[start : start + WAVE], spent)
        await services.memory.remember(fx, _record(plan.reference, wave))
        made, spent = made + wave, spent + sum(opinion.attempt.cost_nusd for opinion in wave)
        if progress is not None:
            progress(len(made), len(plan.tasks), spent)
        if not any(opinion.attempt.ok for opinion in wave):
            break  # the money is gone, or it does not answer: more of the same tells nothing
    good = [opinion for opinion in made if opinion.attempt.ok]
    free = sum(opinion.agrees for opinion in good)
    open_ones = [(task, "") for task in plan.waiting]
    open_ones += [(opinion.task, opinion.attempt.text) for opinion in good if not opinion.agrees]
    asked = (Unlabelled(_decision_id(task, plan.reference), task.task_id, task.text, text) for task, text in open_ones)
    return AuditReport(
        pairs=free,
        loss=0.0 if free else None,
        same=plan.same,
        free=free,
        calls=len(made),
        failed=len(made) - len(good),
        quote_nusd=plan.quote_nusd,
        spent_nusd=spent,
        budget_nusd=plan.budget_nusd,
        unlabelled=tuple(asked),
        notes=plan.notes,
    )


async def _wave(
    fx: Effects, services: Services, plan: OpinionPlan, tasks: Sequence[Judged], spent_nusd: int
) -> list[_Opinion]:
    name = new_id()
    left = None if plan.budget_nusd is None else plan.budget_nusd - spent_nusd
    lease = services.gateway.lease(name, cap_nusd=left, deadline_s=services.policy.deadline_s, found_cap_nusd=left or 0)

    async def ask(task: Judged) -> _Opinion:
        spec, features = (await services.gateway.portfolio(fx))[plan.reference], read_features(task.text)
        subtask = Subtask("1", task.text, features, private=task.private)
        talk = [HumanMessage(task.text)]
        messages = prompt_for(spec, subtask, {}, talk, alone=True, system_prompt=services.system_prompt)
        request = Request(tuple(messages), subtask_id="1", private=task.private)
        attempt = await services.gateway.call(fx, plan.reference, request, lease)
        return _Opinion(task, attempt, fingerprint(attempt.text, features.expects) if attempt.ok else "")

    try:
        return await fx.gather([ask(task) for task in tasks])
    finally:
        services.gateway.release(name)


def _record(reference: str, wave: Sequence[_Opinion]) -> RunRecord:
    """Calls, and of each answer an outcome; a decision of its own, so that somebody can vote on it later."""
    good = [opinion for opinion in wave if opinion.attempt.ok]
    estimate = Estimate(Candidate.single(reference), 0.0, 0.0, 0, AUDIT)
    why = "audit: the reference beside the answer that was given"
    return RunRecord(
        decisions=tuple(
            (o.task.task_id, Decision(_decision_id(o.task, reference), "1", (estimate,), (), {reference: 1.0}, why))
            for o in good
        ),
        calls=tuple((opinion.task.task_id, opinion.attempt) for opinion in wave),
        outcomes=tuple(_outcome(opinion, reference) for opinion in good),
        run_id=AUDIT,
    )


def _outcome(opinion: _Opinion, reference: str) -> Outcome:
    attempt, agrees = opinion.attempt, opinion.agrees
    return Outcome(
        id=try_id(opinion.task.task_id, reference),
        task_id=opinion.task.task_id,
        decision_id=_decision_id(opinion.task, reference),
        candidate=reference,
        score=opinion.task.score if agrees else 0.0,
        source="verified" if agrees else "not judged",
        weight=WEIGHTS["verified"] if agrees else 0.0,
        cost_nusd=attempt.cost_nusd,
        latency_s=attempt.latency_s,
        energy_j=attempt.energy_j,
        key=ANSWER,
        signals=signals_of(attempt),
        said=opinion.said,
    )


def _decision_id(task: Judged, reference: str) -> str:
    return hashlib.sha256(f"{AUDIT} {task.task_id} {reference}".encode()).hexdigest()[:32]
