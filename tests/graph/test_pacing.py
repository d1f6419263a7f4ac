"""Budgets that tasks share, from the file to the bill: paced while they last, never passed, shared by processes."""

import asyncio
import json
import subprocess
import sys
import threading
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from langchain_core.tools import tool

from orchestrator_graph import ModelSpec, Orchestrator, Policy
from orchestrator_graph.config import load
from orchestrator_graph.drive import SYNC, drive
from orchestrator_graph.errors import InputError
from tests.graph.support import model, run
from tests.graph.tooled import call, caller, calls, once

ASK = "Who wrote Faust?"
LONG = "word " * 200
DEAR_USD = 0.006
"""What one answer of the dear model takes, about."""
ON = Policy(budget="x", decompose="never")


def pool(**fields: Any) -> list[ModelSpec]:
    return [model("cheap", LONG, 0.7, 1.0, **fields), model("dear", LONG, 0.95, 20.0, **fields)]


def budgeted(folder: Path, text: str, models: list[ModelSpec] | None = None, **more: Any) -> Orchestrator:
    path = folder / "orchestrator.toml"
    path.write_text(f'memory = "memory"\n[budgets.x]\nper = "total"\n{text}\n')
    return Orchestrator(models or pool(), config=load(path), **more)


def spent(orc: Orchestrator) -> int:
    return drive(orc.memory.spent_nusd(SYNC, budget="x"))


def candidates(orc: Orchestrator, mode: str, count: int) -> list[str]:
    return [run(orc, mode, ASK, ON)["results"]["1"]["candidate"] for _ in range(count)]


def test_decisions_get_thriftier_while_too_much_is_spent(tmp_path: Path, mode: str) -> None:
    most = 4 * DEAR_USD
    with budgeted(tmp_path, f"max_usd = {most}\nrequests = 30") as orc:
        assert orc.decide(ASK, ON).ranking[0].candidate.id == "test:dear"
        names = candidates(orc, mode, 15)
        assert names[:2] == ["test:dear"] * 2
        assert set(names[5:]) == {"test:cheap"}
        assert 2 * DEAR_USD * 1e9 < spent(orc) < most * 1e9
        assert orc.decide(ASK, ON).ranking[0].candidate.id == "test:cheap"  # the advice knows the pace
        assert orc.decide(ASK).ranking[0].candidate.id == "test:dear"  # who does not draw on it is not paced


def test_without_an_expected_number_there_is_a_limit_and_no_pace(tmp_path: Path, mode: str) -> None:
    with budgeted(tmp_path, f"max_usd = {8 * DEAR_USD}") as orc:
        assert set(candidates(orc, mode, 7)) == {"test:dear"}


def test_energy_is_paced_as_well(tmp_path: Path, mode: str) -> None:
    models = pool(watts=100.0, seconds_per_token=0.01, first_token_s=0.0, delay_s=0.01)
    with budgeted(tmp_path, "max_usd = 1000\nrequests = 1000\nmax_j = 1e-9", models) as orc:
        first, _ = orc.decide(ASK, ON).ranking
        before = orc.services.paces.of("x").prices()[1] or 0.0
        run(orc, mode, ASK, ON)
        assert first.energy_j
        assert (orc.services.paces.of("x").prices()[1] or 0.0) > before


