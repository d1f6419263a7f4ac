"""How a candidate's members are asked and their answers combined: single, best of n, consensus, fusion."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator_graph.confidence.signals import signals_of, summarise
from orchestrator_graph.nodes.choice import Choice, choose
from orchestrator_graph.nodes.fuse import fusion_prompt
from orchestrator_graph.nodes.giving_up import limit_of
from orchestrator_graph.nodes.io import Io
from orchestrator_graph.nodes.prompt import prompt_for
from orchestrator_graph.policy import Policy
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.state import SolveState
from orchestrator_graph.types import Attempt, Candidate, Failure, Member, Subtask

__all__ = ["Answer", "answered", "run_recipe", "unusable"]

BROKEN_OFF = frozenset({"length", "truncated_stream"})


@dataclass(frozen=True, slots=True)
class Answer:
    """What a candidate came up with, before it is judged.

    Attributes:
        model: Whose text it is.
        logprob: Sum, mean, minimum and count of token log-probabilities, where there are any.
        signals: What its tokens tell of the answer, by name, each in [0, 1].
        agreement: Share of the asked answers that say the same; `None` where only one was asked.
        independent: The agreeing answers come from different models.
        judged: What a judge model gave it, where one picked among several.
        said: (model, text) of every answer that was heard, for agreement with later ones.
        streamed: Tokens went straight to the caller, so nothing else may be shown instead.
    """

    candidate: str
    text: str = ""
    model: str = ""
    failure: Failure | None = None
    logprob: dict[str, Any] | None = None
    signals: dict[str, float] = field(default_factory=dict)
    agreement: float | None = None
    independent: bool = False
    asked: int = 1
    judged: float | None = None
    said: tuple[tuple[str, str], ...] = ()
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
    panel = candidate.members[:-1] if candidate.kind == "fusion" else candidate.members
    stream = (
        not shown
        and io.listened()
        and candidate.kind == "single"
        and _passes_through(candidate, state, await io.portfolio(), subtask, io.policy(state["task"]))
    )
    asked = [(member, sample) for member in panel for sample in range(member.samples)]
    attempts = await io.gather([_ask(m, sample, state, io, subtask, stream=stream) for m, sample in asked])
    good = [attempt for attempt in attempts if attempt.ok]
    if not good:
        return unusable(candidate, attempts, stream), attempts
    if candidate.kind == "fusion":
        written = await _ask(candidate.members[-1], 0, state, io, subtask, panel=[a.text for a in good])
        attempts = [*attempts, written]
        choice = Choice(written) if written.ok else await choose(candidate, good, len(asked), state, io, subtask)
    else:
        choice = await choose(candidate, good, len(asked), state, io, subtask)
    return _answer(candidate, choice, good, attempts, stream), [*attempts, *choice.calls]


def _answer(candidate: Candidate, choice: Choice, good: list[Attempt], attempts: list[Attempt], stream: bool) -> Answer:
    """A fused answer agrees with nobody: it was written from the others."""
    best = choice.attempt
    heard = good if best in good else [*good, best]
    return Answer(
        candidate=candidate.id,
        text=best.text,
        model=best.model,
        logprob=summarise(best),
        signals=signals_of(best),
        agreement=choice.agreement,
        independent=candidate.kind in ("consensus", "fusion"),
        asked=len(attempts),
        judged=choice.judged,
        said=tuple((attempt.model, attempt.text) for attempt in heard),
        streamed=stream,
        message_id=best.message_id,
        call_ids=tuple(attempt.id for attempt in attempts),
    )


def answered(candidate: Candidate, attempt: Attempt) -> Answer:
    """A single model's good answer."""
    return _answer(candidate, Choice(attempt), [attempt], [attempt], stream=False)


def unusable(candidate: Candidate, attempts: list[Attempt], stream: bool = False) -> Answer:
    """A failure; text that broke off is kept in hand, since half an answer may be better than none."""
    part = next((a for a in attempts if a.failure and a.failure.kind in BROKEN_OFF and a.text.strip()), None)
    return Answer(
        candidate=candidate.id,
        text=part.text if part else "",
        model=part.model if part else "",
        failure=_worst(attempts),
        asked=len(attempts),
        streamed=stream and any(attempt.text for attempt in attempts),
        message_id=part.message_id if part else "",
        call_ids=tuple(attempt.id for attempt in attempts),
    )


def _passes_through(
    candidate: Candidate, state: SolveState, portfolio: Portfolio, subtask: Subtask, policy: Policy
) -> bool:
    """Whether tokens may go straight to the caller: one free-text task that nothing here would judge."""
    silent = not portfolio[candidate.members[0].model].has("logprobs")
    whole = state["task"].get("alone", False) and subtask.features.expects == "text"
    unjudged = policy.fault_tolerance != "low" and policy.strategy != "cascade"
    return whole and silent and unjudged and not state.get("hand")


async def _ask(
    member: Member,
    sample: int,
    state: SolveState,
    io: Io,
    subtask: Subtask,
    *,
    stream: bool = False,
    panel: Sequence[str] = (),
) -> Attempt:
    spec = (await io.portfolio())[member.model]
    messages = prompt_for(
        spec,
        subtask,
        state["answers"],
        state.get("messages") or [],
        alone=state["task"].get("alone", False),
        system_prompt=_system(state, io),
    )
    if panel:
        messages = fusion_prompt(messages, panel)
    options: dict[str, Any] = {"sample": sample, "effort": member.effort, "stream": stream}
    if state["task"].get("shaped") and io.services.shape is not None and spec.has("json"):
        options["json_schema"] = dict(io.services.shape.schema)
    if not (sample or panel or stream):
        who = Candidate.single(member.model, member.effort).id
        options["give_up_below"] = limit_of(who, state, io, subtask, spec.context)
    return await io.call(member.model, messages, state["task"], subtask, **options)


def _system(state: SolveState, io: Io) -> str:
    """The user's own system prompt, and the form of the answer where it is the whole task's."""
    shape = io.services.shape if state["task"].get("shaped") else None
    parts = [io.services.system_prompt, shape.instruction if shape else ""]
    return "\n\n".join(part for part in parts if part)


def _worst(attempts: list[Attempt]) -> Failure:
    """The failure that says most about what to do next: one that another candidate could mend comes first."""
    failures = [attempt.failure for attempt in attempts if attempt.failure is not None]
    return next((f for f in failures if f.kind not in {"budget", "privacy", "cancelled"}), failures[0])
