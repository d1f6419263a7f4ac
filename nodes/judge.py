"""Turns an answer into a verdict: free checks, then signals already paid for, then a judge where it is worth it."""

from dataclasses import replace
from typing import Any, Literal

from langgraph.types import Command

from orchestrator_graph.confidence.checks import check, normalise
from orchestrator_graph.confidence.signals import logprob_evidence
from orchestrator_graph.confidence.verdict import weigh
from orchestrator_graph.nodes.assess import ask_judge
from orchestrator_graph.nodes.io import Io, call_record
from orchestrator_graph.nodes.prompt import fill
from orchestrator_graph.nodes.result import finished
from orchestrator_graph.policy import Policy
from orchestrator_graph.state import SolveState
from orchestrator_graph.types import Attempt, Evidence, Subtask, Verdict, to_json

__all__ = ["judge"]

SIGNALS = frozenset({"log-probability", "agreement", "self-consistency", "judge"})
ALONE = 0.2
"""What disagreement with every voice leaves: a later, better model may still be the one that is right."""


async def judge(state: SolveState, io: Io) -> Command[Literal["escalate", "__end__"]]:
    """The judge node: verdict on the current answer; accepted ones end the subtask."""
    subtask, policy = Subtask.from_json(state["subtask"]), io.policy(state["task"])
    current = state["current"]
    if current["failure"] is not None:
        verdict = Verdict(0.0, "escalate", (Evidence(f"failed: {current['failure']['kind']}", 0.0, decisive=True),))
        call = None
    else:
        evidence = _free_evidence(state, subtask)
        call = await _paid_evidence(state, io, subtask, policy, evidence)
        verdict = _verdict(evidence, policy, subtask, first=not state.get("hand"))
    hand = [*(state.get("hand") or []), {**current, "verdict": to_json(verdict)}]
    io.emit("verdict", subtask=subtask.id, confidence=verdict.confidence, action=verdict.action)
    update: dict[str, Any] = {"hand": hand, "calls": call_record(call) if call is not None else {}}
    if verdict.action != "accept":
        return Command(goto="escalate", update=update)
    io.emit("result", subtask=subtask.id, status="accepted")
    calls = {**(state.get("calls") or {}), **update["calls"]}
    return Command(goto="__end__", update={**update, "results": finished({**state, "hand": hand}, calls, "accepted")})


def _free_evidence(state: SolveState, subtask: Subtask) -> list[Evidence]:
    current, expects = state["current"], subtask.features.expects
    evidence = list(check(current["text"], expects))
    signal = logprob_evidence(current["logprob"])
    evidence += [signal] if signal is not None else []
    if current["agreement"] is not None:
        name = "agreement" if current["independent"] else "self-consistency"
        evidence.append(Evidence(name, current["agreement"], f"{current['agreement']:.0%} of {current['asked']} agree"))
    elif current["judged"] is not None:
        evidence.append(Evidence("judge", current["judged"], f"best of {current['asked']} in a judge's eyes"))
    else:
        evidence += _echo(state, current, expects)
    estimates = state["decision"]["ranking"]
    believed = next((e for e in estimates if e["candidate_id"] == current["candidate"]), None)
    if believed is not None and believed["n"]:
        evidence.append(Evidence("prior quality", believed["quality"], f"estimate, n={believed['n']}"))
    return evidence


def _echo(state: SolveState, current: dict[str, Any], expects: str) -> list[Evidence]:
    """Agreement with what other models said before is evidence that was already paid for.

    A single doubted answer says nothing by differing: it would pull down only the later of the two. The members of an
    ensemble that could not agree do.
    """
    mine = normalise(current["text"], expects)
    same, other = 0, 0
    for tried in state.get("hand") or []:
        voices = [normalise(text, expects) for model, text in tried["said"] if model != current["model"]]
        same += sum(voice == mine for voice in voices)
        other += sum(voice != mine for voice in voices) if len(tried["said"]) > 1 else 0
    if not same and not other:
        return []
    share = max(same / (same + other), ALONE)
    return [Evidence("agreement", share, f"{same} earlier answers agree, {other} differ")]


async def _paid_evidence(
    state: SolveState, io: Io, subtask: Subtask, policy: Policy, evidence: list[Evidence]
) -> Attempt | None:
    """Asks a judge model only under low fault tolerance, and not about what a check or a judge has settled."""
    if policy.fault_tolerance != "low" or any(item.decisive or item.name == "judge" for item in evidence):
        return None
    current = state["current"]
    question, authors = fill(subtask.brief, state["answers"]), {model for model, _ in current["said"]}
    found, call = await ask_judge(io, state["task"], subtask, question, current["text"], authors)
    evidence.append(found or Evidence("not judged", 0.5, "no other model may judge"))
    return call


def _verdict(evidence: list[Evidence], policy: Policy, subtask: Subtask, *, first: bool) -> Verdict:
    """The weighed evidence; the first free text that nothing speaks for or against is accepted and says so."""
    threshold = policy.confidence_for(subtask.features.task_type)
    verdict = weigh(evidence, threshold)
    if any(item.decisive for item in evidence):
        return verdict
    heard = {item.name for item in evidence}
    if policy.fault_tolerance == "low" and heard.isdisjoint({"judge", "agreement"}):
        return replace(verdict, action="escalate")
    lenient = first and subtask.features.expects == "text" and policy.strategy != "cascade"
    if lenient and heard.isdisjoint(SIGNALS):
        note = Evidence("not judged", verdict.confidence, "free text without log-probabilities; no check failed")
        return Verdict(verdict.confidence, "accept", (*evidence, note))
    return verdict
