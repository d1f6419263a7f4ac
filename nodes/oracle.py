"""Consults a decision model: any object shaped like `langchain_core.decisions.BaseDecisionModel` (langchain-core 1.8).

It has `model: str`, `invoke(request, config)` and `ainvoke(request, config)`. A request holds `state` and `questions`,
a response `answers` by the questions' names, and `usage`. Nothing of LangChain's is imported for it.
"""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from orchestrator_graph.bounded import bounded
from orchestrator_graph.drive import Effects
from orchestrator_graph.gateway.budget import Hold, Lease, hold
from orchestrator_graph.gateway.classify import classify_error, is_bubble
from orchestrator_graph.gateway.tracing import config_for, kept_here
from orchestrator_graph.nodes.io import Io
from orchestrator_graph.nodes.question import LETTERS, odds_of
from orchestrator_graph.registry.spec import ModelSpec
from orchestrator_graph.routing.decider import Decider
from orchestrator_graph.types import Attempt, Failure, Subtask, Usage, new_id

__all__ = ["consult"]

T = TypeVar("T")
PATIENCE_S = 30.0
ANSWER_TOKENS = 20
RIGHT = "Will this model's answer to the task in the state be right and complete? "
WHICH = "Which of these models is most likely to answer the task in the state right?"
LEVELS = ["certainly wrong", "probably wrong", "as likely right as wrong", "probably right", "certainly right"]


@dataclass(frozen=True, slots=True)
class Plain:
    """A question, where the class that langchain-core has for it was never imported."""

    type: str
    instructions: str
    criteria: Any = None


async def consult(
    io: Io, decider: Decider, lease: Lease, subtask: Subtask, lines: Sequence[str]
) -> tuple[dict[int, float], Attempt]:
    """Position -> probability of being right, and the call for the bill; nothing said where it failed."""
    name = f"decider:{getattr(decider.model, 'model', None) or type(decider.model).__name__}"
    spec = ModelSpec(decider.model, local=decider.local, price=decider.price, alias=name)
    request = {"state": subtask.features.text, "questions": _questions(decider.ask, lines)}
    size = Usage(len(str(request).encode()) // 4, ANSWER_TOKENS * len(lines), measured=False)
    began = time.monotonic()
    held = await _banked(io.fx, lease, partial(_admitted, spec, lease, subtask, size))
    if isinstance(held, Failure):
        return {}, _attempt(spec, subtask, Usage(measured=False), 0, held, 0.0)
    failure, said, usage = None, {}, size
    try:
        with kept_here(private=subtask.private):
            response = await _asked(io.fx, decider.model, request, lease, private=subtask.private)
        usage = _usage(response) or size
        said = _said(decider.ask, response, len(lines))
        failure = None if said else Failure("bad_response", "the decision model answered none of the questions")
    except Exception as error:
        if is_bubble(error):
            raise
        failure = classify_error(error)
    finally:
        cost = spec.cost_nusd(usage.input_tokens, usage.output_tokens, usage.cached_tokens) or 0
        await _banked(io.fx, lease, partial(held.settle, cost))
    return said, _attempt(spec, subtask, usage, cost, failure, time.monotonic() - began)


async def _banked(fx: Effects, lease: Lease, work: Callable[[], T]) -> T:
    """A shared budget is kept in the ledger: a commit, not a matter of the event loop."""
    return await fx.offload(work) if lease.shared else work()


def _admitted(spec: ModelSpec, lease: Lease, subtask: Subtask, size: Usage) -> Hold | Failure:
    """The money set aside, or why it may not be asked."""
    if subtask.private and not spec.is_local:
        return Failure("privacy", f"the text is private and {spec.id} is not said to be local")
    cost = spec.cost_nusd(size.input_tokens, size.output_tokens)
    if cost is None and lease.capped(spec):
        return Failure("budget", f"the price of {spec.id} is unknown and there is a cost limit")
    if not lease.take_call():
        return Failure("budget", "the task's bound of model calls is reached")
    held = hold(lease.budgets(spec), cost or 0)
    return held if held is not None else Failure("budget", f"not enough money is left to ask {spec.id}")


async def _asked(fx: Effects, model: Any, request: Mapping[str, Any], lease: Lease, *, private: bool) -> Any:
    config = config_for(private=private, stream=False)

    async def work(inner: Effects) -> Any:
        return await inner.run(lambda: model.invoke(request, config), lambda: model.ainvoke(request, config))

    seconds = PATIENCE_S if lease.left_s is None else min(lease.left_s, PATIENCE_S)
    threaded = fx.is_async and not callable(getattr(model, "ainvoke", None))
    return await bounded(fx, seconds, work, lambda: None, threaded=threaded)


def _questions(ask: str, lines: Sequence[str]) -> dict[str, Any]:
    named = list(zip(LETTERS, lines, strict=False))
    if ask == "choice":
        return {"choice": _question("Choice", instructions=WHICH, criteria=dict(named))}
    if ask == "score":
        return {a: _question("Score", instructions=f"{RIGHT}{line}", criteria=LEVELS) for a, line in named}
    return {a: _question("Noul", instructions=f"{RIGHT}{line}") for a, line in named}


def _question(kind: str, **parts: Any) -> Any:
    """LangChain's own class where it was imported: a real decision model cannot be there without it."""
    made = getattr(sys.modules.get("langchain_core.decisions"), kind, None)
    return made(**parts) if made is not None else Plain(kind.lower(), **parts)


def _said(ask: str, response: Any, count: int) -> dict[int, float]:
    answers = response.answers
    if ask == "choice":
        shares = answers["choice"].probabilities
        return dict(enumerate(odds_of([max(0.0, float(shares.get(a, 0.0))) for a in LETTERS[:count]])))
    found = ((i, answers.get(letter)) for i, letter in enumerate(LETTERS[:count]))
    part, most = ("score", len(LEVELS) - 1) if ask == "score" else ("noul", 1)
    return {i: float(getattr(answer, part)) / most for i, answer in found if answer is not None}


def _usage(response: Any) -> Usage | None:
    told = getattr(response, "usage", None)
    if not isinstance(told, Mapping):
        return None
    return Usage(int(told.get("input_tokens") or 0), int(told.get("output_tokens") or 0))


def _attempt(
    spec: ModelSpec, subtask: Subtask, usage: Usage, cost: int, failure: Failure | None, seconds: float
) -> Attempt:
    return Attempt(
        new_id(),
        spec.id,
        "decide",
        failure=failure,
        usage=usage,
        cost_nusd=cost,
        billed=spec.billed,
        cost_measured=usage.measured and spec.cost_nusd(0, 0) is not None,
        latency_s=seconds,
        subtask_id=subtask.id,
        notes=() if spec.cost_nusd(0, 0) is not None else (f"the price of {spec.id} is unknown: charged as 0",),
    )
