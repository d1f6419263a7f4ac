"""Audits: the reference beside the policy on a sample, quoted first, never beyond the budget, nothing guessed."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from orchestrator_graph import Orchestrator, Policy
from orchestrator_graph.cli.app import app
from orchestrator_graph.drive import ASYNC, SYNC, Effects, drive
from orchestrator_graph.errors import InputError, RegistryError
from orchestrator_graph.evaluation.audit import AuditPlan, AuditReport, audit, plan_audit
from orchestrator_graph.evaluation.second_opinion import OpinionPlan, ask_again, plan_opinion
from orchestrator_graph.evaluation.tasks import CheckedTask, read_tasks
from orchestrator_graph.memory.past import past
from orchestrator_graph.types import Decision
from tests.graph.support import model, orchestrated

SUMS = [{"task": f"Add {a} and {a + 1}", "answer": 2 * a + 1} for a in range(10, 34)]


def add(asked: str) -> str:
    return str(sum(int(word) for word in asked.split() if word.isdigit()))


def nearly(asked: str) -> str:
    """Right in two of three."""
    total = int(add(asked))
    return str(total if total % 3 else total + 1)


def done(mode: str, work: Any, *given: Any, **options: Any) -> Any:
    fx: Effects = SYNC if mode == "sync" else ASYNC
    return drive(work(fx, *given, **options)) if mode == "sync" else asyncio.run(work(fx, *given, **options))


@pytest.fixture
def tasks(tmp_path: Path) -> list[CheckedTask]:
    path = tmp_path / "tasks.jsonl"
    path.write_text("\n".join(map(json.dumps, SUMS)))
    return read_tasks(path)


def pool(price: float = 1.0) -> list[Any]:
    return [model("cheap", nearly, 0.9, price / 100), model("dear", add, 0.9, price)]


def planned(orc: Orchestrator, mode: str, tasks: list[CheckedTask], share: float, budget: float | None) -> AuditPlan:
    async def choose(text: str) -> Decision:
        return orc.decide(text) if mode == "sync" else await orc.adecide(text)

    plan: AuditPlan = done(mode, plan_audit, orc.services, tasks, "test:dear", share, budget, choose)
    return plan


def test_choice_and_reference_are_asked_the_same_tasks_and_both_remembered(mode: str, tasks: list[CheckedTask]) -> None:
    with orchestrated(*pool()) as orc:
        plan = planned(orc, mode, tasks, 1.0, 1.0)
        assert (plan.sampled, plan.of, plan.same) == (24, 24, 0)
        report: AuditReport = done(mode, audit, orc.services, plan)
        assert (report.pairs, report.calls, report.failed) == (24, 48, 0)
        assert report.loss == pytest.approx(1 / 3)
        assert 0 < report.spent_nusd <= plan.budget_nusd == 10**9
        history = done(mode, past, orc.memory, "default")
        assert sorted(history.candidates) == ["test:cheap", "test:dear"]
        assert (history.weights >= 0.75).all(axis=1).sum() == 24
        again: AuditReport = done(mode, audit, orc.services, planned(orc, mode, tasks, 1.0, 1.0))
        assert (again.calls, again.spent_nusd, again.pairs) == (0, 0, 24)


def test_a_budget_is_never_passed_and_a_share_is_a_share(mode: str, tasks: list[CheckedTask]) -> None:
    with orchestrated(*pool(3000.0)) as orc:
        whole = planned(orc, mode, tasks, 1.0, 1000.0)
        part = planned(orc, mode, tasks, 0.4, 1000.0)
        assert 0 < part.sampled < whole.sampled
        assert 0 < part.quote_nusd < whole.quote_nusd
        poor = planned(orc, mode, tasks, 1.0, whole.quote_nusd * 0.9e-9)
        report = done(mode, audit, orc.services, poor)
        assert 0 < report.spent_nusd <= poor.budget_nusd
        assert 0 < report.pairs < 24


def test_what_the_reference_answers_anyway_costs_nothing(tasks: list[CheckedTask]) -> None:
    with orchestrated(*pool(), policy=Policy(pin="test:dear")) as orc:
        plan = planned(orc, "sync", tasks, 1.0, 1.0)
        assert (plan.same, plan.profiles, plan.quote_nusd) == (24, (), 0)
        assert done("sync", audit, orc.services, plan).loss is None
        assert plan.notes[0].startswith("test:dear answers all of them; pairs come from orchestrator models profile")


@pytest.mark.parametrize("proved", [False, True])
def test_a_promise_is_not_made_of_those_tasks_alone_that_the_policy_thinks_easy(
    mode: str, tasks: list[CheckedTask], proved: bool
) -> None:
    with orchestrated(*pool()) as orc:
        cheap, dear = (orc.decide("Add 1 and 2", {"pin": f"test:{name}"}) for name in ("cheap", "dear"))

        async def choose(text: str) -> Decision:
            return replace(cheap if "Add 1" in text else dear, proved=proved)

        plan: AuditPlan = done(mode, plan_audit, orc.services, tasks, "test:dear", 1.0, 1.0, choose)
        assert plan.same == 14
        assert plan.asks == (24 - plan.same if proved else 24)
        report: AuditReport = done(mode, audit, orc.services, plan)
        assert (report.pairs, report.calls) == (24 - plan.same, 2 * plan.asks)  # the policy loses nothing on the rest
        assert done(mode, past, orc.memory, "default").trusted.all(axis=1).sum() == plan.asks


@pytest.mark.parametrize("share", [0.0, -1.0, 1.5, float("nan")])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with orchestrated(*pool()) as orc, pytest.raises(InputError, match=r"audit: share = .* is no share above 0"):
        done("sync", plan_opinion, orc.services, "test:dear", share, 1.0)


def test_a_budget_is_wanted_where_somebody_sends_a_bill(tasks: list[CheckedTask]) -> None:
    with orchestrated(*pool()) as orc:
        with pytest.raises(InputError, match="budget: none was given and test:dear is billed"):
            planned(orc, "sync", tasks, 1.0, None)
        with pytest.raises(RegistryError, match="no model 'test:nobody'"):
            done("sync", plan_opinion, orc.services, "test:nobody", 1.0, 1.0)


def voted(orc: Orchestrator, text: str, score: float | None) -> str:
    out = orc.run(text, {"pin": "test:cheap"})
    if score is not None:
        orc.feedback(out["bill"]["run_id"], score)
    return str(out["messages"][-1].response_metadata["decisions"]["1"])


def opinion(orc: Orchestrator, mode: str, share: float = 1.0, budget: float = 1.0) -> OpinionPlan:
    plan: OpinionPlan = done(mode, plan_opinion, orc.services, "test:dear", share, budget)
    return plan


def test_who_says_the_same_is_worth_the_same_and_the_rest_is_asked_for(mode: str, tmp_path: Path) -> None:
    with orchestrated(*pool(), memory=tmp_path / "m") as orc:
        for a in (10, 11, 12):  # 21 = 3 * 7: the cheap one is wrong there
            voted(orc, f"Add {a} and {a + 1}", float((2 * a + 1) % 3 != 0))
        voted(orc, "Add 50 and 51", None)
        plan = opinion(orc, mode)
        assert (plan.of, len(plan.tasks)) == (3, 3)
        report: AuditReport = done(mode, ask_again, orc.services, plan)
        assert (report.free, report.pairs, report.loss, report.calls) == (2, 2, 0.0, 3)
        (open_one,) = report.unlabelled
        assert (open_one.task, open_one.answer) == ("Add 10 and 11", "21")
        history = done(mode, past, orc.memory, "default")
        assert (history.weights >= 0.75).all(axis=1).sum() == 2  # the third is nobody's guess
        again = opinion(orc, mode)
        assert (again.tasks, [task.text for task in again.waiting]) == ((), ["Add 10 and 11"])
        assert orc.feedback(open_one.id, 1.0) == {"1": "test:dear"}
        history = done(mode, past, orc.memory, "default")
        dear, cheap = (history.scores[:, history.candidates.index(f"test:{name}")] for name in ("dear", "cheap"))
        assert sorted(zip(dear.tolist(), cheap.tolist(), strict=True)) == [(1.0, 0.0), (1.0, 1.0), (1.0, 1.0)]
        assert opinion(orc, mode).waiting == ()


def test_a_vote_on_the_run_is_no_vote_on_the_audit(mode: str) -> None:
    with orchestrated(*pool()) as orc:
        out = orc.run("Add 10 and 11", {"pin": "test:cheap"})
        orc.feedback(out["bill"]["run_id"], 0.0)
        done(mode, ask_again, orc.services, opinion(orc, mode))
        assert orc.feedback(out["bill"]["run_id"], 0.5) == {"1": "test:cheap"}


def test_private_tasks_are_kept_from_a_reference_elsewhere_and_money_is_kept() -> None:
    mode = "async"
    local = model("cheap", nearly, 0.9, 0.01, local=True)
    with orchestrated(local, model("dear", add, 0.9, 3000.0)) as orc:
        out = orc.run("Add 10 and 11", {"pin": "test:cheap", "private": True})
        orc.feedback(out["bill"]["run_id"], 1.0)
        for a in range(20, 38):
            voted(orc, f"Add {a} and {a + 1}", 1.0)
        whole = opinion(orc, mode, budget=1000.0)
        assert whole.notes == ("1 private tasks are left out: test:dear does not run here",)
        assert len(whole.tasks) == 18
        poor = opinion(orc, mode, budget=whole.quote_nusd * 0.9e-9)
        report = done(mode, ask_again, orc.services, poor)
        assert len(poor.tasks) < 18
        assert 0 < report.spent_nusd <= poor.budget_nusd


def test_the_command_quotes_and_then_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    path = tmp_path / "tasks.jsonl"
    path.write_text("\n".join(map(json.dumps, SUMS[:6])))
    given = ["audit", "--tasks", str(path), "--models", "pocket", "--memory", "m", "--share", "1"]
    said = CliRunner().invoke(app, [*given, "--dry-run"], env={"COLUMNS": "200"})
    assert said.exit_code == 0, said.output
    assert "6 of 6 tasks sampled" in said.output
    assert "expected to cost about" in said.output
    report = json.loads(CliRunner().invoke(app, [*given, "--json"]).stdout)
    assert report["pairs"] + report["same"] == 6
    assert CliRunner().invoke(app, ["audit", "--share", "7", "--models", "pocket", "--memory", "m"]).exit_code == 2
    empty = CliRunner().invoke(app, ["audit", "--models", "pocket", "--memory", "m"], env={"COLUMNS": "200"})
    assert "0 of 0 tasks sampled" in empty.output
