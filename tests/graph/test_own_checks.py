"""The user's own checks of an answer, and unit tests that come with a task: what they settle, and what they may not."""

import json
from typing import Any

import pytest

from orchestrator_graph import Policy
from orchestrator_graph.errors import InputError
from orchestrator_graph.memory.worth import WEIGHTS
from orchestrator_graph.nodes.onward import heard_again
from tests.graph.support import model, orchestrated, run

CODE = "Write a Python function double(x). It must pass:\n```python\nassert double(2) == 4\n```"
RIGHT, WRONG = "```python\ndef double(x):\n    return 2 * x\n```", "```python\ndef double(x):\n    return x\n```"


def test_a_check_that_fails_moves_on_and_one_that_holds_accepts(mode: str) -> None:
    with orchestrated(model("a", "far too long", 0.9), model("b", "short", 0.8), checks={"brief": _brief}) as orc:
        result = run(orc, mode, "Tell a joke")["results"]["1"]
        assert (result["answer"], result["status"], result["confidence"]) == ("short", "accepted", 0.98)
        outcomes = {(o["candidate"], o["source"], o["score"], o["weight"]) for o in outcomes_of(orc)}
    weight = WEIGHTS["verified"]
    assert outcomes == {("test:a", "verified", 0.0, weight), ("test:b", "verified", 1.0, weight)}


def test_a_check_that_holds_needs_no_calibration(mode: str) -> None:
    policy = Policy(calibration="required")
    with orchestrated(model("a", "short"), model("b", "short"), checks={"brief": _brief}) as orc:
        out = run(orc, mode, "Tell a joke", policy)
    assert (out["results"]["1"]["status"], out["bill"]["calls"]) == ("accepted", 1)


@pytest.mark.parametrize("told", [ZeroDivisionError("no"), float("nan"), 7, "fine", None])
def test_a_check_that_cannot_say_ends_no_run_and_settles_nothing(mode: str, told: object) -> None:
    def odd(answer: str) -> float:
        assert answer
        if isinstance(told, Exception):
            raise told
        return told  # type: ignore[return-value]

    with orchestrated(model("a", "a joke"), checks={"odd": odd}) as orc:
        result = run(orc, mode, "Tell a joke")["results"]["1"]
    found = next(item for item in result["verdict"]["evidence"] if item["name"] == "scorer: odd")
    assert (result["status"], found["value"], found["decisive"]) == ("accepted", 0.5, False)
    json.dumps(result)


def test_code_is_run_only_where_the_policy_says_so(mode: str) -> None:
    with orchestrated(model("a", WRONG, 0.9), model("b", RIGHT, 0.8)) as orc:
        trusting = run(orc, mode, CODE, Policy(decompose="never", tradeoff="best"))["results"]["1"]
        tested = run(orc, mode, CODE, Policy(decompose="never", tradeoff="best", run_code=True))["results"]["1"]
    assert trusting["candidate"] == "test:a"
    assert not any(item["name"] == "unit tests" for item in trusting["verdict"]["evidence"])
    assert (tested["candidate"], tested["status"]) == ("test:b", "accepted")


def test_what_unit_tests_said_of_an_answer_stays_said_when_another_is_heard() -> None:
    passed = {"name": "unit tests", "value": 1.0, "detail": "", "decisive": False}
    sound = {"failure": None, "verdict": {"calibrated": True, "confidence": 0.7, "evidence": [passed]}}
    other = {"failure": None, "verdict": {"calibrated": False, "confidence": 0.4, "evidence": []}}
    state: Any = {"hand": [sound, other]}
    nothing: Any = None
    assert heard_again(state, nothing, nothing) == [sound, other]


def test_a_check_may_be_given_as_data(mode: str) -> None:
    form = {"schema": {"type": "object", "required": ["name"]}}
    with orchestrated(model("a", '{"n": 1}', 0.9), model("b", '{"name": "x"}', 0.8), checks={"form": form}) as orc:
        assert run(orc, mode, "Tell a joke")["results"]["1"]["candidate"] == "test:b"
    with orchestrated(model("a"), checks={"form": {"shape": 1}}) as orc, pytest.raises(InputError, match="shape"):
        run(orc, mode, "Tell a joke")


def _brief(answer: str) -> bool:
    return len(answer) < 8


def outcomes_of(orc: object) -> list[dict[str, object]]:
    from sqlalchemy import select

    from orchestrator_graph.drive import SYNC, drive
    from orchestrator_graph.memory.schema import outcomes

    parts = drive(orc.memory._opened(SYNC))  # type: ignore[attr-defined]
    with parts.ledger.read("testing") as connection:
        return [dict(row._mapping) for row in connection.execute(select(outcomes))]
