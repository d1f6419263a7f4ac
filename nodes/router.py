"""Decides which candidate shall take a subtask, naming the remembered tasks that it looked at. Calls no model.

Only a deciding model is asked, where one is among the estimators.
"""

from dataclasses import replace
from typing import Any

from orchestrator_graph.memory import Lookup
from orchestrator_graph.nodes.decider import decided
from orchestrator_graph.nodes.features import read_features
from orchestrator_graph.nodes.io import Io, call_record
from orchestrator_graph.nodes.onward import ahead
from orchestrator_graph.nodes.recall import embedding, look_up, recall, shelved
from orchestrator_graph.nodes.situation import situation, with_lookup
from orchestrator_graph.nodes.structured import broad
from orchestrator_graph.policy import Policy
from orchestrator_graph.routing.decide import decide
from orchestrator_graph.routing.robust import second_look
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.state import SolveState
from orchestrator_graph.types import Decision, Subtask, to_json

__all__ = ["decision_json", "route"]

Calls = dict[str, dict[str, Any]]


async def route(state: SolveState, io: Io) -> dict[str, Any]:
    """The router node: the decision of this subtask."""
    policy, subtask, services = io.policy(state["task"]), Subtask.from_json(state["subtask"]), io.services
    context = sum(len(answer.encode()) for answer in state["answers"].values())
    portfolio, desk = await io.portfolio(), services.desk
    standing = await services.promises.of(io.fx, services.memory, policy, portfolio)
    policy, version = standing.over(policy), (services.memory.version, standing.promise)
    now = await situation(io, state["task"], private=subtask.private, context_bytes=context)
    calls: Calls = {}

    async def make() -> tuple[Decision, Lookup]:
        lookup = await recall(io, state["task"], subtask)
        known = with_lookup(now, lookup)
        promised = standing.told(policy, known, subtask.features)
        await services.promises.asked(io.fx, services.memory, promised)
        known = replace(known, promised=promised, **ahead(io, policy, subtask.features.task_type))
        return await _decision(state, io, subtask, policy, known, calls), lookup

    decision, lookup = await desk.decided.get(subtask, policy, now, portfolio, version, make)
    lookup = lookup or shelved(io, state["task"], subtask.id, take=True) or Lookup()
    asked = embedding(lookup, subtask.id, subtask.features.tokens)
    first = decision.ranking[0].candidate.id if decision.ranking else ""
    io.emit("decision", subtask=subtask.id, candidate=first, why=decision.why)
    return {
        "decision": decision_json(decision),
        "hand": [],
        "tried": [],
        "target": None,
        "calls": {**(call_record(asked) if asked else {}), **calls},
    }


async def _decision(
    state: SolveState, io: Io, subtask: Subtask, policy: Policy, now: Situation, calls: Calls
) -> Decision:
    """The decision; a dear one is looked at twice. What that takes is put into `calls`."""
    task, portfolio = state["task"], await io.portfolio()
    portfolio = broad(portfolio) if task.get("shaped") else portfolio
    now, spent = await decided(io, task, subtask, now)
    calls.update(spent)
    decision = decide(subtask.id, subtask.features, portfolio, policy, now, io.services.estimators)

    async def again(text: str) -> Decision:
        features = replace(read_features(text), needs=subtask.features.needs)
        lookup = (await look_up(io, task, [text], private=subtask.private))[0]
        asked = embedding(lookup, subtask.id, features.tokens)
        calls.update(call_record(asked) if asked else {})
        plain = policy.overlaid(Policy(explore=0.0, canary={}, trial={}))
        return decide(subtask.id, features, portfolio, plain, with_lookup(now, lookup), io.services.estimators)

    return await second_look(decision, subtask.features.text, policy, again)


def decision_json(decision: Decision) -> dict[str, Any]:
    """The decision as state and results hold it, each estimate with its candidate's id."""
    data: dict[str, Any] = to_json(decision)
    for entry, estimate in zip(data["ranking"], decision.ranking, strict=True):
        entry["candidate_id"] = estimate.candidate.id
    return data
