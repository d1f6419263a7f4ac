"""What is known of an answer without asking anybody: checks, signals that were already paid for, earlier answers."""

from functools import partial
from typing import Any

from orchestrator_graph.confidence.agreement import ONE_RIGHT
from orchestrator_graph.confidence.checks import check
from orchestrator_graph.confidence.consistency import clusters, entropy
from orchestrator_graph.confidence.normalise import fingerprint, normalise
from orchestrator_graph.confidence.requirements import requirements_of
from orchestrator_graph.confidence.scorer import run_scorer
from orchestrator_graph.confidence.signals import logprob_evidence
from orchestrator_graph.confidence.unit_tests import given_tests, run_unit_tests
from orchestrator_graph.nodes.assess import corrected
from orchestrator_graph.nodes.io import Io
from orchestrator_graph.state import SolveState
from orchestrator_graph.types import Evidence, Subtask

__all__ = ["free_evidence"]

ALONE = 0.2
"""What disagreement with every voice leaves: a later, better model may still be the one that is right."""


async def free_evidence(state: SolveState, io: Io, subtask: Subtask) -> list[Evidence]:
    """Checks, log-probabilities, agreement, and what was believed beforehand."""
    current, expects = state["current"], subtask.features.expects
    wanted = requirements_of(subtask.features.text, expects)
    evidence = list(check(current["text"], expects, wanted, subtask.features.task_type))
    if state["task"].get("shaped") and io.services.shape is not None:
        evidence.append(await io.fx.offload(partial(io.services.shape.check, current["text"])))
    evidence += await _checked(current["text"], state, io, subtask)
    signal = logprob_evidence(current["logprob"])
    evidence += [signal] if signal is not None else []
    if current["agreement"] is not None:
        name, said = "agreement" if current["independent"] else "self-consistency", current["agreement"]
        detail = f"{said:.0%} of {current['asked']} agree"
        if not current["independent"]:
            scatter = entropy(clusters([text for _, text in current["said"]], expects))
            said, detail = min(said, 1 - scatter), f"{detail}, entropy {scatter:.2f}"
        evidence.append(Evidence(name, said, detail))
    elif current["judged"] is not None:
        said = f"best of {current['asked']} in a judge's eyes"
        evidence.append(corrected(io, state["task"], subtask, current["judged"], said))
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
    ensemble that could not agree do - but not where two programs, or two long texts, differ and may both be right.
    """
    mine, comparable = normalise(current["text"], expects), expects in ONE_RIGHT or expects == "text"
    comparable = comparable and bool(fingerprint(current["text"], expects))
    same, other = 0, 0
    for tried in state.get("hand") or []:
        texts = [text for model, text in tried["said"] if model != current["model"]]
        alike = [normalise(text, expects) == mine for text in texts]
        same += sum(alike)
        if comparable and len(tried["said"]) > 1:
            other += sum(not like and bool(fingerprint(text, expects)) for like, text in zip(alike, texts, strict=True))
    if not same and not other:
        return []
    share = max(same / (same + other), ALONE)
    return [Evidence("agreement", share, f"{same} earlier answers agree, {other} differ")]


async def _checked(text: str, state: SolveState, io: Io, subtask: Subtask) -> list[Evidence]:
    """The user's own checks, and unit tests that came with the task where the policy lets code run."""
    found = [
        await io.fx.offload(partial(run_scorer, name, scorer, text)) for name, scorer in io.services.checks.items()
    ]
    tests = given_tests(subtask.brief) if io.policy(state["task"]).run_code else ""
    if tests:
        told = await io.fx.offload(partial(run_unit_tests, text, tests, allowed=True))
        found += [told] if told is not None else []
    return found