def race(orc: Orchestrator, mode: str, count: int) -> list[dict[str, Any]]:
    """So many runs at once."""
    out: list[dict[str, Any]] = []
    if mode == "sync":
        threads = [threading.Thread(target=lambda: out.append(run(orc, "sync", ASK, ON))) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return out

    async def together() -> None:
        out.extend(await asyncio.gather(*(orc.arun(ASK, ON) for _ in range(count))))

    asyncio.run(together())
    return out


def test_eight_runs_at_once_never_pass_the_limit_and_the_bill_says_budget(tmp_path: Path, mode: str) -> None:
    limit = 3.5 * DEAR_USD
    with budgeted(tmp_path, f"max_usd = {limit}\nrequests = 3", [model("dear", LONG, 0.95, 20.0, delay_s=0.05)]) as orc:
        out = race(orc, mode, 8)
        assert len(out) == 8
        assert 0 < spent(orc) == sum(item["bill"]["total_nusd"] for item in out) <= limit * 1e9
        failed = [item for item in out if item["results"]["1"]["status"] == "failed"]
        assert failed
        assert all(item["results"]["1"]["missing"].startswith("budget: ") for item in failed)
        last = run(orc, mode, ASK, ON)
    assert last["results"]["1"]["missing"].startswith("budget: ")
    assert "budget" in str(last["messages"][-1].content)
    assert last["bill"]["total_nusd"] == 0


def test_what_others_merely_hold_is_waited_for(tmp_path: Path, mode: str) -> None:
    # Before it is called, an answer may take 0.0057 dollars or more; it then takes 0.0052.
    with budgeted(tmp_path, "max_usd = 0.05", [model("dear", LONG, 0.95, 20.0, delay_s=0.05)]) as orc:
        out = race(orc, mode, 8)
    assert [item["results"]["1"]["status"] for item in out] == ["accepted"] * 8


def test_what_tools_cost_is_drawn_from_it_as_well(tmp_path: Path, mode: str) -> None:
    @tool(response_format="content_and_artifact")
    def search(query: str) -> tuple[str, dict[str, float]]:
        """Searches, for money."""
        return query, {"cost_usd": 0.02}

    only = caller("a", once(calls(call("search", query="x"))), price=0.01)
    with budgeted(tmp_path, "max_usd = 0.05\nrequests = 9", [only], tools=[search]) as orc:
        out = [run(orc, mode, ASK, ON) for _ in range(5)]
        taken = drive(orc.memory.shared_budget(SYNC, "x", 10**9, "total")).so_far()[0]
    assert taken == sum(item["bill"]["total_nusd"] for item in out)
    assert 60_000_000 < taken < 60_001_000  # the third search passed the limit; after it nobody is asked
    assert [item["bill"]["total_nusd"] for item in out[3:]] == [0, 0]


CHILD = """
import json, sys
from pathlib import Path
from tests.graph.test_pacing import ON, ASK, one_dear
from tests.graph.support import run
with one_dear(Path(sys.argv[1])) as orc:
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps([run(orc, "async", ASK, ON)["bill"]["total_nusd"] for _ in range(5)]), flush=True)
"""
TOGETHER = 6.5 * DEAR_USD


def one_dear(folder: Path) -> Orchestrator:
    return budgeted(folder, f"max_usd = {TOGETHER}", [model("dear", LONG, 0.95, 20.0, delay_s=0.02)])


def test_two_processes_share_it_through_the_ledger(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CHILD, str(tmp_path)]
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=Path(__file__).parents[2], **pipes) as child, one_dear(tmp_path) as orc:
        assert child.stdout.readline() == "ready\n"
        child.stdin.write("go\n")
        child.stdin.flush()
        here = [run(orc, "sync", ASK, ON)["bill"]["total_nusd"] for _ in range(5)]
        there = json.loads(child.communicate(timeout=60)[0])
        while run(orc, "sync", ASK, ON)["bill"]["total_nusd"]:  # until nothing is left
            continue
        total = spent(orc)
    assert child.returncode == 0
    assert max(here) > 0 < max(there)  # both had a part of it
    assert sum(here) + sum(there) <= total <= TOGETHER * 1e9 < total + DEAR_USD * 1e9


def test_an_unknown_budget_is_refused_by_run_and_advice(tmp_path: Path, mode: str) -> None:
    with budgeted(tmp_path, "max_usd = 1") as orc:
        for ask in (lambda: run(orc, mode, ASK, Policy(budget="y")), lambda: orc.decide(ASK, Policy(budget="y"))):
            with pytest.raises(InputError, match=r"policy\.budget = 'y' is not in .*; known: x"):
                ask()


def test_a_restart_forgets_nothing(tmp_path: Path, mode: str) -> None:
    most = f"max_usd = {4 * DEAR_USD}\nrequests = 30\nmax_j = 1e-9"
    models = pool(watts=100.0, seconds_per_token=0.01, first_token_s=0.0, delay_s=0.01)
    with budgeted(tmp_path, most, models) as orc:
        candidates(orc, mode, 4)
        prices = orc.services.paces.of("x").prices()
    with budgeted(tmp_path, most, models) as orc:
        orc.decide(ASK, ON)  # the advice knows it too
        assert orc.services.paces.of("x").prices() == pytest.approx(prices)


def test_what_a_cancelled_run_took_is_booked(tmp_path: Path) -> None:
    with budgeted(tmp_path, "max_usd = 1\nrequests = 30", [model("dear", LONG, 0.95, 20.0)]) as orc:

        async def cancelled() -> None:
            async with aclosing(orc.astream(ASK, ON)) as stream:
                async for mode, chunk in stream:
                    if mode == "custom" and chunk["event"] == "call":
                        return

        asyncio.run(cancelled())
        money = orc.services.paces.of("x").money
        assert money is not None
        settled, runs = drive(orc.memory.shared_budget(SYNC, "x", 10**9, "total")).so_far()
        assert money.spent == settled > 0
        assert not runs
