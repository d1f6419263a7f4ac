"""Reads the task, refuses what cannot be worked on, and decides whether and how to cut it into a plan.

Everything that a user can get wrong is raised here, before anything is called or paid.
"""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from langchain_core.messages import AnyMessage, HumanMessage
from langgraph.runtime import get_runtime
from langgraph.types import Overwrite

from orchestrator_graph.errors import InputError, NoCandidateError, PolicyError, PrivacyError
from orchestrator_graph.nodes.ahead import planned
from orchestrator_graph.nodes.features import ask_of, find_pii, read_features
from orchestrator_graph.nodes.io import Io, call_record
from orchestrator_graph.nodes.plan import shown, single, subtasks_of
from orchestrator_graph.nodes.structure import cut
from orchestrator_graph.policy import LIMITS, Policy
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.routing.candidates import offered
from orchestrator_graph.routing.constraints import feasible
from orchestrator_graph.routing.estimator import Estimator
from orchestrator_graph.routing.rules import Rules
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.state import State
from orchestrator_graph.types import Attempt, Features, Subtask, new_id, to_json

__all__ = ["analyze", "check_budget", "check_feasible", "check_names", "in_force", "read_task", "settle_privacy"]


def in_force(context: Any, factory: Policy) -> Policy:
    """The policy of this run: the call's fields over the factory's.

    A parent graph may carry ours under `orchestrator`; any other foreign context means the factory's policy.
    """
    if isinstance(context, Policy):
        return factory.overlaid(context)
    if isinstance(context, (str, bytes, int, float, list, tuple)):
        raise PolicyError(f"context: {context!r} is a {type(context).__name__}; give a Policy or a dict of its fields")
    if isinstance(context, Mapping):
        own = context.get("orchestrator", context if context and set(context) <= set(Policy.model_fields) else None)
    else:
        own = getattr(context, "orchestrator", None)
    if own is None:
        return factory
    try:
        return factory.overlaid(Policy.parse(own))
    except PolicyError:
        if isinstance(context, Mapping) and "orchestrator" not in context:
            return factory  # a parent's own fields that happen to be called like ours
        raise


def read_task(messages: Sequence[AnyMessage], policy: Policy) -> tuple[Features, bool, list[str]]:
    """Features of the task, whether it wants to stay local, and notes.

    Raises:
        InputError: No human message, nothing in it, or too much of it.
        PrivacyError: Personal data under `pii="refuse"`.
    """
    words, media = ask_of(messages)
    size = len(words.encode())
    if not words.strip() and not media:
        raise InputError("messages: the last human message is empty; give a task in words")
    if not words.strip():
        raise InputError(
            f"messages: the last human message holds only {', '.join(media)}; say in words what to do with it"
        )
    if size > LIMITS.input_bytes:
        raise InputError(
            f"messages: the task has {size} bytes, at most {LIMITS.input_bytes} are taken; shorten or split it"
        )
    features = read_features(words, media, messages[:-1])
    earlier = (ask_of([m])[0] for m in messages[:-1] if isinstance(m, HumanMessage))
    pii = sorted({*features.signals["pii"], *(kind for text in earlier for kind in find_pii(text))})
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


def check_feasible(portfolio: Portfolio, features: Features, policy: Policy, private: bool) -> None:
    """Raises where the constraints leave no candidate for the task as a whole.

    Raises:
        PrivacyError: A private task and no local model.
        NoCandidateError: Any other constraint; names what excluded what.
    """
    limit = None if policy.max_cost_usd is None else round(policy.max_cost_usd * 1e9)
    kept, excluded = feasible(portfolio, features, policy, Situation(private=private, left_nusd=limit))
    if kept:
        return
    if private and all(item.constraint == "private" for item in excluded):
        names = ", ".join(item.candidate for item in excluded)
        raise PrivacyError(
            f"policy.private = True and no model runs on this machine (refused, nothing sent: {names}). "
            "Add a local one, e.g. `ollama pull qwen3:4b`, or ModelSpec(model, local=True) for your own server"
        )
    lines = "; ".join(f"{item.candidate}: {item.constraint} ({item.detail})" for item in excluded)
    raise NoCandidateError(
        f"policy leaves no candidate. {lines}. Relax the named constraint or add a model",
        {item.candidate: f"{item.constraint}: {item.detail}" for item in excluded},
    )


def check_names(portfolio: Portfolio, policy: Policy, estimators: Sequence[Estimator] = ()) -> None:
    """Raises where the policy or a rule names a model that is not in the portfolio.

    Raises:
        NoCandidateError, ConfigError: Name the field (of the policy, of a rule), the value and the known models.
        PolicyError: A cascade under the strict guard: it would begin with what is not proven.
    """
    for rules in (estimator for estimator in estimators if isinstance(estimator, Rules)):
        rules.check(portfolio)
    if policy.guard == "strict" and policy.strategy == "cascade":
        raise PolicyError("policy.guard = 'strict' and policy.strategy = 'cascade' exclude each other; leave one out")
    models, offers = list(portfolio), [candidate.id for spec in portfolio.values() for candidate in offered(spec)]
    named = [("pin", policy.pin, models), *(("cascade", name, models) for name in policy.cascade)]
    named += [("reference", policy.reference, offers), ("trial.reference", policy.trial.get("reference"), offers)]
    for field, name, known in named:
        if name and name not in known:
            raise NoCandidateError(f"policy.{field} = {name!r} is not in the portfolio; known: {', '.join(known)}", {})


async def analyze(state: State, io: Io) -> dict[str, Any]:
    """The analyzer node: task, plan and fresh results for this run."""
    policy, io = in_force(get_runtime().context, io.services.policy), replace(io, run=new_id())
    if len(state["messages"]) > 1 and (state.get("task") or {}).get("private"):
        policy = policy.overlaid(Policy(private=True))  # the history holds a private turn: labels never fall
    features, wanted, notes = read_task(state["messages"], policy)
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
    plan = [shown(subtask) for subtask in subtasks]
    io.emit("plan", plan=plan)
    return {
        "task": task,
        "plan": plan,
        "subtasks": [to_json(subtask) for subtask in subtasks],
        "results": Overwrite({}),
        "calls": Overwrite({key: value for call in calls for key, value in call_record(call).items()}),
        "bill": {},
    }


def check_budget(policy: Policy, budgets: Collection[str]) -> None:
    """Raises InputError where the policy names a budget that is not there."""
    if policy.budget is not None and policy.budget not in budgets:
        known = ", ".join(budgets) or "none"
        raise InputError(f"policy.budget = {policy.budget!r} is not in orchestrator.toml [budgets]; known: {known}")


async def _plan(
    io: Io, words: str, features: Features, policy: Policy, task: dict[str, Any]
) -> tuple[list[Subtask], list[Attempt]]:
    """Subtasks and the calls it took: structure first, a model only where that does not apply."""
    task["plan_source"] = "whole"
    if policy.decompose == "never" or features.needs:
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
