"""The graph's state: JSON-like TypedDicts and messages only, so that every checkpointer and server can hold it.

Fan-in keys are dicts keyed by id with a merge reducer: idempotent under retry and resume.
"""

from typing import Annotated, Any, NotRequired, Required

from langchain_core.messages import AnyMessage
from langgraph.graph.message import add_messages
from typing_extensions import TypedDict  # pydantic makes no JSON Schema of typing's before Python 3.12

__all__ = [
    "Input",
    "Output",
    "ShapedOutput",
    "ShapedState",
    "SolveOutput",
    "SolveState",
    "State",
    "ToolState",
    "merge",
]


def merge(left: dict[str, Any] | None, right: dict[str, Any] | None) -> dict[str, Any]:
    """Later entries win; the same entry twice is the entry once.

    >>> merge({"1": "a"}, {"2": "b"})
    {'1': 'a', '2': 'b'}
    """
    return {**(left or {}), **(right or {})}


class Input(TypedDict):
    """What a caller gives: the conversation; the last human message is the task."""

    messages: Annotated[list[AnyMessage], add_messages]


class Output(TypedDict):
    """What a caller, a server or Studio sees.

    Attributes:
        plan: One dict per subtask: `id, brief, needs, task_type, private`.
        results: Subtask id -> `answer, status, candidate, why, confidence, tries, cost_usd, latency_s, decision ...`.
        bill: `total_usd, lines, reference, notes ...`; see `bill.format_bill`.
    """

    messages: Annotated[list[AnyMessage], add_messages]
    plan: list[dict[str, Any]]
    results: Annotated[dict[str, dict[str, Any]], merge]
    bill: dict[str, Any]


class State(Output):
    """The parent graph's state.

    Attributes:
        task: `run_id, policy, started_at, private, notes, plan_source`.
        subtasks: `types.Subtask` as JSON, in plan order.
        calls: Call id -> `types.Attempt` as JSON without text and log-probabilities.
    """

    task: dict[str, Any]
    subtasks: list[dict[str, Any]]
    calls: Annotated[dict[str, dict[str, Any]], merge]


class ShapedOutput(Output):
    """The output where a `response_format` was given.

    Attributes:
        structured_response: The answer as JSON of that form, not as an instance of a class: a checkpointer, a server or
            Studio could not hold that. `None` where no model could write it; the bill says why.
    """

    structured_response: dict[str, Any] | None


class ShapedState(State, ShapedOutput):
    """The parent graph's state where a `response_format` was given."""


class SolveOutput(TypedDict):
    """What one subtask hands back to the parent."""

    results: Annotated[dict[str, dict[str, Any]], merge]
    calls: Annotated[dict[str, dict[str, Any]], merge]


class SolveState(SolveOutput):
    """The child graph's state: one subtask.

    Attributes:
        answers: Answers of the subtasks that this one needs, by id.
        messages: The conversation before the task.
        decision: `types.Decision` as JSON.
        hand: Every judged answer so far, best to be found by confidence.
        current: The answer that is about to be judged.
        target: Candidate that the executor shall run now; absent = walk the ranking.
        tried: Candidate ids that were run.
        loop: With tools: `said`, the answers that called them, and `holder`, the candidate in use while it waits.
        tools: Id of a tool call -> what came of it.
    """

    task: Required[dict[str, Any]]
    subtask: Required[dict[str, Any]]
    answers: Required[dict[str, str]]
    messages: NotRequired[list[AnyMessage]]
    decision: NotRequired[dict[str, Any]]
    hand: NotRequired[list[dict[str, Any]]]
    current: NotRequired[dict[str, Any]]
    target: NotRequired[dict[str, Any] | None]
    tried: NotRequired[list[str]]
    loop: NotRequired[dict[str, Any]]
    tools: NotRequired[Annotated[dict[str, dict[str, Any]], merge]]


class ToolState(TypedDict):
    """What one call of a tool is sent.

    Attributes:
        call: `id, name, args`, as the model gave them.
        asked: `candidate` and `call_id` of the model's answer.
        messages: The brief and what was said and done since, for tools that read the state.
    """

    task: dict[str, Any]
    subtask: dict[str, Any]
    call: dict[str, Any]
    asked: dict[str, str]
    messages: list[AnyMessage]
