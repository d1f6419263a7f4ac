"""Reads the task, refuses what cannot be worked on, and decides whether and how to cut it into a plan.

Everything that a user can get wrong is raised here, before anything is called or paid.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from langchain_core.messages import AnyMessage
from langgraph.runtime import get_runtime
from langgraph.types import Overwrite

from orchestrator_graph.errors import InputError, PolicyError, PrivacyError
from orchestrator_graph.nodes.ahead import planned
from orchestrator_graph.nodes.features import ask_of, read_features, untooled
from orchestrator_graph.nodes.io import Io, call_record
from orchestrator_graph.nodes.personal import personal_in
from orchestrator_graph.nodes.plan import shown, single, subtasks_of
from orchestrator_graph.nodes.refusal import check_budget, check_feasible, check_names
from orchestrator_graph.nodes.structure import cut
from orchestrator_graph.nodes.structured import shaped_plan
from orchestrator_graph.nodes.toolbox import one_model
from orchestrator_graph.policy import LIMITS, Policy
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.routing.constraints import feasible
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.state import State
from orchestrator_graph.types import Attempt, Features, Subtask, new_id, to_json

__all__ = ["analyze", "check_budget", "check_feasible", "check_names", "in_force", "read_task", "settle_privacy"]


def in_force(context: Any, factory: Policy) -> Policy:
    """The policy of this run: the call's fields over the factory's.

    A parent graph may carry ours under `orchestrator`. Its own fields are its own, also where they are called like
    ours; only `private: true` is heeded, which can but make a run stricter.
    """
    if isinstance(context, Policy):
        return factory.overlaid(context)
    if isinstance(context, (str, bytes, int, float, list, tuple)):
        raise PolicyError(f"context: {context!r} is a {type(context).__name__}; give a Policy or a dict of its fields")
    read = context.get if isinstance(context, Mapping) else partial(getattr, context)
    own = read("orchestrator", None)
    if own is None and read("private", None) is True:
        own = Policy(private=True)
    return factory if own is None else factory.overlaid(Policy.parse(own))


def read_task(messages: Sequence[AnyMessage], policy: Policy) -> tuple[Features, bool, list[str]]:
    """Features of the task, whether it wants to stay local, and notes.

    Raises:
        InputError: No human message, nothing in it, or too much of it.
        PrivacyError: Personal data under `pii="refuse"`.
    """
    words, media = ask_of(messages)
    size = len(words.encode(errors="replace"))
    if not words.strip() and not media:
        raise InputError("messages: the last human message is empty; give a task in words")
    if not words.strip():
        raise InputError(
            f"messages: the last human message holds only {', '.join(media)}; say in words what to do with it"
        )
    if size > len(words.encode(errors="ignore")):
        raise InputError("messages: half a character, which is no UTF-8; give text.encode(errors='replace').decode()")
    if size > LIMITS.input_bytes:
        raise InputError(
            f"messages: the task has {size} bytes, at most {LIMITS.input_bytes} are taken; shorten or split it"
        )
    features = read_features(words, media, messages[:-1])
    pii = personal_in(messages, "human")
    if pii and policy.pii == "refuse":
        raise PrivacyError(
            f"messages: personal data ({', '.join(pii)}) and policy.pii = 'refuse'; remove it or set pii"
        )
    sensitive = bool(pii) and policy.pii == "local_if_available"
    return features, policy.private or sensitive, [f"personal data seen ({', '.join(pii)})"] if pii else []


def settle_privacy(portfolio: Portfolio, features: Features, policy: Policy, wanted: bool, notes: list[str]) -> bool:
    """Whether the task is private; personal data alone gives way, with a note, where no local model exists."""
    if policy.private or not wanted:
        return policy.private
    local, _ = feasible(portfolio, features, policy, Situation(private=True))
    notes.append("kept on local models" if local else "no local model may take it: it may leave this machine")
    return bool(local)


async def analyze(state: State, io: Io) -> dict[str, Any]:
    """The analyzer node: task, plan and fresh results for this run."""
    policy, io = in_force(get_runtime().context, io.services.policy), replace(io, run=new_id())
    if len(state["messages"]) > 1 and (state.get("task") or {}).get("private"):
        policy = policy.overlaid(Policy(private=True))  # the history holds a private turn: labels never fall
    features, wanted, notes = read_task(state["messages"], policy)
    if io.services.toolbox:
        policy, more = one_model(policy)
        features, notes = replace(features, needs=(*features.needs, "tools")), [*notes, *more]
    portfolio = await io.portfolio()
    check_names(portfolio, policy, io.services.estimators)
    check_budget(policy, io.services.budgets)
    private = settle_privacy(portfolio, features, policy, wanted, notes)
    check_feasible(portfolio, features, policy, private)
    notes += (await io.services.promises.of(io.fx, io.services.memory, policy, portfolio)).notes
    io.services.gateway.pin(io.run, portfolio)
    if policy.deadline_s is not None:
        await io.services.gateway.warm(io.fx)
    task: dict[str, Any] = {
        "run_id": io.run,
        "policy": policy.model_dump(mode="json", exclude_unset=True),
        "started_at": time.time(),
        "private": private,
        "notes": [*portfolio.notes, *notes],
    }
    subtasks, calls = await _plan(io, ask_of(state["messages"])[0], features, policy, task)
    subtasks = shaped_plan(subtasks, task, io, portfolio)
    plan = [shown(subtask) for subtask in subtasks]
    io.emit("plan", plan=plan)
    return {
        "task": task,
        "plan": plan,
        "subtasks": [to_json(subtask) for subtask in subtasks],
        "results": Overwrite({}),
        "calls": Overwrite({key: value for call in calls for key, value in call_record(call).items()}),
        "bill": {},
        **({} if io.services.shape is None else {"structured_response": None}),
    }


async def _plan(
    io: Io, words: str, features: Features, policy: Policy, task: dict[str, Any]
) -> tuple[list[Subtask], list[Attempt]]:
    """Subtasks and the calls it took: structure first, a model only where that does not apply."""
    task["plan_source"] = "whole"
    if policy.decompose == "never" or untooled(features).needs:  # media belong to the task as a whole
        return single(features, task["private"]), []
    pieces, calls = cut(words), list[Attempt]()
    if len(pieces) > LIMITS.subtasks:
        task["notes"].append(f"{len(pieces)} parts found, at most {LIMITS.subtasks} are planned: left whole")
        return single(features, task["private"]), []
    if pieces:
        task["plan_source"] = "structure"
        return subtasks_of(pieces, features, task["private"]), []
    pieces, calls, note = await planned(io, features, policy, task, task["private"])
    task["notes"] += [note] if note else []
    if not pieces:
        return single(features, task["private"]), calls
    task["plan_source"] = "model"
    return subtasks_of(pieces, features, task["private"]), calls
