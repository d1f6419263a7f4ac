"""The executor of a graph with tools: one model's step at a time, each of which ends in tool calls or in an answer.

The tools run between two steps, each call as a task of its own, so that a checkpointer keeps what was done: after a
failure, a crash or an interrupt nothing finished is done again.
"""

from dataclasses import replace
from typing import Any, Literal

from langchain_core.messages import AnyMessage, HumanMessage
from langgraph.types import Command, Send

from orchestrator_graph.nodes.executor import nothing_left
from orchestrator_graph.nodes.failover import remaining
from orchestrator_graph.nodes.io import Io, call_record
from orchestrator_graph.nodes.prompt import fill, prompt_for
from orchestrator_graph.nodes.recipes import Answer, answered, unusable
from orchestrator_graph.nodes.situation import situation
from orchestrator_graph.nodes.spent import catch_up
from orchestrator_graph.nodes.tool_run import unrun
from orchestrator_graph.nodes.transcript import called, messages_of, step_of, steps_of
from orchestrator_graph.nodes.upward import in_line
from orchestrator_graph.policy import LIMITS
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.routing.constraints import feasible
from orchestrator_graph.routing.robust import dear_ones
from orchestrator_graph.state import SolveState, ToolState
from orchestrator_graph.types import Attempt, Candidate, Decision, Failure, Subtask, to_json

__all__ = ["converse"]

Calls = dict[str, dict[str, Any]]

ENOUGH = "No more tools can be called. Answer now, from what you have; say so if something is missing."


async def converse(state: SolveState, io: Io) -> Command[Literal["tools", "judge"]]:
    """The executor node with tools: goes to the tools that a model calls, or to the judge with its answer.

    Who is in use stays, or gives way to somebody believed to be at least as good, who goes on from the same results. At
    the last round the model is told to answer; one that calls tools again has failed. All failures are values.
    """
    if state.get("calls"):
        await catch_up(io, state["task"], state["calls"], state["task"].get("spent_nusd", 0))
    state, refused, note = await _labelled(state, io)
    settled = _direct(state, io) if refused is None else Answer(candidate="", failure=refused)
    if settled is not None:
        return _to_judge(state, settled, list(state.get("tried") or []), {})
    return await _asked(state, io, note)


async def _asked(state: SolveState, io: Io, note: str) -> Command[Literal["tools", "judge"]]:
    """Walks the line until somebody calls tools or answers."""
    portfolio, policy = await io.portfolio(), io.policy(state["task"])
    queue = in_line(state, frozenset(spec.id for spec in portfolio.values() if spec.is_local))
    dear, holder = dear_ones(Decision.from_json(state["decision"]).ranking), (state.get("loop") or {}).get("holder")
    tried, calls = list(state.get("tried") or []), Calls()
    answer, part = Answer(candidate="", failure=nothing_left(state)), None
    while queue:
        candidate = queue.pop(0)
        counted = candidate.id in dear and candidate.id != holder
        if counted and not io.services.dear.take(policy.tenant, policy.user_id, policy.dear_per_hour):
            continue
        tried += [] if tried[-1:] == [candidate.id] else [candidate.id]
        attempt = await _step(candidate, state, io, portfolio)
        attempt = replace(attempt, notes=(*attempt.notes, note)) if note else attempt
        calls |= call_record(attempt)
        if attempt.ok and _calls_tools(attempt):
            return _to_tools(state, io, candidate, attempt, tried, calls)
        answer = _made(state, candidate, attempt)
        if answer.failure is None:
            break
        part = part or (answer if answer.text else None)
        queue = remaining(queue, candidate, answer.failure, portfolio)
    return _to_judge(state, part if answer.failure is not None and part is not None else answer, tried, calls)


async def _step(candidate: Candidate, state: SolveState, io: Io, portfolio: Portfolio) -> Attempt:
    """One call of a model; at the last round one that calls tools again is no answer."""
    member, subtask, rounds = candidate.members[0], Subtask.from_json(state["subtask"]), len(steps_of(state))
    messages = prompt_for(
        portfolio[member.model],
        subtask,
        state["answers"],
        state.get("messages") or [],
        alone=state["task"].get("alone", False),
        system_prompt=io.services.system_prompt,
    )
    over = rounds >= LIMITS.tool_rounds
    told = [*messages, *messages_of(state, member.model), *([HumanMessage(ENOUGH)] if over else [])]
    tools = io.services.toolbox.schemas
    attempt = await io.call(member.model, told, state["task"], subtask, tools=tools, effort=member.effort)
    if over and attempt.ok and _calls_tools(attempt):
        return replace(attempt, failure=Failure("bad_response", f"it still calls tools after {rounds} rounds"))
    return attempt


