"""Profiling a model: the tasks file, the scorers, clusters, the budget, what is remembered, resuming, pairs."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from orchestrator_graph import ModelSpec, Orchestrator, Policy, Price, Prior
from orchestrator_graph.cli.app import app
from orchestrator_graph.cli.profile import report_view
from orchestrator_graph.drive import ASYNC, SYNC, drive
from orchestrator_graph.errors import InputError, PrivacyError, RegistryError
from orchestrator_graph.evaluation.clusters import centres, nearest, spread
from orchestrator_graph.evaluation.plan import ProfilePlan, plan_profile
from orchestrator_graph.evaluation.profile import carry_out
from orchestrator_graph.evaluation.report import ProfileReport
from orchestrator_graph.evaluation.scorers import answer_scorer, check_scorer
from orchestrator_graph.evaluation.tasks import CheckedTask, read_tasks
from orchestrator_graph.testing import ScriptedChat
from tests.graph.support import model, orchestrated

SUMS = [{"task": f"Add {a} and {a + 1}", "answer": 2 * a + 1} for a in range(10, 30)]
WORDS = [{"task": f"Reverse the word {w}", "answer": w[::-1]} for w in ("lantern", "river", "copper", "window", "mud")]


def add(asked: str) -> str:
    """Adds; of words it knows nothing."""
    numbers = [int(word) for word in asked.split() if word.isdigit()]
    return str(sum(numbers)) if len(numbers) == 2 else "dunno"


def written(tmp_path: Path, *rows: Any) -> Path:
    path = tmp_path / "tasks.jsonl"
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def tasks(tmp_path: Path) -> list[CheckedTask]:
    return read_tasks(written(tmp_path, *SUMS, *WORDS))


def planned(orc: Orchestrator, mode: str, *given: Any, **options: Any) -> ProfilePlan:
    if mode == "sync":
        return drive(plan_profile(SYNC, orc.services, *given, **options))
    return asyncio.run(plan_profile(ASYNC, orc.services, *given, **options))


def carried_out(orc: Orchestrator, mode: str, plan: ProfilePlan) -> ProfileReport:
    if mode == "sync":
        return drive(carry_out(SYNC, orc.services, plan))
    return asyncio.run(carry_out(ASYNC, orc.services, plan))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "2: no JSON"),
        ("[1]", "2: .* is no JSON object"),
        ({"task": "x"}, "2: give one of the fields 'answer' and 'check'"),
        ({"task": "x", "answer": 1, "check": {"number": 1}}, "2: give one of the fields"),
        ({"task": "x", "answr": 1}, "2: field 'answr' is unknown; known: task, answer, check, task_type"),
        ({"task": " ", "answer": 1}, "2: field 'task' is ' ', no text"),
        ({"answer": 1}, "2: field 'task' is None"),
        ({"task": "x", "answer": None}, "2: field 'answer': None is neither text nor a number"),
        ({"task": "x", "answer": []}, "2: field 'answer': it is empty"),
        ({"task": "x", "answer": 1, "task_type": 3}, "2: field 'task_type' is 3"),
        ({"task": "x", "check": {}}, "2: field 'check': it is no object"),
        ({"task": "x", "check": {"near": 1}}, "2: field 'check': 'near' is no kind of check; known: exact"),
        ({"task": "x", "check": {"regex": "("}}, "2: field 'check': .* is no regular expression"),
        ({"task": "x", "check": {"number": "4"}}, "2: field 'check': '4' is neither a number"),
        ('{"task": "x", "check": {"number": NaN}}', "2: field 'check': nan is neither a number"),
        ({"task": "x", "check": {"contains": [""]}}, "2: field 'check': '' is no text"),
    ],
)
def test_a_malformed_line_is_told_by_file_line_and_field(tmp_path: Path, line: Any, said: str) -> None:
    with pytest.raises(InputError, match=r"tasks\.jsonl:" + said):
        read_tasks(written(tmp_path, {"task": "Add 1 and 2", "answer": 3}, line))


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read_tasks(tmp_path / "absent")
    with pytest.raises(InputError, match="no tasks"):
        read_tasks(written(tmp_path, "", " "))
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="not UTF-8"):
        read_tasks(tmp_path / "bytes")


def test_repeated_tasks_count_once_and_types_may_be_given(tmp_path: Path) -> None:
    row = {"task": "Add 1 and 2", "answer": 3}
    found = read_tasks(written(tmp_path, row, "", row, {**row, "task_type": "ours"}))
    assert [task.features.task_type for task in found] == ["maths", "ours"]
    assert found[0].id("a") != found[0].id("b")


@pytest.mark.parametrize(
    ("check", "right", "wrong"),
    [
        ({"exact": "Faust"}, " Faust\n", "faust"),
        ({"normalised": "Faust"}, "faust.", "Faust II"),
        ({"number": 42}, "It is 42.", "42 or 43"),
        ({"number": [3.14, 0.01]}, "about 3.145", "about 3.2"),
        ({"number": 42}, "1. so: 42", "no idea"),
        ({"regex": "^[AB]$"}, "A", "AB"),
        ({"contains": ["Red", "blue"]}, "blue and red", "red"),
        ({"json": {"a": [1, 2]}}, '```json\n{"a": [1, 2]}\n```', '{"a": [2, 1]}'),
        ({"json": 3}, "3", "three"),
        ({"regex": "x", "contains": "y"}, "xy", "x"),
    ],
)
def test_checks_score_without_a_model(check: dict[str, Any], right: str, wrong: str) -> None:
    score = check_scorer(check)
    assert (score(right), score(wrong), score("")) == (1.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("answer", "expects", "right", "wrong"),
    [
        (7, "text", "7.0", "8"),
        ("7", "number", "that makes 7", "seven of 8"),
        ("yes", "yes_no", "Yes, it is.", "No."),
        (["Goethe", "J. W. Goethe"], "text", "goethe", "Schiller"),
    ],
)
def test_an_answer_is_compared_by_what_it_says(answer: Any, expects: str, right: str, wrong: str) -> None:
    score = answer_scorer(answer, expects)
    assert (score(right), score(wrong)) == (1.0, 0.0)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=60))
def test_any_beginning_of_the_order_covers_as_many_kinds_as_it_can(labels: list[int]) -> None:
    order = spread(labels)
    assert sorted(order) == list(range(len(labels)))
    for size in range(1, len(labels) + 1):
        assert len({labels[place] for place in order[:size]}) == min(size, len(set(labels)))


def test_clusters_are_found_and_the_same_each_time() -> None:
    rng = np.random.default_rng(3)
    truth = np.repeat(np.arange(4), 30)
    points = np.eye(16)[truth] + rng.normal(0, 0.05, (120, 16))
    vectors = (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)
    middle = centres(vectors, 4)
    assert {len(set(truth[nearest(vectors, middle) == k])) for k in range(4)} == {1}
    assert np.array_equal(middle, centres(vectors, 4))
    assert len(centres(np.repeat(vectors[:1], 9, 0), 4)) == 1


def test_a_profile_shows_measured_beside_prior_and_the_next_decision_knows(mode: str, tasks: list[CheckedTask]) -> None:
    new = replace(model("new", add), priors={"*": Prior(0.5, 50, "test"), "text": Prior(0.1, 20, "test")})
    with orchestrated(new) as orc:
        plan = planned(orc, mode, "test:new", tasks, 0.5)
        report = carried_out(orc, mode, plan)
        cells = {(cell.by, cell.name): cell for cell in report.cells}
        sums, words, whole = cells["task type", "maths"], cells["task type", "text"], cells["all", "all tasks"]
        assert (sums.n, sums.quality, words.n, words.quality) == (20, 1.0, 5, 0.0)
        assert (whole.n, whole.quality) == (25, 0.8)
        assert sums.se is not None and 0 < sums.se < 0.1
        assert (sums.prior, words.prior) == (0.5, 0.1)
        assert whole.prior == pytest.approx((20 * 0.5 + 5 * 0.1) / 25)
        assert (whole.prior_n, whole.prior_source) == (20, "prior: test")
        assert report.spent_nusd <= report.budget_nusd == 500_000_000
        assert (report.scored, report.missing, report.failed) == (25, 0, {})
        assert sum(cell.n for cell in report.cells if cell.by == "cluster") == 25
        near = orc.decide("Add 11 and 12").neighbours[0]
    assert near.outcomes == (("test:new", 1.0, 0.9),)


def test_a_budget_is_quoted_covers_all_kinds_first_and_is_never_passed(mode: str, tasks: list[CheckedTask]) -> None:
    dear = model("new", add, price=3000.0)
    with orchestrated(dear) as orc:
        whole = planned(orc, mode, "test:new", tasks, 1000.0)
        plan = planned(orc, mode, "test:new", tasks, whole.quote_nusd * 0.5e-9)
        assert whole.quote_nusd / 2 >= plan.quote_nusd > 0
        assert {plan.clusters[place] for place in plan.asks} == set(plan.clusters)
        report = carried_out(orc, mode, plan)
        assert report.spent_nusd <= plan.budget_nusd
        assert len(dear.model.seen) <= len(plan.asks) < len(tasks)
        assert report.missing == len(tasks) - report.scored


@pytest.mark.parametrize("budget", [0.0, 1e-6])
def test_no_money_asks_nobody(mode: str, tasks: list[CheckedTask], budget: float) -> None:
    dear = model("new", add, price=3000.0)
    with orchestrated(dear) as orc:
        report = carried_out(orc, mode, planned(orc, mode, "test:new", tasks, budget))
    assert (dear.model.seen, report.spent_nusd, report.missing) == ([], 0, len(tasks))


def test_it_is_resumed_where_it_stopped_and_repeated_for_nothing(tmp_path: Path, mode: str) -> None:
    tasks = read_tasks(written(tmp_path, *SUMS, *WORDS))

    def breaking(asked: str) -> str:
        if len(chat.seen) > 9:
            raise KeyboardInterrupt
        return add(asked)

    chat = ScriptedChat(model="new", script=breaking)
    spec = ModelSpec(chat, alias="test:new", price=Price(1, 1))
    with Orchestrator([spec], memory=tmp_path / "m") as orc, pytest.raises(KeyboardInterrupt):
        carried_out(orc, "sync", planned(orc, "sync", "test:new", tasks, 1.0))
    again = model("new", add)
    with Orchestrator([again], memory=tmp_path / "m") as orc:
        plan = planned(orc, mode, "test:new", tasks, 1.0)
        assert len(plan.known) == 8  # two whole waves
        report = carried_out(orc, mode, plan)
        assert (report.scored, report.missing, report.calls) == (25, 0, 17)
        before = orc.memory.stats()
        repeated = carried_out(orc, mode, planned(orc, mode, "test:new", tasks, 1.0))
        assert (repeated.calls, repeated.quote_nusd, repeated.spent_nusd) == (0, 0, 0)
        assert repeated.cells == report.cells
        after = orc.memory.stats()
        assert {n: before[n] for n in ("tasks", "outcomes", "calls")} == {
            n: after[n] for n in ("tasks", "outcomes", "calls")
        }
    assert len(again.model.seen) == 17


def test_a_model_beside_it_gives_pairs_on_the_same_tasks(mode: str, tasks: list[CheckedTask]) -> None:
    seen: list[Any] = []
    with orchestrated(model("new", add), model("old", "35")) as orc:
        orc.memory.taught(seen.append)
        carried_out(orc, mode, planned(orc, mode, "test:old", tasks[:6], 1.0))
        report = carried_out(orc, mode, planned(orc, mode, "test:new", tasks, 1.0, ["test:old"]))
        (pair,) = report.pairs
        assert (pair.first, pair.second, pair.n) == ("test:new", "test:old", 25)
        assert pair.difference == pytest.approx(0.76)  # one sum is 35
        assert pair.se is not None and pair.se > 0
        assert report.calls == 50 - 6
        orc.memory.flush()
    assert np.isfinite(seen[-1].scores).all(1).sum() == 25
    assert len(set(seen[-1].users)) == 25


def test_a_model_that_fails_is_not_scored_for_it_and_not_asked_for_ever(mode: str, tasks: list[CheckedTask]) -> None:
    def down(_: str) -> str:
        raise ConnectionError("refused")

    with orchestrated(model("new", down)) as orc:
        report = carried_out(orc, mode, planned(orc, mode, "test:new", tasks, 1.0))
        assert report.scored == 0
        # Once the breaker is open nothing is sent any more.
        assert {"test:new: connection"} <= set(report.failed) <= {"test:new: connection", "test:new: overloaded"}
        assert report.calls <= 4
        assert orc.memory.stats()["outcomes"] == 0
        assert all(cell.quality is None for cell in report.cells)


def test_an_empty_answer_is_a_wrong_one(mode: str, tasks: list[CheckedTask]) -> None:
    with orchestrated(model("new", "")) as orc:
        report = carried_out(orc, mode, planned(orc, mode, "test:new", tasks[:3], 1.0))
    assert [cell.quality for cell in report.cells if cell.by == "all"] == [0.0]


def test_what_cannot_be_profiled_is_refused_before_anything_is_asked(mode: str, tasks: list[CheckedTask]) -> None:
    pool = [model("new", add), ModelSpec(ScriptedChat(model="odd"), alias="test:odd")]
    with orchestrated(*pool) as orc:
        with pytest.raises(RegistryError, match=r"no model 'test:nope' in the portfolio\. Known: test:new"):
            planned(orc, mode, "test:nope", tasks, 1.0)
        with pytest.raises(InputError, match="budget: none was given and test:new is billed"):
            planned(orc, mode, "test:new", tasks)
        with pytest.raises(InputError, match="no known price"):
            planned(orc, mode, "test:odd", tasks, 1.0)
        for budget in (-1.0, float("nan"), float("inf")):
            with pytest.raises(InputError, match="is no amount"):
                planned(orc, mode, "test:new", tasks, budget)
    with orchestrated(*pool, policy=Policy(private=True)) as orc, pytest.raises(PrivacyError, match="private"):
        planned(orc, mode, "test:new", tasks, 1.0)


def test_the_command_quotes_profiles_a_pocket_model_and_shows_both(tmp_path: Path) -> None:
    path = written(tmp_path, *SUMS[:6], *WORDS)
    given = ["models", "profile", "pocket:text", "--tasks", str(path), "--budget", "0.5", "--beside", "pocket:maths"]
    given += ["--models", "pocket", "--memory", str(tmp_path / "m")]
    shown = CliRunner().invoke(app, given, env={"COLUMNS": "140"})
    assert shown.exit_code == 0, shown.output
    assert "11 of 11 tasks for pocket:text and pocket:maths, expected to cost about $" in shown.stderr
    for words in (
        "measured",
        "prior's source",
        "task type",
        "pocket:text - pocket:maths on 11 same tasks",
        "budget $0.5",
    ):
        assert words in shown.stdout
    out = json.loads(CliRunner().invoke(app, [*given, "--json"]).stdout)
    assert (out["calls"], out["scored"], out["model"]) == (0, 22, "pocket:text")
    words = {cell["model"]: cell for cell in out["cells"] if cell["name"] == "text"}
    assert words["pocket:text"]["quality"] > words["pocket:maths"]["quality"]
    bad = [*given[:4], str(tmp_path / "absent"), *given[5:]]
    assert CliRunner().invoke(app, bad).exit_code == 2


def test_the_view_shows_what_was_not_tried(tasks: list[CheckedTask]) -> None:
    from rich.console import Console

    with orchestrated(model("new", add, price=3000.0)) as orc:
        report = carried_out(orc, "sync", planned(orc, "sync", "test:new", tasks, 0.0))
    console = Console(width=140)
    with console.capture() as kept:
        console.print(report_view(report))
    assert "25 tries without a score: run it again" in kept.get()
