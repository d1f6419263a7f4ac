"""Escalate-only: once a tool was called, whoever goes on is believed to be at least as good. Pure; asks nobody."""

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator_graph.nodes.result import best_in_hand
from orchestrator_graph.nodes.transcript import steps_of, stuck
from orchestrator_graph.types import Candidate

__all__ = ["in_line", "upward"]

Estimate = dict[str, Any]


def in_line(state: Mapping[str, Any], local: frozenset[str]) -> list[Candidate]:
    """Who is asked next, and who after a failure: single models only, in the decision's order before the first tool.

    After it the candidate in use comes first, unless its last calls failed and somebody better is left; then those who
    are believed to be at least as good; whoever is believed to be worse comes last, which is better than no answer.

    Args:
        state: The child graph's state.
        local: Ids of the models on this machine: of a private subtask nobody else is asked.
    """
    entries = [e for e in state["decision"]["ranking"] if e["candidate"]["kind"] == "single"]
    if state["subtask"]["private"]:
        entries = [e for e in entries if e["candidate"]["members"][0]["model"] in local]
    tried, first = set(state.get("tried") or ()), _first(state)
    held = next((e for e in entries if e["candidate_id"] == first), None)
    rest = [e for e in entries if e is not held and e["candidate_id"] not in tried]
    if not steps_of(state):
        order = [*([held] if held else []), *rest]
    elif held is None:  # it may not be asked any more: the best takes over
        order = sorted(rest, key=lambda e: -e["quality"])
    else:
        order = _above(held, rest, stuck(state))
    return [Candidate.from_json(e["candidate"]) for e in order]


def _first(state: Mapping[str, Any]) -> str | None:
    holder = (state.get("loop") or {}).get("holder")
    target = state.get("target")
    return holder or (None if target is None else Candidate.from_json(target).id)


def _above(held: Estimate, rest: Sequence[Estimate], failing: bool) -> list[Estimate]:
    level = held["quality"]
    better = [e for e in rest if e["quality"] > level] if failing else []
    others = sorted((e for e in rest if e not in better), key=lambda e: e["quality"] < level)
    return [*better, held, *others]


def upward(left: Sequence[Estimate], state: Mapping[str, Any]) -> list[Estimate]:
    """Of those who may be asked after an answer, those who may go on from its tool results.

    All of them where no tool was called; somebody worse only where there is no answer at all.
    """
    if not steps_of(state):
        return list(left)
    ranking = state["decision"]["ranking"]
    last = next((e for e in ranking if e["candidate_id"] == state["tried"][-1]), None)
    if last is None:
        return list(left)
    above = [e for e in left if e["quality"] >= last["quality"]]
    return above or ([] if best_in_hand(state["hand"]) else list(left))