def _calls_tools(attempt: Attempt) -> bool:
    return bool(getattr(attempt.message, "tool_calls", None))


def _made(state: SolveState, candidate: Candidate, attempt: Attempt) -> Answer:
    """The answer, with all calls that this candidate took for it: they are what it cost."""
    answer = answered(candidate, attempt) if attempt.failure is None else unusable(candidate, [attempt])
    own = [step["call_id"] for step in steps_of(state) if step["candidate"] == candidate.id]
    return replace(answer, call_ids=(*own, attempt.id))


def _direct(state: SolveState, io: Io) -> Answer | None:
    """What the tools returned, where all that were called last are to be the answer itself (`return_direct`)."""
    direct, results = io.services.toolbox.direct, state.get("tools") or {}
    if not direct or not (state.get("loop") or {}).get("holder"):
        return None
    step = steps_of(state)[-1]
    done = [results[call["id"]] for call in called(step)]
    if not all(result["ok"] and result["name"] in direct for result in done):
        return None
    text = "\n\n".join(str(message.text) for message in messages_of(state, step["model"])[-len(done) :])
    said = ((step["model"], text),)
    return Answer(step["candidate"], text, step["model"], said=said, call_ids=(step["call_id"],))


async def _labelled(state: SolveState, io: Io) -> tuple[SolveState, Failure | None, str]:
    """The state, private from here on where tools returned personal data and a local model can go on; as for input."""
    kinds = sorted({kind for result in (state.get("tools") or {}).values() for kind in result["pii"]})
    policy, subtask = io.policy(state["task"]), Subtask.from_json(state["subtask"])
    if not kinds or subtask.private or policy.pii == "ignore":
        return state, None, ""
    seen = f"personal data seen in what tools returned ({', '.join(kinds)})"
    if policy.pii == "refuse":
        return state, Failure("privacy", f"{seen} and policy.pii = 'refuse'"), ""
    now = await situation(io, state["task"], private=True)
    local, _ = feasible(await io.portfolio(), subtask.features, policy, now)
    if not local:
        return state, None, f"{seen}: no local model may take it, it may leave this machine"
    return {**state, "subtask": {**state["subtask"], "private": True}}, None, f"{seen}: kept on local models"


def _to_judge(state: SolveState, answer: Answer, tried: list[str], calls: Calls) -> Command[Literal["tools", "judge"]]:
    loop = {"said": steps_of(state), "holder": None}
    update = {"current": to_json(answer), "tried": tried, "calls": calls, "loop": loop, "subtask": state["subtask"]}
    return Command(goto="judge", update=update)


def _to_tools(
    state: SolveState, io: Io, candidate: Candidate, attempt: Attempt, tried: list[str], calls: Calls
) -> Command[Literal["tools", "judge"]]:
    """Each call to a task of its own; of those above the bound the model is told that they were not made."""
    step = step_of(candidate, attempt, state.get("tools") or {})
    loop = {"said": [*steps_of(state), step], "holder": candidate.id}
    brief = HumanMessage(fill(state["subtask"]["brief"], state["answers"]))
    messages: list[AnyMessage] = [brief, *messages_of({**state, "loop": loop}, attempt.model)]
    asked, box = {"candidate": candidate.id, "call_id": attempt.id}, io.services.toolbox
    sent = [
        # A checkpointer keeps what each call is sent: all that was said goes only where a tool may read it.
        ToolState(
            task=state["task"],
            subtask=state["subtask"],
            call=call,
            asked=asked,
            messages=messages if call["name"] in box.readers else [],
        )
        for call in called(step)
    ]
    known, why = box.known, f"at most {LIMITS.tool_calls} tool calls are made for one answer"
    over = {one["call"]["id"]: unrun(one, known(one["call"]["name"]), why) for one in sent[LIMITS.tool_calls :]}
    update = {"tried": tried, "calls": calls, "loop": loop, "subtask": state["subtask"], "tools": over}
    return Command(goto=[Send("tools", one) for one in sent[: LIMITS.tool_calls]], update=update)
