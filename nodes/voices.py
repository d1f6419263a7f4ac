"""What calibration and agreement make of the answers in hand: the current one's probability to be right."""

import math
from collections.abc import Mapping
from typing import Any

from orchestrator_graph.confidence.agreement import Voice, comparable, posterior
from orchestrator_graph.confidence.calibration import Calibrated
from orchestrator_graph.confidence.normalise import fingerprint
from orchestrator_graph.nodes.io import Io
from orchestrator_graph.state import SolveState
from orchestrator_graph.types import Subtask

__all__ = ["agreed", "own_confidence", "signals_in"]


def signals_in(answer: Mapping[str, Any]) -> dict[str, float]:
    """What an answer tells of itself; made from the sums of its log-probabilities where nothing more is known.

    >>> signals_in({"logprob": {"sum": 0.0, "mean": 0.0, "min": 0.0, "tokens": 1}})
    {'probability': 1.0, 'mean': 1.0, 'least': 1.0}
    """
    if answer.get("signals"):
        return dict(answer["signals"])
    summary = answer.get("logprob")
    if summary is None:
        return {}
    names = {"probability": "sum", "mean": "mean", "least": "min"}
    return {name: math.exp(min(0.0, summary[key])) for name, key in names.items()}


def own_confidence(who: str, signals: Mapping[str, float], state: SolveState, io: Io, subtask: Subtask) -> Calibrated:
    """An answer's probability from what it tells of itself and what was believed of `who` on this very task."""
    known = next((e for e in state["decision"]["ranking"] if e["candidate_id"] == who), None)
    # As in what was learnt from: by the outcomes alone. Priors from elsewhere would shift what curves were fitted to.
    learnt = None if known is None else known.get("learnt")
    believed = learnt if learnt is not None else math.nan if known is None else known["quality"]
    tenant = io.policy(state["task"]).tenant
    return io.services.calibration.confidence(who, subtask.features.task_type, signals, believed, tenant)


def agreed(state: SolveState, io: Io, subtask: Subtask) -> tuple[Calibrated, float]:
    """The current answer's own confidence, and what is left of it once everybody in hand was heard."""
    current, expects, task_type = state["current"], subtask.features.expects, subtask.features.task_type
    own = own_confidence(_author(current), signals_in(current), state, io, subtask)
    key = fingerprint(current["text"], expects)
    if not own.calibrated or not key:
        return own, own.probability
    voices = [Voice(current["model"], key, own.probability)]
    for tried in [*(state.get("hand") or []), current]:
        voices += _voices(tried, state, io, subtask, but=tried is current)
    tenant, collisions = io.policy(state["task"]).tenant, io.services.collisions
    space = io.services.calibration.space(tenant)

    def rate(one: str, other: str) -> float:
        return collisions.rate(one, other, expects, tenant, space, task_type)

    return own, posterior(comparable(voices, key, expects), rate)[key]


def _author(answer: Mapping[str, Any]) -> str:
    """Under whose name such answers are remembered: an answer that was written from others is its candidate's own."""
    written = answer["candidate"].startswith("fusion(")
    return str(answer["candidate"] if written or len(answer["said"]) < 2 else answer["model"])


def _voices(answer: Mapping[str, Any], state: SolveState, io: Io, subtask: Subtask, *, but: bool) -> list[Voice]:
    """Who said what in a try; `but` leaves out the text that was taken, of its author."""
    if answer["candidate"].startswith("fusion(") and but:
        return []  # the others are in the text that was written from them
    found, left_out = list[Voice](), not but
    single = len(answer["said"]) < 2
    for model, text in answer["said"]:
        taken = model == answer["model"] and text == answer["text"]
        if taken and not left_out:
            left_out = True
            continue
        who = answer["candidate"] if single else model
        own = own_confidence(who, signals_in(answer) if taken else {}, state, io, subtask)
        found.append(Voice(model, fingerprint(text, subtask.features.expects), own.probability))
    return found
