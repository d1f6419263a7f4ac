"""A subtask's result as users see it, made from the answers in hand."""

import re
from collections.abc import Mapping
from typing import Any

from orchestrator_graph.confidence.settle import what_would_settle
from orchestrator_graph.nodes.transcript import seen_by_users
from orchestrator_graph.types import Evidence

__all__ = ["best_in_hand", "finished", "readable"]

SHORT_ANSWER = 40


def readable(brief: str, answers: Mapping[str, str]) -> str:
    """A brief without placeholders: short answers in place, long or missing ones named.

    >>> readable("Count the letter n in {1}", {"1": "nretnal"})
    'Count the letter n in nretnal'
    >>> readable("Translate {1}", {})
    'Translate the result of 1'
    """

    def place(match: re.Match[str]) -> str:
        answer = answers.get(match.group(1), "").strip()
        return (
            answer
            if answer and len(answer) <= SHORT_ANSWER and "\n" not in answer
            else f"the result of {match.group(1)}"
        )

    return re.sub(r"\{(\d{1,2})\}", place, brief)


def best_in_hand(hand: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The answer with the greatest confidence, the earliest among equals; None where every try failed."""
    answers = [answer for answer in hand if answer["text"]]
    return max(answers, key=lambda a: a["verdict"]["confidence"]) if answers else None


def finished(
    state: Mapping[str, Any], calls: Mapping[str, dict[str, Any]], status: str, answer: dict[str, Any] | None = None
) -> dict[str, dict[str, Any]]:
    """The result entry for this subtask's id.

    Args:
        state: The child graph's state with all answers in hand.
        calls: Every call made for the subtask, for its bill.
        status: `accepted`, `unsure` or `failed`.
        answer: The answer that counts; the last one where None.
    """
    hand = state["hand"]
    kept = answer or hand[-1]
    subtask, decision = state["subtask"], state["decision"]
    return {
        subtask["id"]: {
            "id": subtask["id"],
            "brief": readable(subtask["brief"], state["answers"]),
            "task_type": subtask["features"]["task_type"],
            "needs": subtask["needs"],
            "answer": "" if status == "failed" else kept["text"],
            "status": status,
            "missing": _missing(hand[-1]["failure"]) if status == "failed" else None,
            "candidate": kept["candidate"],
            "why": _why(decision["why"], _steps(state, calls), kept, status),
            "confidence": None if status == "failed" else kept["verdict"]["confidence"],
            "calibrated": kept["verdict"]["calibrated"],
            "settle": _settle(kept["verdict"], subtask["features"]["expects"]) if status == "unsure" else None,
            "escalations": len(hand) - 1,
            **_taken(list(calls.values())),
            "decision": decision,
            "verdict": kept["verdict"],
            "hand": [_tried(item) for item in hand],
            "message_id": kept["message_id"] if kept["streamed"] else "",
            **seen_by_users(state),
        }
    }


def _settle(verdict: Mapping[str, Any], expects: str) -> str:
    return what_would_settle([Evidence(**item) for item in verdict["evidence"]], expects, verdict["calibrated"])


def _missing(failure: dict[str, Any] | None) -> str:
    return f"{failure['kind']}: {failure['message']}" if failure else "no answer"


def _taken(calls: list[dict[str, Any]]) -> dict[str, Any]:
    """Who was asked how often, and what all calls of the subtask took, judging and embedding included."""
    asked = [call for call in calls if call["purpose"] == "execute"]
    cost = sum(call["cost_nusd"] for call in calls)
    energies = [call["energy_j"] for call in calls if call["energy_j"] is not None]
    return {
        "models": list(dict.fromkeys(call["model"] for call in asked)),
        "tries": sum(call["tries"] for call in asked),
        "cost_nusd": cost,
        "cost_usd": cost / 1e9,
        "latency_s": round(sum(call["latency_s"] for call in calls), 6),
        "energy_j": sum(energies) if energies else None,
    }


def _why(why: str, steps: list[tuple[str, str]], kept: dict[str, Any], status: str) -> str:
    """The decision's sentence is about the first one asked: where others were asked, too, it says so."""
    if len(steps) == 1 and status == "accepted":
        return why
    walked = " > ".join(f"{name or 'nothing'} {outcome}" for name, outcome in steps)
    ending = {"accepted": "accepted", "unsure": f"kept {kept['candidate']}, unsure", "failed": "no answer"}[status]
    return f"first {steps[0][0] or 'nobody'}: {why}; {walked}: {ending}"


def _steps(state: Mapping[str, Any], calls: Mapping[str, dict[str, Any]]) -> list[tuple[str, str]]:
    """Who was asked, in order, and what came of it: the judged answers, and between them those that failed."""
    left, steps = list(state["hand"]), list[tuple[str, str]]()
    failed = {call["model"]: call["failure"]["kind"] for call in calls.values() if call["failure"]}
    for name in state.get("tried") or []:
        if left and left[0]["candidate"] == name:
            steps.append((name, _outcome(left.pop(0))))
        else:
            steps.append((name, f"failed ({failed[name]})" if name in failed else "no answer"))
    return steps + [(item["candidate"], _outcome(item)) for item in left]


def _outcome(item: dict[str, Any]) -> str:
    failure = item["failure"]
    return failure["kind"] if failure else f"{item['verdict']['confidence']:.2f}"


def _tried(item: dict[str, Any]) -> dict[str, Any]:
    keys = ("candidate", "model", "text", "verdict", "call_ids")
    failure = item["failure"]
    told = {"signals": item.get("signals") or {}, "failure": failure["kind"] if failure else None}
    return {**{key: item[key] for key in keys}, **told}
