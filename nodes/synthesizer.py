"""Makes one answer of the results, the bill, and the rows that are remembered before the answer is returned."""

import dataclasses
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage, HumanMessage

from orchestrator_graph.nodes.billing import make_bill
from orchestrator_graph.nodes.decision_record import tell_run
from orchestrator_graph.nodes.features import untooled
from orchestrator_graph.nodes.io import Io, call_record
from orchestrator_graph.nodes.remember import remember
from orchestrator_graph.nodes.situation import situation
from orchestrator_graph.nodes.spent import catch_up
from orchestrator_graph.nodes.structured import structured
from orchestrator_graph.policy import Policy
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.routing.decide import decide
from orchestrator_graph.state import State
from orchestrator_graph.types import Attempt, Subtask

__all__ = ["synthesize"]

ONE_CALL = Policy(strategy="route", explore=0.0)
PROMPT = (Path(__file__).parent / "synthesis_prompt.txt").read_text(encoding="utf-8")


async def synthesize(state: State, io: Io) -> dict[str, Any]:
    """The synthesizer node: answer, bill, memory."""
    state = _raised(state)
    results, order = state["results"], [subtask["id"] for subtask in state["subtasks"]]
    missing = [results[name] for name in order if results[name]["status"] == "failed"]
    await catch_up(io, state["task"], state.get("calls") or {})
    text, call = await _text(state, io, order, bool(missing))
    calls = {**(state.get("calls") or {}), **(call_record(call) if call is not None else {})}
    if missing:
        text = "\n\n".join(part for part in [text, _unresolved(missing)] if part)
    shaped, calls, unshaped = await _shaped(state, io, text, calls)
    portfolio = await io.portfolio()
    bill = make_bill(state["task"], calls, results, portfolio, io.services.promises.references)
    bill["notes"] += unshaped
    bill["notes"] += await remember({**state, "calls": calls}, io, results)
    tell_run(await io.lease(state["task"]), state, results, bill, calls)
    io.finish(state["task"], calls)
    shown = {name: {k: v for k, v in results[name].items() if k not in {"hand", "message_id"}} for name in order}
    message = AIMessage(
        text,
        id=results[order[0]].get("message_id") or None,
        response_metadata={
            "run_id": state["task"]["run_id"],
            "model_name": "orchestrator",
            "decisions": {name: r["decision"]["id"] for name, r in results.items() if r["decision"]},
            "total_usd": bill["total_usd"],
            "proved": bill["proved"],
        },
    )
    labels = {"task": state["task"], "plan": state["plan"]}
    return {"messages": [message], "bill": bill, "results": shown, "calls": calls, **labels, **shaped}


def _raised(state: State) -> State:
    """The state with the labels that rose on the way: what tools returned may have made a subtask private."""
    rose = {name for name, result in state["results"].items() if result.get("private")}
    if not rose:
        return state
    subtasks, plan = (
        [{**item, "private": item["private"] or item["id"] in rose} for item in items]
        for items in (state["subtasks"], state["plan"])
    )
    return {**state, "subtasks": subtasks, "plan": plan, "task": {**state["task"], "private": True}}


async def _shaped(
    state: State, io: Io, text: str, calls: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    """`structured_response` where a form was asked for, all calls, and a note where it is `None`."""
    shape = io.services.shape
    if shape is None:
        return {}, calls, []
    value, made, why = await structured(state, io, shape, text)
    calls = {**calls, **{key: data for call in made for key, data in call_record(call).items()}}
    return {"structured_response": value}, calls, [] if value is not None else [f"structured_response is None: {why}"]


async def _text(state: State, io: Io, order: list[str], incomplete: bool) -> tuple[str, Attempt | None]:
    """One answer stays as it is; parts that lead to a last one are that; the rest is listed or written together."""
    results = state["results"]
    if len(order) == 1:
        return results[order[0]]["answer"], None
    if not incomplete:
        last = _conclusion(state)
        if last is not None:
            return results[last]["answer"], None
        if state["task"]["plan_source"] == "model":
            call = await _written(state, io, order)
            if call is not None and call.ok:
                return call.text, call
            return _listed(state, order), call
    return _listed(state, order), None


def _conclusion(state: State) -> str | None:
    """The one subtask into whose brief the answers of all others went, word for word, directly or not."""
    needs: dict[str, set[str]] = {
        subtask["id"]: {need for need in subtask["needs"] if "{" + need + "}" in subtask["brief"]}
        for subtask in state["subtasks"]
    }
    for name in needs:
        reached, frontier = {name}, set[str](needs[name])
        while frontier:
            reached |= frontier
            frontier = {n for item in frontier for n in needs[item]} - reached
        if reached == set(needs):
            return name
    return None


def _listed(state: State, order: list[str]) -> str:
    """The parts in order, each under what was asked; answers that only served a later step are named there."""
    lines = []
    for name in order:
        result = state["results"][name]
        if result["status"] != "failed":
            answer = result["answer"].strip()
            brief = result["brief"].rstrip(".")
            lines.append(f"{name}. {brief}: {answer}" if "\n" not in answer else f"{name}. {brief}:\n{answer}")
    return "\n".join(lines)


def _unresolved(missing: list[dict[str, Any]]) -> str:
    parts = [f"- {result['id']}. {result['brief']} ({result['missing']})" for result in missing]
    return "Not answered:\n" + "\n".join(parts)


async def _written(state: State, io: Io, order: list[str]) -> Attempt | None:
    """One routed call that writes the parts together; None where no model may."""
    subtasks = [Subtask.from_json(subtask) for subtask in state["subtasks"]]
    private = any(subtask.private for subtask in subtasks)
    parts = _listed(state, order)
    task_text = "; ".join(subtask.brief for subtask in subtasks)
    features = dataclasses.replace(untooled(subtasks[0].features), text=task_text, task_type="writing", expects="text")
    broad = Portfolio(s for s in (await io.portfolio()).values() if not s.has("narrow"))
    policy = io.policy(state["task"]).overlaid(ONE_CALL)
    now = await situation(io, state["task"], private=private, context_bytes=len(parts.encode()))
    decision = decide("synthesis", features, broad, policy, now)
    if not decision.ranking:
        return None
    prompt = PROMPT.replace("{task}", task_text).replace("{parts}", parts)
    whole = Subtask("synthesis", task_text, features, (), private)
    model = decision.ranking[0].candidate.id
    return await io.call(model, [HumanMessage(prompt)], state["task"], whole, purpose="synthesize", logprobs=False)
