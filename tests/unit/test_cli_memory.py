"""`orchestrator memory`: what it prints, its exit codes, and that it asks before it erases."""

import json
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from orchestrator_graph.cli.app import app
from orchestrator_graph.drive import SYNC, drive
from orchestrator_graph.memory import Memory, RunRecord, TaskRecord
from orchestrator_graph.types import Outcome, new_id


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    for name in ("HOME", "USERPROFILE", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.delenv("ORCHESTRATOR_CONFIG", raising=False)
    memory = Memory("mem")
    for i, (user, tenant) in enumerate([("ann", "default"), ("bob", "default"), ("ann", "b")]):
        task = TaskRecord(new_id(), "r", str(i), tenant, user, f"task {i}", "maths", False, time.time() - i * 86_400)
        outcome = Outcome(new_id(), task.id, "", "ollama:a", 1.0, "judge", 0.5)
        drive(memory.remember(SYNC, RunRecord((task,), outcomes=(outcome,))))
    memory.close()
    yield tmp_path


def invoke(*arguments: str, code: int = 0, stdin: str | None = None) -> str:
    result = CliRunner().invoke(app, ["memory", *arguments], input=stdin, env={"COLUMNS": "110"})
    assert result.exit_code == code, result.output
    return result.stdout if code in (0, 1) else result.stderr


def found(*arguments: str, code: int = 0) -> Any:
    return json.loads(invoke(*arguments, "--memory", "mem", "--json", code=code))


def test_stats_by_tenant_and_on_disk() -> None:
    stats = found("stats")
    assert (stats["tasks"], stats["tenants"]["default"]["tasks"], stats["tenants"]["b"]["labelled"]) == (3, 2, 1)
    assert stats["bytes"]["ledger.sqlite"] > 0
    assert list(found("stats", "--tenant", "b")["tenants"]) == ["b"]
    shown = invoke("stats", "--memory", "mem")
    assert "3 tasks" in shown
    assert "default" in shown


def test_the_memory_of_the_config_is_meant_unless_another_is_named() -> None:
    Path("orchestrator.toml").write_text("memory = 'mem'", encoding="utf-8")
    assert json.loads(invoke("stats", "--json"))["tasks"] == 3
    assert "no memory there" in invoke("stats", "--memory", "elsewhere", code=2)
    assert not Path("elsewhere").exists()
    assert "nothing to look after" in invoke("verify", "--memory", "none", code=2)


def test_verify_and_rebuild() -> None:
    assert found("rebuild") == {"indexed": 3, "removed": 0}
    assert {check["state"] for check in found("verify")["checks"]} == {"ok"}
    assert "Nothing is wrong." in invoke("verify", "--memory", "mem")
    with sqlite3.connect("mem/ledger.sqlite") as connection:
        connection.execute("UPDATE outcomes SET score = 7 WHERE rowid = 1")
    connection.close()
    assert found("verify", code=1)["whole"] is False
    assert "Run: orchestrator memory rebuild" in invoke("verify", "--memory", "mem", code=1)
    assert found("rebuild") == {"indexed": 3, "removed": 1}
    assert found("verify")["whole"] is True


def test_export_and_import() -> None:
    assert found("export", "out", "--tenant", "default")["rows"]["tasks"] == 2
    assert "is there already" in invoke("export", "out", "--memory", "mem", code=2)
    assert "outcomes" in invoke("import", "out", "--memory", "new", "--tenant", "x")
    assert json.loads(invoke("stats", "--memory", "new", "--json"))["tenants"].keys() == {"x"}
    assert found("import", "out")["new"]["tasks"] == 0
    assert "no tasks.parquet" in invoke("import", "nowhere", "--memory", "mem", code=2)


def test_forget_asks_first() -> None:
    assert found("stats")["tasks"] == 3
    invoke("forget", "--user", "ann", "--memory", "mem", stdin="n\n", code=1)
    assert found("stats")["tasks"] == 3
    said = invoke("forget", "--user", "ann", "--memory", "mem", stdin="y\n")
    assert "erased 1 tasks, 0 votes on others'; their index rows: erased" in said
    assert found("forget", "--tenant", "b", "--yes") == {"tasks": 1, "index": "erased", "votes": 0}
    assert found("stats")["tenants"].keys() == {"default"}


def test_forget_by_age_and_count() -> None:
    assert found("forget", "--older-than", "1.5", "--yes")["tasks"] == 1
    assert found("forget", "--keep", "1", "--yes")["tasks"] == 1
    assert found("stats")["tasks"] == 1
    assert "name a tenant" in invoke("forget", "--yes", "--memory", "mem", code=2)
    assert "max_tasks=-1" in invoke("forget", "--keep", "-1", "--yes", "--memory", "mem", code=2)
    assert "--user cannot" in invoke("forget", "--keep", "1", "--user", "a", "--yes", "--memory", "mem", code=2)
