"""Turns an answer into a verdict: free checks, then signals already paid for, then a judge where it is worth it."""

from typing import Any, Literal

from langgraph.types import Command

from orchestrator_graph.confidence.checks import check, normalise
from orchestrator_graph.confidence.signals import logprob_evidence
from orchestrator_graph.confidence.verdict import weigh
from orchestrator_graph.nodes.assess import ask_judge
from orchestrator_graph.nodes.io import Io, call_record
from orchestrator_graph.nodes.result import finished
from orchestrator_graph.policy import Policy
from orchestrator_graph.state import SolveState
from orchestrator_graph.types import Attempt, Evidence, Subtask, Verdict, to_json

__all__ = ["judge"]


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
        verdict = _verdict(evidence, policy, subtask)
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
    else:
        evidence += _echo(state, current, expects)
    estimates = state["decision"]["ranking"]
    believed = next((e for e in estimates if e["candidate_id"] == current["candidate"]), None)
    if believed is not None and believed["n"]:
        evidence.append(Evidence("prior quality", believed["quality"], f"estimate, n={believed['n']}"))
    return evidence


def _echo(state: SolveState, current: dict[str, Any], expects: str) -> list[Evidence]:
    """Agreement with an earlier try of another model is evidence that was already paid for."""
    others = [a for a in state.get("hand") or [] if a["text"] and a["model"] != current["model"]]
    if not others:
        return []
    mine = normalise(current["text"], expects)
    share = sum(normalise(a["text"], expects) == mine for a in others) / len(others)
    return [Evidence("agreement", share, f"with {share:.0%} of {len(others)} earlier tries")] if share else []


async def _paid_evidence(
    state: SolveState, io: Io, subtask: Subtask, policy: Policy, evidence: list[Evidence]
) -> Attempt | None:
    """Asks a judge model only under low fault tolerance, and not about what a check has already settled."""
    if policy.fault_tolerance != "low" or any(item.decisive for item in evidence):
        return None
    current = state["current"]
    found, call = await ask_judge(io, state["task"], subtask, current["text"], {current["model"]})
    evidence.append(found or Evidence("not judged", 0.5, "no other model may judge"))
    return call


def _verdict(evidence: list[Evidence], policy: Policy, subtask: Subtask) -> Verdict:
    threshold = policy.confidence_for(subtask.features.task_type)
    verdict = weigh(evidence, threshold)
    signals = {"log-probability", "agreement", "self-consistency", "judge"}
    failed = any(item.decisive for item in evidence)
    unheard = not failed and not any(item.name in signals for item in evidence)
    if unheard and policy.fault_tolerance != "low":
        note = Evidence("not judged", verdict.confidence, "free text without log-probabilities; no check failed")
        return Verdict(verdict.confidence, "accept", (*evidence, note))
    return verdict
