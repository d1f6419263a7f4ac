"""What was said and done in a subtask's tool loop, kept as JSON: read back as messages, for a judge, and for users."""

import json
from collections.abc import Collection, Mapping
from typing import Any

from langchain_core.messages import AIMessage, AnyMessage, ToolMessage

from orchestrator_graph.nodes.tool_content import as_json
from orchestrator_graph.types import Attempt, Candidate, new_id

__all__ = ["called", "messages_of", "seen_by_users", "step_of", "steps_of", "stuck", "told"]

State = Mapping[str, Any]

KEPT = ("content", "additional_kwargs", "tool_calls", "id", "name")
FORM = ("model_provider", "output_version", "model_name")
"""What a client needs to know to read its own message again."""
STUCK = 2
"""After so many failed tool calls in a row somebody better is asked."""
ID_CHARS = 9  # what Mistral takes
TOLD_CHARS = 4000
SHOWN_CHARS = 500


def steps_of(state: State) -> list[dict[str, Any]]:
    """The answers that called tools, oldest first."""
    return list((state.get("loop") or {}).get("said") or ())


def step_of(candidate: Candidate, attempt: Attempt, taken: Collection[str]) -> dict[str, Any]:
    """An answer that calls tools, as it is kept.

    Every call's id is unique in the subtask: some servers number the calls of each answer anew, or give none.
    """
    message, used, calls = attempt.message, set(taken), []
    for call in message.tool_calls:
        name = call["id"] if call["id"] and call["id"] not in used else new_id()[:ID_CHARS]
        used.add(name)
        calls.append({"name": call["name"], "args": call["args"], "id": name, "type": "tool_call"})
    data = {name: getattr(message, name) for name in KEPT}
    data["response_metadata"] = {
        name: message.response_metadata[name] for name in FORM if name in message.response_metadata
    }
    if [call["id"] for call in calls] != [call["id"] for call in message.tool_calls]:
        data |= {"content": attempt.text, "additional_kwargs": {}}  # they may name the calls by their old ids
    plain = as_json({**data, "tool_calls": calls})
    return {"candidate": candidate.id, "model": attempt.model, "call_id": attempt.id, "message": plain}


def called(step: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The tool calls of an answer: `id, name, args`."""
    return list(step["message"]["tool_calls"])


def messages_of(state: State, model: str) -> list[AnyMessage]:
    """The loop so far, as messages for one model: its own answers as it gave them, those of others in plain words."""
    found: list[AnyMessage] = []
    for step in steps_of(state):
        whole = AIMessage(**step["message"])
        own = step["model"] == model
        found.append(whole if own else AIMessage(str(whole.text), tool_calls=whole.tool_calls))
        done = ((call, (state.get("tools") or {}).get(call["id"])) for call in called(step))
        found += [_tool_message(call, result) for call, result in done if result is not None]
    return found


def _tool_message(call: Mapping[str, Any], result: Mapping[str, Any]) -> ToolMessage:
    status = "success" if result["ok"] else "error"
    return ToolMessage(result["content"], tool_call_id=call["id"], name=call["name"], status=status)


def stuck(state: State) -> bool:
    """Whether the last tool calls of the candidate in use failed, one after the other."""
    holder, results = (state.get("loop") or {}).get("holder"), state.get("tools") or {}
    own = [call for step in steps_of(state) if step["candidate"] == holder for call in called(step)]
    last = [results[call["id"]]["ok"] for call in own if call["id"] in results][-STUCK:]
    return len(last) == STUCK and not any(last)


def told(state: State) -> str:
    """What the tools returned, for somebody who judges an answer that rests on it; empty where none was called."""
    results = state.get("tools") or {}
    lines = [
        f"{call['name']}({json.dumps(call['args'])}): {results[call['id']]['content']}"
        for step in steps_of(state)
        for call in called(step)
        if call["id"] in results
    ]
    return f"\n\nWhat tools returned:\n{chr(10).join(lines)[:TOLD_CHARS]}" if lines else ""


def seen_by_users(state: State) -> dict[str, Any]:
    """`tools` and `private` of a subtask's result; arguments and outputs only where the subtask is not private."""
    if "loop" not in state:
        return {}
    private, results = bool(state["subtask"]["private"]), state.get("tools") or {}
    ids = [call["id"] for step in steps_of(state) for call in called(step)]
    listed = [_shown(results[name], private) for name in ids if name in results]
    return {"tools": listed, "private": private}


def _shown(result: Mapping[str, Any], private: bool) -> dict[str, Any]:
    shown = {name: result[name] for name in ("name", "ok", "seconds", "cost_nusd", "candidate", "call_id")}
    if private:
        return shown
    content = result["content"]
    output = content if isinstance(content, str) else json.dumps(content)
    return {**shown, "args": result["args"], "output": output[:SHOWN_CHARS]}
