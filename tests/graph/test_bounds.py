"""Bounds that no input can lift: subtasks, calls, calls at once, escalations."""

import asyncio
import threading
import time
from typing import Any

import pytest

from orchestrator_graph import ModelSpec, Policy, Price, Prior
from orchestrator_graph.policy import LIMITS
from orchestrator_graph.testing import ScriptedChat
from tests.graph.support import model, orchestrated, run


class Crowd(ScriptedChat):
    """Knows how many calls were under way at once, sync and async."""

    most: int = 0
    now: int = 0
    guard: Any = None

    def enter(self) -> None:
        with self.guard:
            self.now += 1
            self.most = max(self.most, self.now)

    def leave(self) -> None:
        with self.guard:
            self.now -= 1

    def _stream(self, *args: Any, **kwargs: Any) -> Any:
        self.enter()
        time.sleep(0.05)
        yield from super()._stream(*args, **kwargs)
        self.leave()

    async def _astream(self, *args: Any, **kwargs: Any) -> Any:
        self.enter()
        await asyncio.sleep(0.05)
        async for chunk in super()._astream(*args, **kwargs):
            yield chunk
        self.leave()


def crowd(**fields: Any) -> ModelSpec:
    chat = Crowd(model="crowd", script="12", guard=threading.Lock())
    return ModelSpec(chat, alias="test:crowd", price=Price(1, 1), priors={"*": Prior(0.9, 50, "test")}, **fields)


def sums(count: int) -> str:
    return "\n".join(f"{i + 1}. Add {i + 1} and {11 - i}" for i in range(count))


def test_a_plan_of_too_many_items_stays_whole(mode: str) -> None:
    only = model("only", "12")
    with orchestrated(only) as orc:
        out = run(orc, mode, sums(LIMITS.subtasks + 1))
    assert len(out["plan"]) == 1
    assert "33 parts found, at most 32 are planned: left whole" in out["bill"]["notes"]
    assert len(only.model.seen) == 1


def test_a_model_cannot_plan_too_much_either(mode: str) -> None:
    items = ",".join(f'{{"id":"{i}","brief":"Find hotel {i}"}}' for i in range(LIMITS.subtasks + 1))
    plan = f'{{"subtasks":[{items}]}}'
    with orchestrated(model("p", lambda asked: plan if "JSON only" in asked else "done", 0.9)) as orc:
        out = run(orc, mode, "A weekend in Rome with hotels", Policy(decompose="always"))
    assert len(out["plan"]) == 1
    assert any("33 subtasks, at most 32 are allowed" in note for note in out["bill"]["notes"])


def test_the_largest_plan_is_run_with_so_many_calls_at_once(mode: str) -> None:
    spec = crowd()
    with orchestrated(spec) as orc:
        out = run(orc, mode, sums(LIMITS.subtasks), max_concurrency=64)
    assert [result["status"] for result in out["results"].values()] == ["accepted"] * 32
    assert 4 < spec.model.most <= LIMITS.parallel_calls


@pytest.mark.parametrize("limit", [1, 3])
def test_max_concurrency_holds(mode: str, limit: int) -> None:
    spec = crowd()
    with orchestrated(spec) as orc:
        out = run(orc, mode, sums(8), max_concurrency=limit)
    assert out["bill"]["calls"] == 8
    assert spec.model.most <= limit


def test_a_models_own_limit_holds_across_subtasks(mode: str) -> None:
    spec = crowd(max_in_flight=2)
    with orchestrated(spec) as orc:
        run(orc, mode, sums(8), max_concurrency=8)
    assert spec.model.most <= 2


def test_no_task_makes_more_than_so_many_calls(mode: str) -> None:
    only = model("only", "12")
    with orchestrated(only) as orc:
        out = run(orc, mode, sums(LIMITS.subtasks), Policy(strategy="best_of_n"))
    assert len(only.model.seen) == LIMITS.model_calls
    kinds = {result["status"] for result in out["results"].values()}
    assert "accepted" in kinds
    assert out["bill"]["total_nusd"] > 0


def test_no_subtask_is_escalated_more_often_than_allowed(mode: str) -> None:
    pool = [model(f"m{i}", "dunno", 0.5 + i / 20, 1.0 + i) for i in range(8)]
    with orchestrated(*pool) as orc:
        names = [spec.id for spec in pool]
        out = run(orc, mode, "Multiply 6 by 7", Policy(strategy="cascade", cascade=names))
    result = out["results"]["1"]
    assert (result["status"], result["escalations"]) == ("unsure", LIMITS.escalations)
    assert out["bill"]["calls"] == LIMITS.escalations + 1
