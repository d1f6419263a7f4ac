"""Which of several answers counts: the agreed one, the surest one, or the one that a judge model likes best."""

from dataclasses import dataclass

from orchestrator_graph.confidence.agreement import Voice
from orchestrator_graph.confidence.checks import check
from orchestrator_graph.confidence.in_hand import in_hand
from orchestrator_graph.confidence.normalise import fingerprint
from orchestrator_graph.confidence.requirements import requirements_of
from orchestrator_graph.confidence.signals import agreement, logprob_evidence, signals_of, summarise
from orchestrator_graph.nodes.assess import ask_judge
from orchestrator_graph.nodes.io import Io
from orchestrator_graph.nodes.prompt import fill
from orchestrator_graph.nodes.voices import own_confidence
from orchestrator_graph.state import SolveState
from orchestrator_graph.types import Attempt, Candidate, Subtask

__all__ = ["Choice", "choose"]

COMPARABLE_WORDS = 12
"""Longer free texts are never equal word for word, so that agreement cannot be read off them."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The attempt that counts, and what speaks for it.

    Attributes:
        agreement: Share of the asked answers that say the same; `None` where that cannot be told.
        judged: A judge's score in [0, 1], where one picked.
        calls: What the judging took.
    """

    attempt: Attempt
    agreement: float | None = None
    judged: float | None = None
    calls: tuple[Attempt, ...] = ()


async def choose(
    candidate: Candidate, good: list[Attempt], asked: int, state: SolveState, io: Io, subtask: Subtask
) -> Choice:
    """One of the good answers.

    A single one stands for itself. Where all are calibrated, the likeliest counts. Else, where members agree, the
    cheaper one's text counts; a consensus of which only one answered agrees with nobody. Answers that fail a check drop
    out first.
    """
    if candidate.kind == "single":
        return Choice(good[0])
    expects = subtask.features.expects
    wanted = requirements_of(subtask.features.text, expects)
    kind = subtask.features.task_type
    passing = [a for a in good if not any(e.decisive for e in check(a.text, expects, wanted, kind))] or good
    if not _comparable(passing, expects):
        return await _picked(passing, state, io, subtask)
    weighted = _weighted(passing, asked, state, io, subtask)
    if weighted is not None:
        return weighted
    index, share = agreement([attempt.text for attempt in passing], expects)
    share *= len(passing) / asked
    if candidate.kind == "consensus":
        return _consensus(passing, share)
    if share * asked > 1 or len(passing) == 1:
        return Choice(passing[index], share)
    if any(attempt.logprobs for attempt in passing):
        return Choice(max(passing, key=_sureness), share)
    return await _picked(passing, state, io, subtask, share)


def _weighted(passing: list[Attempt], asked: int, state: SolveState, io: Io, subtask: Subtask) -> Choice | None:
    """The likeliest answer, each vote weighted by its calibrated probability; `None` where one is not calibrated.

    Votes that err alike count for less, none is dropped.
    """
    expects, kind, tenant = subtask.features.expects, subtask.features.task_type, io.policy(state["task"]).tenant
    own = [own_confidence(a.model, signals_of(a), state, io, subtask) for a in passing]
    if not all(item.calibrated for item in own):
        return None
    keys, space = [fingerprint(a.text, expects) for a in passing], io.services.calibration.space(tenant)
    voices = [Voice(a.model, key, item.probability) for a, key, item in zip(passing, keys, own, strict=True)]
    rate = io.services.collisions.rate
    sure = in_hand(voices, expects, lambda a, b: rate(a, b, expects, tenant, space, kind))
    best = max(range(len(sure)), key=sure.__getitem__)
    same = [a for a, key in zip(passing, keys, strict=True) if key and key == keys[best]] or [passing[best]]
    alone = len(same) == 1 and len(passing) == 2
    return Choice(min(same, key=lambda a: (a.cost_nusd, a.latency_s)), 0.0 if alone else len(same) / asked)


def _comparable(attempts: list[Attempt], expects: str) -> bool:
    return expects != "text" or min(len(attempt.text.split()) for attempt in attempts) <= COMPARABLE_WORDS


def _consensus(passing: list[Attempt], share: float) -> Choice:
    if share == 1.0:
        return Choice(min(passing, key=lambda a: (a.cost_nusd, a.latency_s)), 1.0)
    # Two of two that differ agree with nobody; one of two that answered is one voice, not a consensus.
    return Choice(max(passing, key=_sureness), 0.0 if len(passing) == 2 else share)


async def _picked(
    passing: list[Attempt], state: SolveState, io: Io, subtask: Subtask, share: float | None = None
) -> Choice:
    """A judge that wrote none of them picks; without one, the surest or first, with what share agrees."""
    question, authors = fill(subtask.brief, state["answers"]), {attempt.model for attempt in passing}
    judged = await io.gather([ask_judge(io, state["task"], subtask, question, a.text, authors) for a in passing])
    calls = tuple(call for _, call in judged if call is not None)
    found = [evidence if evidence is not None and evidence.name == "judge" else None for evidence, _ in judged]
    scores = [None if evidence is None else evidence.said for evidence in found]
    heard = [score for score in scores if score is not None]
    if not heard:
        return Choice(max(passing, key=_sureness), share, calls=calls)
    return Choice(passing[scores.index(max(heard))], judged=max(heard), calls=calls)


def _sureness(attempt: Attempt) -> float:
    evidence = logprob_evidence(summarise(attempt))
    return evidence.value if evidence is not None else 0.0
