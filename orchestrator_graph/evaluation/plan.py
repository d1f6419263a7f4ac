"""What profiling a model would ask and cost: every kind of task first, as many as are paid for. Calls nothing."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from orchestrator_graph.drive import Effects
from orchestrator_graph.errors import InputError, PrivacyError, RegistryError
from orchestrator_graph.evaluation.clusters import centres, nearest, spread
from orchestrator_graph.evaluation.tasks import CheckedTask
from orchestrator_graph.memory.profiled import past_vectors, scored, try_id
from orchestrator_graph.nodes.io import Services
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.registry.spec import ModelSpec
from orchestrator_graph.routing.expectation import expect
from orchestrator_graph.routing.situation import Situation

__all__ = ["ProfilePlan", "check_budget", "plan_profile"]

PER_CLUSTER, MOST_CLUSTERS = 6, 8
"""A cluster is named only where about so many tasks can speak for it."""
TITLE = 60


@dataclass(frozen=True, slots=True)
class ProfilePlan:
    """Who is to be asked what, and what it is expected to cost.

    Attributes:
        models: The model, and those beside it on the same tasks.
        tasks: In the order of asking: any beginning covers every cluster.
        ids: Of the tasks in the memory.
        clusters: Number of each task's cluster.
        titles: Cluster -> words of the task nearest to its centre.
        known: Outcome id -> score, of tries that were remembered before.
        asks: Places in `tasks` that still have somebody to ask and that the budget is expected to pay for.
        quote_nusd: What `asks` are expected to cost.
        budget_nusd: What may be spent, never exceeded; `None` = nobody sends a bill.
        notes: What else one should know.
    """

    models: tuple[str, ...]
    tasks: tuple[CheckedTask, ...]
    ids: tuple[str, ...]
    clusters: tuple[int, ...]
    titles: tuple[str, ...]
    known: dict[str, float]
    asks: tuple[int, ...]
    quote_nusd: int
    budget_nusd: int | None
    notes: tuple[str, ...] = field(default=())


async def plan_profile(
    fx: Effects,
    services: Services,
    model: str,
    tasks: Sequence[CheckedTask],
    budget_usd: float | None = None,
    beside: Sequence[str] = (),
) -> ProfilePlan:
    """The plan for a model, and for those `beside` it: then there are pairs on the same tasks.

    Raises:
        RegistryError: No such model.
        InputError: No budget for a model that is billed, or no price.
        PrivacyError: The policy keeps text here and a model is elsewhere.
        MemoryStoreError: The memory cannot be used.
    """
    portfolio, policy = await services.gateway.portfolio(fx), services.policy
    models = tuple(dict.fromkeys([model, *beside]))
    budget = check_budget(portfolio, models, budget_usd, private=policy.private)
    clusters, titles, notes = await _clusters(fx, services, tasks)
    order = spread(clusters)
    ordered = tuple(tasks[place] for place in order)
    ids = tuple(task.id(policy.tenant) for task in ordered)
    known = await scored(fx, services.memory, [try_id(name, who) for name in ids for who in models])
    asks, quote = _affordable([portfolio[name] for name in models], ordered, ids, known, budget)
    return ProfilePlan(
        models, ordered, ids, tuple(clusters[place] for place in order), titles, known, asks, quote, budget, notes
    )


def check_budget(portfolio: Portfolio, models: Sequence[str], budget_usd: float | None, *, private: bool) -> int | None:
    """The budget in nano-dollars; `None` where none was given and nobody sends a bill.

    Raises:
        RegistryError, InputError, PrivacyError: As `plan_profile`.
    """
    for name in models:
        if name not in portfolio:
            raise RegistryError(f"no model {name!r} in the portfolio. Known: {', '.join(portfolio)}")
        if private and not portfolio[name].is_local:
            raise PrivacyError(f"policy.private = True and {name} does not run on this machine: nothing was sent")
        if portfolio[name].cost_nusd(1, 1) is None:
            raise InputError(f"{name} has no known price, so no budget can hold: set ModelSpec.price")
    billed = [name for name in models if portfolio[name].billed]
    if budget_usd is None and billed:
        raise InputError(f"budget: none was given and {billed[0]} is billed; say what may be spent, such as 0.50")
    if budget_usd is not None and not (math.isfinite(budget_usd) and budget_usd >= 0):
        raise InputError(f"budget = {budget_usd!r} is no amount of US dollars")
    return None if budget_usd is None else round(budget_usd * 1e9)


async def _clusters(
    fx: Effects, services: Services, tasks: Sequence[CheckedTask]
) -> tuple[list[int], tuple[str, ...], tuple[str, ...]]:
    """Each task's cluster, titles and notes; one cluster where the memory finds no vectors."""
    tenant, private = services.policy.tenant, services.policy.private
    texts = [task.features.text for task in tasks]
    found = await services.memory.lookup(fx, texts, tenant=tenant, private=private, k=1)
    vectors = [lookup.vector for lookup in found if lookup.vector is not None]
    if len(vectors) < len(tasks):
        return [0] * len(tasks), ("all tasks",), (f"tasks are not told apart by kind: memory {found[0].state}",)
    own = np.stack(vectors)
    # Without these tasks themselves: a profile that is resumed finds the same clusters.
    again = {task.id(tenant) for task in tasks}
    past = await past_vectors(fx, services.memory, tenant, found[0].embed_model, again)
    everything = own if past is None else np.concatenate([own, past])
    middle = centres(everything, min(MOST_CLUSTERS, max(1, len(tasks) // PER_CLUSTER)))
    numbers = nearest(own, middle)
    used: list[Any] = sorted(set(numbers.tolist()))
    titles = tuple(texts[int((own @ middle[number]).argmax())][:TITLE] for number in used)
    missing = len(middle) - len(used)
    note = (f"{missing} of {len(middle)} kinds of remembered tasks have no task in the file",) if missing else ()
    return [used.index(number) for number in numbers.tolist()], titles, note


def _affordable(
    specs: Sequence[ModelSpec],
    tasks: Sequence[CheckedTask],
    ids: Sequence[str],
    known: dict[str, float],
    budget: int | None,
) -> tuple[tuple[int, ...], int]:
    """Tasks with somebody left to ask, in order, while their expected cost fits; and that cost."""
    asks, quote = list[int](), 0
    now = Situation()
    for place, (task, task_id) in enumerate(zip(tasks, ids, strict=True)):
        left = [spec for spec in specs if try_id(task_id, spec.id) not in known]
        price = sum(expect(spec, task.features, now).cost_nusd or 0 for spec in left)
        if left and budget is not None and quote + price > budget:
            break
        if left:
            asks.append(place)
            quote += price
    return tuple(asks), quote
