"""What is done before it is needed, so that nobody waits for it: words are embedded, models are loaded.

Never done unless the analyzer or the plan says that it will be needed; what it saved is measured (`report`).
"""

import time
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from orchestrator_graph.gateway.residence import place_of
from orchestrator_graph.nodes.io import Io, Services
from orchestrator_graph.nodes.planner import model_plan, promises_gain
from orchestrator_graph.nodes.recall import embedding, look_up, shelved
from orchestrator_graph.nodes.situation import situation
from orchestrator_graph.nodes.structure import Piece
from orchestrator_graph.policy import Policy
from orchestrator_graph.routing.decide import decide
from orchestrator_graph.types import Attempt, Features, Subtask

__all__ = ["next_wave", "planned", "report", "wake"]

SURE = Policy(explore=0.0)


async def planned(
    io: Io, features: Features, policy: Policy, task: dict[str, Any], private: bool
) -> tuple[list[Piece], list[Attempt], str]:
    """`model_plan`; while a model plans, the words are embedded for the case that the task stays whole.

    Only where an embedder of its own is asked: the built-in one takes less time than starting a thread.
    """
    plan = model_plan(io, features, policy, task, private)
    if io.services.memory.embedder is None or not (policy.decompose == "always" or promises_gain(features)):
        return await plan
    began = time.perf_counter()
    jobs: list[Coroutine[Any, Any, Any]] = [_timed(plan), look_up(io, task, [features.text], private=private)]
    ((pieces, calls, note), plan_s), (lookup,) = await io.gather(jobs)
    desk, waited_s = io.services.desk, time.perf_counter() - began - plan_s
    if pieces:
        desk.embedding.miss()
        asked = embedding(lookup, "plan", features.tokens)
        calls = [*calls, *([asked] if asked else [])]
    else:
        desk.embedding.hit(max(0.0, lookup.embed_seconds - waited_s))
        desk.lookups[task["run_id"], "1"] = (lookup, None)
    return pieces, calls, note


async def _timed(work: Coroutine[Any, Any, Any]) -> tuple[Any, float]:
    began = time.perf_counter()
    return await work, time.perf_counter() - began


def next_wave(
    subtasks: Sequence[Mapping[str, Any]], done: Mapping[str, Any], ready: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """What can be sent once `ready` has ended.

    >>> chain = [{"id": "1", "needs": []}, {"id": "2", "needs": ["1"]}, {"id": "3", "needs": ["2"]}]
    >>> [item["id"] for item in next_wave(chain, {}, chain[:1])]
    ['2']
    """
    then = {*done, *(item["id"] for item in ready)}
    return [item for item in subtasks if item["id"] not in then and set(item["needs"]) <= then]


async def wake(io: Io, task: Mapping[str, Any], subtasks: Sequence[Mapping[str, Any]]) -> list[str]:
    """Begins to load the models that these subtasks will most likely go to; the ids that were named.

    Decides as the router will, with what is known by now. Only where Ollama is among the models.
    """
    portfolio = await io.portfolio()
    if not subtasks or not any(place_of(spec) for spec in portfolio.values()):
        return []
    policy = io.policy(task).overlaid(SURE)
    names: dict[str, None] = {}
    for data in subtasks:
        subtask = Subtask.from_json(dict(data))
        now = await situation(io, task, private=subtask.private, lookup=shelved(io, task, subtask.id))
        ranking = decide(subtask.id, subtask.features, portfolio, policy, now, io.services.estimators).ranking
        names.update((member.model, None) for estimate in ranking[:1] for member in estimate.candidate.members)
    wanted = [portfolio[name] for name in names if place_of(portfolio[name])]
    io.services.gateway.models.preload(wanted, task["run_id"])
    return [spec.id for spec in wanted]


def report(services: Services) -> dict[str, Any]:
    """Hits, misses and measured milliseconds saved, by what was done ahead; and which models were not loaded, and why.

    `embedding`: words embedded while a model planned. `lookups`: later waves' look-ups made with the first one's, each
    counted with its share of that batch's embedding. `decisions`: taken again. `models`: loaded for the next wave.
    """
    desk, models = services.desk, services.gateway.models
    return {
        "embedding": desk.embedding.report(),
        "lookups": desk.looked_up.report(),
        "decisions": desk.decided.tally.report(),
        "models": models.stats(),
        "not_loaded": models.refused(),
    }
