"""A plan is a DAG of few subtasks, or it is refused with the reason."""

import json

import pytest

from orchestrator_graph.nodes.plan import parse_plan, waves


def plan(*subtasks: dict[str, object]) -> str:
    return json.dumps({"subtasks": list(subtasks)})


def test_ids_are_renumbered_in_dependency_order() -> None:
    text = plan({"id": "b", "brief": "use {a}", "needs": ["a"]}, {"id": "a", "brief": "make"})
    pieces, problem = parse_plan(f"Sure!\n```json\n{text}\n```")
    assert problem == ""
    assert [(p.brief, p.needs) for p in pieces] == [("make", ()), ("use {1}", ("1",))]


def test_an_input_named_in_a_brief_is_needed() -> None:
    text = plan({"id": "b", "brief": "use {a} and {b}"}, {"id": "a", "brief": "make {x}"})
    pieces, problem = parse_plan(text)
    assert problem == ""
    assert [(p.brief, p.needs) for p in pieces] == [("make {x}", ()), ("use {1} and {b}", ("1",))]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("I cannot do that", "Invalid JSON"),
        ("{}", "subtasks: Field required"),
        (plan(), "at least 1 item"),
        (plan({"id": "1", "brief": ""}), "at least 1 character"),
        (plan({"id": "1", "brief": "x", "needs": ["9"]}), "unknown subtask '9'"),
        (plan({"id": "1", "brief": "x", "needs": ["2"]}, {"id": "2", "brief": "y", "needs": ["1"]}), "circle"),
        (plan({"id": "1", "brief": "x {2}"}, {"id": "2", "brief": "y {1}"}), "circle"),
        (plan({"id": "1", "brief": "x"}, {"id": "1", "brief": "y"}), "used twice"),
        (plan(*({"id": str(i), "brief": "x"} for i in range(33))), "at most 32"),
    ],
)
def test_garbage_is_named(text: str, problem: str) -> None:
    pieces, reason = parse_plan(text)
    assert pieces == []
    assert problem in reason


def test_waves_leave_out_circles() -> None:
    assert waves({"1": [], "2": ["3"], "3": ["2"], "4": ["1"]}) == [["1"], ["4"]]
