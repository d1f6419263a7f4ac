"""Cascade routing, ensembles and fusion in whole runs: pocket models with real confidences, and scripted ones."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from orchestrator_graph import ModelSpec, Orchestrator, Policy
from orchestrator_graph.pocket import check, generate
from tests.graph.support import model, orchestrated, run
from tests.graph.taught import FAMILIES, history, teach
from tests.unit.test_shifts import history as plain_history

TASKS = generate("test", 24, seed=3, families=FAMILIES)
POOL = ["pocket:small", "pocket:medium"]


def answers(mode: str, policy: Policy, taught: bool = True) -> list[dict[str, Any]]:
    with Orchestrator(POOL, policy=policy) as orc:
        if taught:
            teach(orc, history())
        return [run(orc, mode, task.prompt)["results"]["1"] for task in TASKS]


def test_what_is_surely_right_stops_and_what_is_not_goes_on(mode: str) -> None:
    found = answers(mode, Policy(tradeoff="balanced"))
    assert {result["status"] for result in found} <= {"accepted", "unsure"}
    assert all(result["calibrated"] for result in found)
    climbed = [result for result in found if result["escalations"]]
    assert climbed
    assert len(climbed) < len(found)
    right = [check(task, result["answer"]) for task, result in zip(TASKS, found, strict=True)]
    accepted = [ok for ok, result in zip(right, found, strict=True) if result["status"] == "accepted"]
    assert sum(accepted) / len(accepted) > sum(right) / len(right)


def test_sync_and_async_do_the_same() -> None:
    policy = Policy(tradeoff=0.9)  # there a busy machine's milliseconds hardly count
    both = [[(r["answer"], r["candidate"], r["status"]) for r in answers(mode, policy)] for mode in ("sync", "async")]
    assert both[0] == both[1]


def test_nothing_is_asked_again_where_the_strategy_is_to_route(mode: str) -> None:
    found = answers(mode, Policy(strategy="route"))
    assert all(result["escalations"] == 0 for result in found)


def test_the_answer_that_is_kept_is_the_surest_after_all_were_heard(mode: str) -> None:
    for result in answers(mode, Policy(tradeoff="best", min_confidence=0.99, lookahead="full")):
        steps = re.search(r"; (pocket:[^:]+ .+): (accepted|kept)", result["why"])
        heard = re.findall(r"pocket:\w+ (\d\.\d\d)", steps.group(1)) if steps else []
        assert not heard or round(result["confidence"], 2) == max(map(float, heard))
        assert len(heard) <= 5
        if result["status"] == "unsure":
            assert result["settle"].startswith("It would be settled by")


def test_where_nothing_was_learnt_the_threshold_decides_as_before(mode: str) -> None:
    found = answers(mode, Policy(strategy="cascade", cascade=POOL), taught=False)
    assert all(not result["calibrated"] for result in found)
    assert any(result["escalations"] for result in found)


def trusted(*names: str) -> Any:
    """The first model is right in nine of ten remembered tasks, the others in three of ten."""
    rng = np.random.default_rng(0)
    share = [0.9, *[0.3] * (len(names) - 1)]
    return plain_history((rng.random((400, len(names))) < share).astype(float), names, space="x")


@pytest.mark.parametrize("floor", [0.3])
def test_votes_count_by_what_they_were_worth(mode: str, floor: float) -> None:
    pool = [model("best", "42", 0.9), model("poor", "41", 0.3)]
    with orchestrated(*pool) as orc:
        policy = Policy(strategy="consensus", min_confidence=floor)
        before = run(orc, mode, "Multiply 6 by 7", policy)["results"]["1"]
        teach(orc, trusted("test:best", "test:poor"))
        after = run(orc, mode, "Multiply 7 by 6", policy)["results"]["1"]
    assert not before["calibrated"]
    assert (after["answer"], after["calibrated"], after["status"]) == ("42", True, "accepted")


def test_a_fusion_is_written_from_the_panels_answers_and_all_is_billed(mode: str) -> None:
    def writing(asked: str) -> str:
        return "fused" if "answered the task above independently" in asked else "alone"

    writer = model("writer", writing, 0.9)
    panel = [model("one", "An odd thing: {answers}", 0.8), model("two", "another thing", 0.7)]
    with orchestrated(writer, *panel) as orc:
        out = run(orc, mode, "Tell a joke", Policy(strategy="fusion", tradeoff="best"))
    result = out["results"]["1"]
    assert result["answer"] == "fused"
    assert result["candidate"].startswith("fusion(")
    assert out["bill"]["calls"] == 3
    asked = writer.model.seen[-1]
    assert "An odd thing: {answers}" in asked
    assert "another thing" in asked


def test_a_fusion_without_its_writer_falls_back_on_the_panel(mode: str) -> None:
    pool = [model("writer", "", 0.9), model("one", "7", 0.8), model("two", "7", 0.7)]
    with orchestrated(*pool) as orc:
        out = run(orc, mode, "Add 3 and 4", Policy(strategy="fusion", tradeoff="best", min_confidence=0.5))
    assert out["results"]["1"]["answer"] == "7"
    assert out["bill"]["failed_calls"] == 1


def test_an_ensemble_that_gained_is_chosen_by_the_router_itself(mode: str) -> None:
    names = ("test:a", "test:b")
    pool = [model("a", "42", 0.6), model("b", "42", 0.6)]
    both = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]] * 60)
    known = replace(plain_history(both, (*names, "consensus(test:a, test:b)")), space="x")
    with orchestrated(*pool) as orc:
        teach(orc, known)
        auto = run(orc, mode, "Multiply 6 by 7")["results"]["1"]
        never = run(orc, mode, "Multiply 6 by 7", Policy(ensemble="never"))["results"]["1"]
    assert auto["decision"]["ranking"][0]["candidate"]["kind"] == "consensus"
    assert "gain +0.500 over it" in auto["decision"]["ranking"][0]["source"]
    assert never["decision"]["ranking"][0]["candidate"]["kind"] == "single"


def _refuses(_: str) -> str:
    raise ConnectionError("down")


def test_an_answer_left_early_is_heard_out_where_nobody_else_gives_one(mode: str) -> None:
    pool = [ModelSpec("pocket:small"), model("down", _refuses, 0.97)]
    policy = Policy(strategy="cascade", cascade=["pocket:small", "test:down"], min_confidence=0.8)
    left = 0
    with Orchestrator(pool, policy=policy) as orc:
        teach(orc, history())
        for task in TASKS[:4]:
            result = run(orc, mode, task.prompt)["results"]["1"]
            left += "early_exit" in result["why"]
            assert result["status"] != "failed", result["why"]
            assert result["answer"]
    assert left
