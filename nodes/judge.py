"""Turns an answer into a verdict: free checks, then signals already paid for, then a judge where it is worth it."""

from dataclasses import replace
from typing import Any, Literal

from langgraph.types import Command

from orchestrator_graph.confidence.calibration import Calibrated
from orchestrator_graph.confidence.verdict import settle, weigh
from orchestrator_graph.confidence.worth_asking import believed_accuracy, value_of_asking
from orchestrator_graph.nodes.assess import ask_author, ask_judge, judge_pays
from orchestrator_graph.nodes.bound import bound, kept
from orchestrator_graph.nodes.free_evidence import free_evidence
from orchestrator_graph.nodes.io import Io, call_record
from orchestrator_graph.nodes.prompt import fill
from orchestrator_graph.nodes.result import finished
from orchestrator_graph.nodes.transcript import told
from orchestrator_graph.nodes.voices import agreed, signals_in
from orchestrator_graph.policy import Policy
from orchestrator_graph.state import SolveState
from orchestrator_graph.types import Attempt, Decision, Evidence, Subtask, Verdict, to_json

__all__ = ["judge"]

SIGNALS = frozenset({"log-probability", "agreement", "self-consistency", "judge"})


async def judge(state: SolveState, io: Io) -> Command[Literal["escalate", "__end__"]]:
    """The judge node: verdict on the current answer; accepted ones end the subtask."""
    subtask, policy = Subtask.from_json(state["subtask"]), io.policy(state["task"])
    current = state["current"]
    if current["failure"] is not None:
        verdict = Verdict(0.0, "escalate", (Evidence(f"failed: {current['failure']['kind']}", 0.0, decisive=True),))
        call = None
    else:
        evidence = await free_evidence(state, io, subtask)
        own, heard = agreed(state, io, subtask)
        first = not state.get("hand")
        so_far = _judged(evidence, own, heard, policy, subtask, first=first)
        call = await _paid_evidence(state, io, subtask, policy, evidence, so_far)
        verdict = kept(_verdict(evidence, own, heard, policy, subtask, first=first), state)
    hand = [*(state.get("hand") or []), {**current, "signals": signals_in(current), "verdict": to_json(verdict)}]
    io.emit("verdict", subtask=subtask.id, confidence=verdict.confidence, action=verdict.action)
    update: dict[str, Any] = {"hand": hand, "calls": call_record(call) if call is not None else {}}
    if verdict.action != "accept":
        return Command(goto="escalate", update=update)
    io.emit("result", subtask=subtask.id, status="accepted")
    calls = {**(state.get("calls") or {}), **update["calls"]}
    return Command(goto="__end__", update={**update, "results": finished({**state, "hand": hand}, calls, "accepted")})


async def _paid_evidence(
    state: SolveState, io: Io, subtask: Subtask, policy: Policy, evidence: list[Evidence], so_far: Verdict
) -> Attempt | None:
    """Asks a judge under low fault tolerance, else where its word is worth its price; not what is settled already."""
    if bound(state) or any(item.decisive or item.name == "judge" for item in evidence):
        return None
    current = state["current"]
    authors = {model for model, _ in current["said"]}
    if policy.fault_tolerance != "low":
        if not (_may_lead_on(state, policy) and _may_sway(io, subtask, policy, so_far)):
            return None
        about = (current["text"], authors, so_far.confidence, Decision.from_json(state["decision"]).ranking)
        if not await judge_pays(io, state["task"], subtask, *about):
            return None
    question = fill(subtask.brief, state["answers"]) + told(state)
    found, call = await ask_judge(io, state["task"], subtask, question, current["text"], authors)
    if found is not None:
        evidence.append(found)
        return call
    silent = not so_far.calibrated and SIGNALS.isdisjoint(item.name for item in evidence)
    evidence.append(Evidence("not judged", 0.5, "no other model may judge"))
    if silent:
        found, call = await ask_author(io, state["task"], subtask, question, current["text"], current["model"])
        evidence.append(found)
    return call


def _may_lead_on(state: SolveState, policy: Policy) -> bool:
    """Whether anybody is left who has not spoken: else a verdict changes nothing, and is worth no judge."""
    if policy.strategy == "route" or state["current"]["streamed"]:
        return False
    heard = {model for tried in [*(state.get("hand") or []), state["current"]] for model, _ in tried["said"]}
    return any(m["model"] not in heard for e in state["decision"]["ranking"] for m in e["candidate"]["members"])


def _may_sway(io: Io, subtask: Subtask, policy: Policy, so_far: Verdict) -> bool:
    """Whether a judge as good as they proved so far could change what is done; spares most answers the whole sum."""
    rates = io.services.memory.judge_rates(policy.tenant, private=subtask.private)
    accuracy = believed_accuracy(rates.sensitivity, rates.specificity, rates.n)
    return value_of_asking(so_far.confidence, policy.confidence_for(subtask.features.task_type), accuracy) > 0


def _verdict(
    evidence: list[Evidence], own: Calibrated, heard: float, policy: Policy, subtask: Subtask, *, first: bool
) -> Verdict:
    """Calibrated where outcomes allow it, else the weighed evidence; a policy may refuse what is not calibrated."""
    verdict = _judged(evidence, own, heard, policy, subtask, first=first)
    checked = any(item.decisive for item in evidence)  # no confidence: the user's own check says so
    if policy.calibration == "any" or verdict.calibrated or checked or verdict.action != "accept":
        return verdict
    why = own.why or "an uncalibrated judge raised it"
    note = Evidence("not calibrated", verdict.confidence, f"{why}; policy.calibration = 'required' accepts none such")
    return replace(verdict, action="escalate", evidence=(*verdict.evidence, note))


def _judged(
    evidence: list[Evidence], own: Calibrated, heard: float, policy: Policy, subtask: Subtask, *, first: bool
) -> Verdict:
    """The first free text that nothing speaks for or against is accepted and says so."""
    threshold = policy.confidence_for(subtask.features.task_type)
    names = {item.name for item in evidence}
    if own.calibrated:
        detail = f"of its own signals and the estimate, n={own.n} labels; {heard:.2f} with the answers in hand"
        verdict = settle([*evidence, Evidence("calibrated", own.probability, detail)], own, heard, threshold)
    else:
        verdict = weigh(evidence, threshold)
    if any(item.decisive for item in evidence):
        return verdict
    if policy.fault_tolerance == "low" and names.isdisjoint({"judge", "agreement"}):
        return replace(verdict, action="escalate")
    lenient = first and subtask.features.expects == "text" and policy.strategy != "cascade"
    if lenient and not own.calibrated and names.isdisjoint(SIGNALS):
        note = Evidence("not judged", verdict.confidence, "free text without log-probabilities; no check failed")
        return replace(verdict, action="accept", evidence=(*verdict.evidence, note))
    return verdict
