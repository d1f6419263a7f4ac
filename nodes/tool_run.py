"""Runs one tool call, as a task of its own: what is done is kept by the checkpointer, whatever happens to the others.

Whatever a tool does wrong is a message for the model to see. Interrupts pass through.
"""

import asyncio
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from langchain_core.messages import ToolMessage, convert_to_messages
from langchain_core.runnables.config import ensure_config
from langgraph import errors
from langgraph.runtime import get_runtime

from orchestrator_graph.bounded import within
from orchestrator_graph.drive import Effects
from orchestrator_graph.gateway.budget import Lease
from orchestrator_graph.gateway.classify import is_bubble
from orchestrator_graph.gateway.run_span import paused
from orchestrator_graph.gateway.tracing import config_for, kept_here
from orchestrator_graph.nodes.features import personal_data
from orchestrator_graph.nodes.io import LENT, Io, call_record
from orchestrator_graph.nodes.tool_content import as_json, bounded_content, words_in
from orchestrator_graph.state import ToolState
from orchestrator_graph.types import NANO, Attempt, Failure, new_id

__all__ = ["run_tool", "unrun"]

COST = "cost_usd"
"""The key of a tool's artifact that says what the call cost."""
MOST_USD = 1_000_000.0
"""No call costs more, whatever a tool says: sums must fit the ledger."""


async def run_tool(state: ToolState, io: Io) -> dict[str, Any]:
    """The tools node: the result of one call, and its line on the bill."""
    subtask, call, lease = state["subtask"], state["call"], await io.lease(state["task"])
    name, began = io.services.toolbox.known(call["name"]), time.perf_counter()
    with _patient(state, io, lease), paused(lease), kept_here(private=subtask["private"]):
        message = await _ran(state, io, lease.left_s)
    seconds, cost, ok = round(time.perf_counter() - began, 6), _cost(message.artifact), message.status != "error"
    if cost:
        for budget in filter(None, (lease.money, lease.shared)):
            await io.fx.offload(partial(budget.book, cost))
    said = {} if subtask["private"] else {"args": call["args"]}
    io.emit("tool", subtask=subtask["id"], name=name, ok=ok, seconds=seconds, cost_nusd=cost, **said)
    result = _result(state, name, message, ok=ok, seconds=seconds, cost_nusd=cost)
    attempt = Attempt(
        id=new_id(),
        model=name,
        purpose="tool",
        failure=None if ok else Failure("bad_response", "the tool failed"),
        cost_nusd=cost,
        billed=cost > 0,
        latency_s=seconds,
        subtask_id=subtask["id"],
    )
    return {"tools": {call["id"]: result}, "calls": call_record(attempt)}


def unrun(state: ToolState, name: str, why: str) -> dict[str, Any]:
    """The result of a call that was not made."""
    message = ToolMessage(f"Not run: {why}", tool_call_id=state["call"]["id"], status="error")
    return _result(state, name, message, ok=False, seconds=0.0, cost_nusd=0)


def _result(state: ToolState, name: str, message: ToolMessage, **told: Any) -> dict[str, Any]:
    content = bounded_content(as_json(message.content))
    pii = personal_data("\n".join(words_in(content)))
    return {"name": name, "args": state["call"]["args"], "content": content, "pii": pii, **state["asked"], **told}


@contextmanager
def _patient(state: ToolState, io: Io, lease: Lease) -> Iterator[None]:
    """A tool may interrupt the run to ask a person, whose time is not the run's: the deadline counts anew after it."""
    waiting, key = io.services.desk.waiting, (state["task"]["run_id"], state["call"]["id"])
    policy = io.policy(state["task"])
    if key in waiting and policy.deadline_s is not None:
        lease.restart(policy.deadline_s)
    waiting.discard(key)
    try:
        yield
    except Exception as error:
        if is_bubble(error):
            waiting.add(key)
        raise


async def _ran(state: ToolState, io: Io, left_s: float | None) -> ToolMessage:
    call = {**state["call"], "type": "tool_call"}
    node, runtime = io.services.toolbox.node, get_runtime()
    if left_s is not None and left_s <= 0:
        return _failed(call, "Not run: the deadline has passed.")
    if node is None:
        return _failed(call, f"Error: {call['name']} is not a tool that can be run here.")
    lent = LENT.get()
    if lent is not None:  # what a tool writes is for the caller's stream, not for this child graph's
        runtime = runtime.override(stream_writer=lent)
    given = {"__type": "tool_call_with_context", "tool_call": call, "state": {"messages": state["messages"]}}
    work = partial(_invoked, node, given, _config(state), runtime)
    try:
        return _message_in(await within(io.fx, left_s, work), call)
    except TimeoutError as error:
        return _failed(call, f"Error: {error}; the deadline has passed.")
    except Exception as error:  # also what cannot be injected; ToolNode has that outside of what it catches
        if is_bubble(error) or _asks_again(error):
            raise
        return _failed(call, f"Error: {error!r}")


async def _invoked(node: Any, given: Any, config: Any, runtime: Any, fx: Effects) -> Any:
    try:
        return await fx.run(
            lambda: node.invoke(given, config, runtime=runtime), lambda: node.ainvoke(given, config, runtime=runtime)
        )
    except asyncio.CancelledError:
        task = asyncio.current_task() if fx.is_async else None
        if task is not None and task.cancelling():
            raise
        raise RuntimeError("the tool cancelled itself") from None  # as clients do whose server is gone


def _asks_again(error: Exception) -> bool:
    """A reply to an interrupt that does not fit: it is asked for again. Newer versions of LangGraph know such."""
    found = getattr(errors, "is_invalid_resume", None)
    return bool(found and found(error))


def _config(state: ToolState) -> Any:
    """The node's own config: models inside a tool are no messages of ours, and private words meet no foreign tracer."""
    own = ensure_config()
    told = config_for(private=state["subtask"]["private"], stream=False, subtask=state["subtask"]["id"])
    tags = [*(own.get("tags") or []), *(told.get("tags") or [])]
    return {**own, **told, "tags": tags, "metadata": {**(own.get("metadata") or {}), **(told.get("metadata") or {})}}


def _message_in(output: Any, call: Mapping[str, Any]) -> ToolMessage:
    """The call's own message; of a `Command` that alone is taken."""
    for item in output if isinstance(output, list) else [output]:
        update = item if isinstance(item, Mapping) else item.update
        if not isinstance(update, Mapping) or set(update) != {"messages"} or getattr(item, "goto", None):
            return _failed(call, "Error: it returned a Command that goes elsewhere or writes other state than messages")
        found = convert_to_messages(update["messages"])
        own = [m for m in found if isinstance(m, ToolMessage) and m.tool_call_id == call["id"]]
        if own:
            return own[0]
    return _failed(call, "Error: it returned no message for this call")


def _failed(call: Mapping[str, Any], words: str) -> ToolMessage:
    return ToolMessage(words, tool_call_id=call["id"], name=call["name"], status="error")


def _cost(artifact: Any) -> int:
    """Nano-dollars, where the tool's artifact is a mapping that says `cost_usd`; else nothing."""
    said = artifact.get(COST) if isinstance(artifact, Mapping) else None
    try:
        dollars = 0.0 if isinstance(said, bool) else float(said)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return 0
    return math.ceil(min(dollars, MOST_USD) * NANO) if 0 < dollars < math.inf else 0
