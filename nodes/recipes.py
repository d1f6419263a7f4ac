"""How a candidate's members are asked and their answers combined: single, best of n, consensus."""

from dataclasses import dataclass
from typing import Any

from orchestrator_graph.confidence.checks import check
from orchestrator_graph.confidence.signals import agreement, logprob_evidence, summarise
from orchestrator_graph.nodes.assess import ask_judge
from orchestrator_graph.nodes.io import Io
from orchestrator_graph.nodes.prompt import prompt_for
from orchestrator_graph.policy import Policy
from orchestrator_graph.registry.spec import Portfolio
from orchestrator_graph.state import SolveState
from orchestrator_graph.types import Attempt, Candidate, Failure, Subtask

__all__ = ["Answer", "run_recipe"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a candidate came up with, before it is judged.

    Attributes:
        model: Whose text it is.
        logprob: Sum, mean, minimum and count of token log-probabilities, where there are any.
        agreement: Share of the asked answers that say the same; `None` where only one was asked.
        independent: The agreeing answers come from different models.
        streamed: Tokens went straight to the caller, so nothing else may be shown instead.
    """

    candidate: str
    text: str = ""
    model: str = ""
    failure: Failure | None = None
    logprob: dict[str, Any] | None = None
    agreement: float | None = None
    independent: bool = False
    asked: int = 1
    streamed: bool = False
    message_id: str = ""
    call_ids: tuple[str, ...] = ()


async def run_recipe(
    candidate: Candidate, state: SolveState, io: Io, *, shown: bool = False
) -> tuple[Answer, list[Attempt]]:
    """The candidate's answer and every call that it took.

    Args:
        candidate: Who is asked.
        state: The child graph's state.
        io: Effects.
        shown: Part of another answer went to the caller already, so that this one may not follow it piece by piece.
    """
    subtask = Subtask.from_json(state["subtask"])
    members = [(m.model, i, m.effort) for m in candidate.members for i in range(m.samples)]
    stream = (
        not shown
        and candidate.kind == "single"
        and _passes_through(candidate, state, await io.portfolio(), subtask, io.policy(state["task"]))
    )
    attempts = await io.gather([_ask(model, i, effort, state, io, subtask, stream) for model, i, effort in members])
    good = [attempt for attempt in attempts if attempt.ok]
    ids = tuple(attempt.id for attempt in attempts)
    if not good:
        seen = stream and any(attempt.text for attempt in attempts)
        failure = _worst(attempts)
        return Answer(candidate.id, failure=failure, asked=len(attempts), streamed=seen, call_ids=ids), attempts
    if candidate.kind == "best_of_n":
        best, share, extra = await _best(good, state, io, subtask)
        return _answer(candidate, best, len(attempts), ids, share, False), attempts + extra
    if candidate.kind == "consensus":
        best, agreed = _agreed(good, subtask.features.expects)
        return _answer(candidate, best, len(attempts), ids, agreed if len(good) > 1 else None, True), attempts
    return _answer(candidate, good[0], 1, ids, None, False, stream), attempts


def _passes_through(
    candidate: Candidate, state: SolveState, portfolio: Portfolio, subtask: Subtask, policy: Policy
) -> bool:
    """Whether tokens may go straight to the caller: one free-text task that nothing here would judge."""
    silent = not portfolio[candidate.members[0].model].has("logprobs")
    whole = state["task"].get("alone", False) and subtask.features.expects == "text"
    return whole and silent and policy.fault_tolerance != "low" and not state.get("hand")


async def _ask(
    model: str, sample: int, effort: str | None, state: SolveState, io: Io, subtask: Subtask, stream: bool
) -> Attempt:
    spec = (await io.portfolio())[model]
    messages = prompt_for(
        spec,
        subtask,
        state["answers"],
        state.get("messages") or [],
        alone=state["task"].get("alone", False),
        system_prompt=io.services.system_prompt,
    )
    return await io.call(model, messages, state["task"], subtask, sample=sample, effort=effort, stream=stream)


def _answer(
    candidate: Candidate,
    best: Attempt,
    asked: int,
    ids: tuple[str, ...],
    share: float | None,
    independent: bool,
    streamed: bool = False,
) -> Answer:
    return Answer(
        candidate=candidate.id,
        text=best.text,
        model=best.model,
        logprob=summarise(best),
        agreement=share,
        independent=independent,
        asked=asked,
        streamed=streamed,
        message_id=best.message_id,
        call_ids=ids,
    )


def _agreed(good: list[Attempt], expects: str) -> tuple[Attempt, float]:
    """Consensus: where all agree, the cheaper one's text; else the surer one's, with what share agreed."""
    _, share = agreement([attempt.text for attempt in good], expects)
    if share == 1.0:
        return min(good, key=lambda a: (a.cost_nusd, a.latency_s)), 1.0
    return max(good, key=_sureness), share if len(good) > 2 else 0.0


async def _best(
    good: list[Attempt], state: SolveState, io: Io, subtask: Subtask
) -> tuple[Attempt, float, list[Attempt]]:
    """Best of n: failed checks drop out, then the majority, then log-probabilities, then a judge model picks."""
    expects = subtask.features.expects
    passing = [a for a in good if not any(e.decisive for e in check(a.text, expects))] or good
    index, share = agreement([attempt.text for attempt in passing], expects)
    if len(passing) == 1 or share * len(passing) > 1:
        return passing[index], share, []
    if any(attempt.logprobs for attempt in passing):
        return max(passing, key=_sureness), share, []
    judged = await io.gather([ask_judge(io, state["task"], subtask, a.text, {a.model}) for a in passing])
    calls = [call for _, call in judged if call is not None]
    scores = [evidence.value if evidence is not None else 0.0 for evidence, _ in judged]
    return passing[scores.index(max(scores))], share, calls


def _sureness(attempt: Attempt) -> float:
    evidence = logprob_evidence(summarise(attempt))
    return evidence.value if evidence is not None else 0.0


def _worst(attempts: list[Attempt]) -> Failure:
    """The failure that says most about what to do next: one that another candidate could mend comes first."""
    failures = [attempt.failure for attempt in attempts if attempt.failure is not None]
    return next((f for f in failures if f.kind not in {"budget", "privacy", "cancelled"}), failures[0])
