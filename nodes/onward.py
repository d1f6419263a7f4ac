"""Cascade routing in a run: what it is worth to begin with each candidate, and whom to ask after an answer."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator_graph.confidence.cascade import next_step
from orchestrator_graph.nodes.io import Io
from orchestrator_graph.nodes.situation import situation
from orchestrator_graph.nodes.voices import agreed, own_confidence, signals_in
from orchestrator_graph.policy import Policy
from orchestrator_graph.routing.selector import Utility
from orchestrator_graph.state import SolveState
from orchestrator_graph.types import Decision, Estimate, Subtask

__all__ = ["HOPELESS", "ahead", "heard_again", "onward"]

HOPELESS = 0.02
"""Confidence after a failure or a failed check: other answers do not make up for it."""


def ahead(io: Io, policy: Policy, task_type: str) -> dict[str, Any]:
    """`Situation.ahead` and `Situation.gains`, as far as outcomes taught them."""
    services, tenant = io.services, policy.tenant
    found: dict[str, Any] = {"gains": services.replay.gains(task_type, tenant)}
    if policy.strategy != "auto" or policy.guard == "strict" or not services.calibration.space(tenant):
        return found

    def worth(names: Sequence[str], quality: Sequence[float], costs: Sequence[float]) -> list[float]:
        import numpy as np

        from orchestrator_graph.confidence.expected_best import reservations

        told = [_resolution(io, name, task_type, tenant) for name in names]
        return list(map(float, reservations(np.array(quality), np.array(told), np.array(costs))))

    return {**found, "ahead": worth}


def heard_again(state: SolveState, io: Io, subtask: Subtask) -> list[dict[str, Any]]:
    """The answers in hand, each as sure as all of them together make it.

    What was never calibrated stays as it is, and so does what a judge or unit tests spoke on.
    """
    hand = state["hand"]
    again = []
    for place, answer in enumerate(hand):
        verdict = answer["verdict"]
        judged = any(item["name"] in ("judge", "unit tests") for item in verdict["evidence"])
        if len(hand) > 1 and _counts(answer) and not judged:
            others: Any = {**state, "current": answer, "hand": [*hand[:place], *hand[place + 1 :]]}
            verdict = {**verdict, "confidence": round(agreed(others, io, subtask)[1], 4)}
        again.append({**answer, "verdict": verdict})
    return again


async def onward(state: SolveState, io: Io, subtask: Subtask, policy: Policy, left: list[dict[str, Any]]) -> str | None:
    """Id of the candidate to ask next; `None` = asking none of these pays.

    All that is left is estimated anew by what was heard; then whatever pays by E[max] minus its price is asked. Below
    the confidence that the policy wants, price is no reason to stop while one is believed to be surer than the best
    answer in hand: the floor stays a floor.

    Args:
        state: The child graph's state; the last answer is calibrated.
        io: Effects and services.
        subtask: What is to be done.
        policy: The policy in force.
        left: Entries of the ranking that may be asked.
    """
    import numpy as np

    if not left:
        return None
    ranking = Decision.from_json(state["decision"]).ranking
    offered = [e for e in ranking if e.candidate.kind in ("single", "best_of_n")]  # as the router saw them
    utility = Utility.among(offered, policy, await situation(io, state["task"], private=subtask.private))
    by_id = {e.candidate.id: e for e in ranking}
    options = [by_id[entry["candidate_id"]] for entry in left]
    tenant = policy.tenant
    believed = {e.candidate.id: e.quality for e in options}
    moved = io.services.shifts.shifted(
        believed, _heard(state, io, subtask), tenant, io.services.calibration.space(tenant)
    )
    quality = np.array([moved[e.candidate.id] for e in options])
    kind = subtask.features.task_type
    told = np.array([_resolution(io, e.candidate.id, kind, tenant) for e in options])
    costs = np.array([_lost(e, utility) for e in options])
    sure = max((a["verdict"]["confidence"] for a in state["hand"] if a["text"]), default=0.0)
    step = next_step(quality, told, costs, sure, policy.lookahead)
    if step is None and sure < policy.confidence_for(kind) and (better := np.flatnonzero(quality > sure)).size:
        nearest = next_step(quality[better], told[better], costs[better], None, policy.lookahead)
        step = None if nearest is None else int(better[nearest])
    return None if step is None else options[step].candidate.id


def _lost(estimate: Estimate, utility: Utility) -> float:
    """Points that its price, time and energy take off."""
    return max(0.0, estimate.quality - utility(estimate))


def _resolution(io: Io, candidate: str, task_type: str, tenant: str) -> float:
    """How far its confidence will tell right from wrong; nothing where it was never compared with outcomes."""
    calibration = io.services.calibration
    known = calibration.confidence(candidate, task_type, {}, math.nan, tenant).calibrated
    return calibration.resolution(candidate, task_type, tenant) if known else 0.0


def _heard(state: SolveState, io: Io, subtask: Subtask) -> dict[str, tuple[float, float]]:
    """Candidate -> (what was believed of it, how sure its answer is by its own evidence), where that is calibrated."""
    ranking: Mapping[str, float] = {e["candidate_id"]: e["quality"] for e in state["decision"]["ranking"]}
    found = {}
    for answer in filter(_counts, state["hand"]):
        who = answer["candidate"]
        own = own_confidence(who, signals_in(answer), state, io, subtask)
        if own.calibrated and who in ranking and len(answer["said"]) < 2:
            found[who] = (ranking[who], own.probability)
    return found


def _counts(answer: Mapping[str, Any]) -> bool:
    return answer["failure"] is None and answer["verdict"]["calibrated"] and answer["verdict"]["confidence"] > HOPELESS
