"""Profiles a model on tasks whose answers can be checked, and remembers what was found out, so that routing knows it.

Each wave of tasks is committed before the next one begins: interrupted, it is resumed where it stopped; repeated, it
asks and pays nothing.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from langchain_core.messages import HumanMessage

from orchestrator_graph.confidence.normalise import fingerprint
from orchestrator_graph.confidence.signals import signals_of
from orchestrator_graph.drive import Effects
from orchestrator_graph.evaluation.plan import ProfilePlan
from orchestrator_graph.evaluation.report import ProfileReport, report_of
from orchestrator_graph.evaluation.tasks import CheckedTask
from orchestrator_graph.gateway.budget import Lease
from orchestrator_graph.memory import RunRecord, TaskRecord
from orchestrator_graph.memory.profiled import PROFILE, try_id
from orchestrator_graph.memory.worth import WEIGHTS
from orchestrator_graph.nodes.io import Services
from orchestrator_graph.nodes.prompt import prompt_for
from orchestrator_graph.types import Attempt, Outcome, Request, Subtask, new_id

__all__ = ["carry_out"]

WAVE = 4
OWN_FAULT = frozenset({"empty", "refusal", "content_filtered"})
"""Failures that say something about the model; of the others nothing is learnt."""

Progress = Callable[[int, int, int], None]
"""(tasks done, tasks to be done, nano-dollars spent)."""


@dataclass(frozen=True, slots=True)
class _Try:
    place: int
    model: str
    attempt: Attempt
    score: float | None


async def carry_out(
    fx: Effects, services: Services, plan: ProfilePlan, progress: Progress | None = None
) -> ProfileReport:
    """Asks what the plan says, never beyond its budget, and reports on all that is now known of these tasks.

    Raises:
        MemoryStoreError: What was found out cannot be remembered; what was committed before stays.
    """
    tries, spent, known = list[_Try](), 0, dict(plan.known)
    for start in range(0, len(plan.asks), WAVE):
        made = await _wave(fx, services, replace(plan, known=known), plan.asks[start : start + WAVE], spent)
        await services.memory.remember(fx, _record(services, plan, made))
        known |= {try_id(plan.ids[t.place], t.model): t.score for t in made if t.score is not None}
        tries, spent = tries + made, spent + sum(t.attempt.cost_nusd for t in made)
        if progress is not None:
            progress(min(start + WAVE, len(plan.asks)), len(plan.asks), spent)
        if any(_kind(t) == "budget" for t in made) or all(t.score is None for t in made):
            break  # the money is gone, or nobody answers: more of the same tells nothing
    failed = [f"{t.model}: {_kind(t)}" for t in tries if t.score is None]
    return report_of(await services.gateway.portfolio(fx), plan, known, [t.attempt for t in tries], failed)


def _kind(tried: _Try) -> str:
    return tried.attempt.failure.kind if tried.attempt.failure else ""


async def _wave(
    fx: Effects, services: Services, plan: ProfilePlan, places: Sequence[int], spent_nusd: int
) -> list[_Try]:
    """The tries of a few tasks side by side, under one lease with what is left of the budget."""
    name = new_id()
    left = None if plan.budget_nusd is None else plan.budget_nusd - spent_nusd
    deadline = services.policy.deadline_s
    lease = services.gateway.lease(name, cap_nusd=left, deadline_s=deadline, found_cap_nusd=left or 0)
    try:
        return await fx.gather([
            _ask(fx, services, plan.tasks[place], place, model, lease)
            for place in places
            for model in plan.models
            if try_id(plan.ids[place], model) not in plan.known
        ])  # fmt: skip
    finally:
        services.gateway.release(name)


async def _ask(fx: Effects, services: Services, task: CheckedTask, place: int, model: str, lease: Lease) -> _Try:
    spec = (await services.gateway.portfolio(fx))[model]
    private = services.policy.private
    subtask = Subtask("1", task.text, task.features, private=private)
    talk = [HumanMessage(task.text)]
    messages = prompt_for(spec, subtask, {}, talk, alone=True, system_prompt=services.system_prompt)
    attempt = await services.gateway.call(fx, model, Request(tuple(messages), subtask_id="1", private=private), lease)
    if attempt.ok:
        return _Try(place, model, attempt, task.score(attempt.text))
    told = attempt.failure is not None and attempt.failure.kind in OWN_FAULT
    return _Try(place, model, attempt, 0.0 if told else None)


def _record(services: Services, plan: ProfilePlan, tries: Sequence[_Try]) -> RunRecord:
    """Tasks, calls and outcomes; a try that tells nothing leaves only its call."""
    policy, now = services.policy, time.time()
    tasks = [
        TaskRecord(
            id=plan.ids[place],
            run_id=PROFILE,
            subtask_id="1",
            tenant=policy.tenant,
            # A voice of its own: what the operator checked is no user's vote that a neighbourhood is guarded against.
            user_id=f"{PROFILE}:{plan.ids[place][:8]}",
            text=plan.tasks[place].features.text,
            task_type=plan.tasks[place].features.task_type,
            private=policy.private,
            created_at=now,
        )
        for place in dict.fromkeys(t.place for t in tries if t.score is not None)
    ]
    outcomes = [
        Outcome(
            id=try_id(plan.ids[t.place], t.model),
            task_id=plan.ids[t.place],
            decision_id="",
            candidate=t.model,
            score=t.score,
            source="verified",
            weight=WEIGHTS["verified"],
            cost_nusd=t.attempt.cost_nusd,
            latency_s=t.attempt.latency_s,
            energy_j=t.attempt.energy_j,
            key=PROFILE,
            signals=signals_of(t.attempt),
            said=fingerprint(t.attempt.text, plan.tasks[t.place].features.expects),
        )
        for t in tries
        if t.score is not None
    ]
    calls = [(plan.ids[t.place], t.attempt) for t in tries]
    return RunRecord(tuple(tasks), (), tuple(calls), tuple(outcomes), run_id=PROFILE)
