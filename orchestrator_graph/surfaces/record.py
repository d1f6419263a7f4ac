"""What one call leaves behind: its bill and decision on the message, and rows in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from langchain_core.messages import AIMessage

from orchestrator_graph.confidence.checks import check
from orchestrator_graph.confidence.requirements import requirements_of
from orchestrator_graph.confidence.scorer import run_scorer
from orchestrator_graph.drive import Effects
from orchestrator_graph.errors import MemoryStoreError
from orchestrator_graph.memory import RunRecord, TaskRecord
from orchestrator_graph.memory.worth import ANSWER, WEIGHTS
from orchestrator_graph.nodes.billing import make_bill
from orchestrator_graph.nodes.io import Services, call_record
from orchestrator_graph.nodes.recall import embedding
from orchestrator_graph.nodes.router import decision_json
from orchestrator_graph.policy import Policy
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.surfaces.choice import Choice
from orchestrator_graph.surfaces.loop import RECORD, Loop
from orchestrator_graph.surfaces.observed import observe
from orchestrator_graph.types import Attempt, Features, Outcome

__all__ = ["Told", "decided", "remembered", "usable"]

SUBTASK = "1"
UNKNOWN = 0.5
"""What an answer is put down as that nobody looked at; it weighs nothing."""


KEPT = ("content", "additional_kwargs", "tool_calls", "invalid_tool_calls", "id", "name")
"""What a whole message has in common with the sum of its chunks."""


def usable(attempt: Attempt) -> bool:
    """Whether a caller is given it: an answer, or one that was cut at its greatest length."""
    cut = attempt.failure is not None and attempt.failure.kind == "length"
    return attempt.message is not None and (attempt.ok or cut)


@dataclass(frozen=True, slots=True)
class Told:
    """What happened in one call.

    Attributes:
        attempts: Every try, in order; the last one is the answer if there is one.
        began: Seconds since the epoch.
    """

    choice: Choice
    policy: Policy
    loop: Loop
    portfolio: Portfolio
    attempts: list[Attempt]
    began: float

    @property
    def answer(self) -> Attempt | None:
        """The try whose message is given to the caller."""
        return self.attempts[-1] if self.attempts and usable(self.attempts[-1]) else None

    @property
    def candidate(self) -> str:
        """Who answered, as a candidate; the first choice where nobody did."""
        names = [c.id for c in self.choice.ranking if self.attempts and c.members[0].model == self.attempts[-1].model]
        return names[0] if names else self.choice.ranking[0].id


async def remembered(fx: Effects, services: Services, told: Told) -> AIMessage | None:
    """Commits the call, and gives the answer with its record; `None` where there is no answer."""
    calls, result = _calls(told), _result(told)
    entries = {key: value for call in calls for key, value in call_record(call).items()}
    bill = _bill(services, told, entries, result)
    worth = await _worth(fx, services, told)
    observe(services.gateway.held(told.choice.run_id), told.choice.private, result, bill, entries)
    try:
        await services.memory.remember(fx, _rows(told, calls, worth), within_s=told.policy.deadline_s)
    except MemoryStoreError as error:  # the answer is paid for: it is given, and the bill says what was not kept
        bill["notes"].append(f"not remembered: {error}")
    services.paces.of(told.policy.budget).settle(entries)
    return None if told.answer is None else _message(told, told.answer, bill)


def _calls(told: Told) -> list[Attempt]:
    advice = told.choice.advice
    asked = None if advice is None else embedding(advice.lookup, SUBTASK, advice.features.tokens)
    return [*([asked] if asked else []), *told.attempts]


def _result(told: Told) -> dict[str, Any]:
    advice = told.choice.advice
    return {
        "id": SUBTASK,
        "decision": None if advice is None else decision_json(advice.decision),
        "candidate": told.candidate,
        "why": told.choice.why_after(told.attempts),
        "task_type": "" if advice is None else advice.features.task_type,
        "status": "failed" if told.answer is None else "accepted",
        "needs": [],
    }


def _bill(services: Services, told: Told, entries: dict[str, Any], result: dict[str, Any]) -> dict[str, Any]:
    advice = told.choice.advice
    notes = [*told.portfolio.notes, *(advice.notes if advice else ())]
    task = {"run_id": told.choice.run_id, "started_at": told.began, "notes": notes}
    return make_bill(task, entries, {SUBTASK: result}, told.portfolio, services.promises.references)


async def _worth(fx: Effects, services: Services, told: Told) -> tuple[str, float]:
    """Source and score of the answer: what deterministic checks say of it, else nothing."""
    advice, answer = told.choice.advice, told.answer
    if answer is None or advice is None or not answer.text.strip():
        return "not judged", UNKNOWN
    words: Features = advice.features
    wanted = requirements_of(words.text, words.expects)
    found = list(check(answer.text, words.expects, wanted, words.task_type))
    found += [await fx.offload(partial(run_scorer, n, scorer, answer.text)) for n, scorer in services.checks.items()]
    settling = [evidence.value for evidence in found if evidence.decisive]
    return ("verified", float(min(settling) >= UNKNOWN)) if settling else ("not judged", UNKNOWN)


def _rows(told: Told, calls: Sequence[Attempt], worth: tuple[str, float]) -> RunRecord:
    """The first call of a loop is the task; later ones are more calls of it, and an outcome where another took over."""
    choice, policy, loop = told.choice, told.policy, told.loop
    rows = decided(choice, policy, told.began) if not loop.decision_id else RunRecord(run_id=choice.run_id)
    kept = told.candidate == loop.candidate
    return replace(
        rows,
        calls=tuple((choice.decision_id, call) for call in calls),
        outcomes=() if kept or told.answer is None else (_outcome(told, told.answer, worth),),
        budget=policy.budget,
    )


def decided(choice: Choice, policy: Policy, now: float) -> RunRecord:
    """The rows of the task and its decision; none where the decision was made, and written, before."""
    if choice.advice is None:
        return RunRecord(run_id=choice.run_id)
    words, name = choice.advice.features, choice.decision_id
    row = TaskRecord(
        name, choice.run_id, SUBTASK, policy.tenant, policy.user_id, words.text, words.task_type, choice.private, now
    )
    return RunRecord((row,), ((name, choice.advice.decision),), run_id=choice.run_id)


def _outcome(told: Told, answer: Attempt, worth: tuple[str, float]) -> Outcome:
    source, score = worth
    return Outcome(
        id=f"{told.choice.decision_id}-{told.loop.steps}",
        task_id=told.choice.decision_id,
        decision_id=told.choice.decision_id,
        candidate=told.candidate,
        score=score,
        source=source,
        weight=WEIGHTS.get(source, 0.0),
        cost_nusd=answer.cost_nusd,
        latency_s=answer.latency_s,
        energy_j=answer.energy_j,
        key=ANSWER,
    )


def _message(told: Told, answer: Attempt, bill: dict[str, Any]) -> AIMessage:
    """The client's message; usage once, also where the client reported none."""
    choice, usage, given = told.choice, answer.usage, answer.message
    proved = bool(bill["proved"])
    record = {
        **{name: getattr(choice, name) for name in ("run_id", "decision_id", "private")},
        "why": choice.why_after(told.attempts),
        "candidate": told.candidate,
        "model": answer.model,
        "provider": told.portfolio[answer.model].provider,
        "proved": proved,
        "certificate": choice.certificate if proved else "",
        "spent_nusd": told.loop.spent_nusd + bill["total_nusd"],
        "steps": told.loop.steps + 1,
        "bill": bill,
    }
    meta = {
        **given.response_metadata,
        "model_name": answer.answered_by or answer.model,
        "run_id": choice.run_id,
        "decisions": {SUBTASK: choice.decision_id},
        "total_usd": bill["total_usd"],
        "proved": proved,
        RECORD: record,
    }
    total = usage.input_tokens + usage.output_tokens
    counted = {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens, "total_tokens": total}
    used = {"response_metadata": meta, "usage_metadata": given.usage_metadata or counted}
    plain = AIMessage(**{name: getattr(given, name) for name in KEPT})
    return plain.model_copy(update=used)
