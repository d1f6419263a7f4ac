"""kill -9 in the middle of a wave: the resumed run asks again only for what was not finished, and bills everything."""

import contextlib
import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

TASK = """1. Add 4 and 8
2. Multiply 5 by 6
3. Add 3 and 9
4. Name a slow animal
5. Write a motto for the result of 4"""
CHILD = Path(__file__).with_name("resume_child.py")
PATIENCE_S = 60


@dataclass(frozen=True)
class Thread:
    """One durable thread in a folder."""

    folder: Path
    mode: str

    def command(self, phase: str, policy: dict[str, Any], hang: str) -> list[str]:
        words = [str(self.folder), self.mode, phase, TASK, json.dumps(policy), hang]
        return [sys.executable, "-W", "error", str(CHILD), *words]

    def killed_while(self, hang: str, finished: int, **policy: Any) -> None:
        """Runs until so many branches are saved and one hangs, then kills the process."""
        with (self.folder / "err").open("w") as err:
            process = subprocess.Popen(self.command("run", policy, hang), stdout=subprocess.DEVNULL, stderr=err)
        try:
            for _ in waiting():
                assert process.poll() is None, (self.folder / "err").read_text()
                if any(hang in line for line in self.calls()) and self.saved() >= finished:
                    break
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()

    def resumed(self) -> dict[str, Any]:
        done = subprocess.run(self.command("resume", {}, ""), capture_output=True, text=True, timeout=PATIENCE_S)
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))

    def calls(self) -> list[str]:
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def saved(self) -> int:
        """Branches of the wave whose results are in the checkpoint."""
        query = "select count(distinct task_id) from writes where checkpoint_ns = '' and channel = 'results'"
        with contextlib.suppress(sqlite3.Error):
            return self.query("threads.sqlite", query)[0][0] - 2  # analyzer and dispatch wrote it, too
        return 0

    def query(self, name: str, query: str) -> list[Any]:
        with contextlib.closing(sqlite3.connect(f"file:{self.folder / name}?mode=ro", uri=True)) as database:
            return database.execute(query).fetchall()

    def ledger(self, query: str) -> list[Any]:
        return self.query("memory/ledger.sqlite", query)


def waiting() -> Iterator[None]:
    ends = time.monotonic() + PATIENCE_S
    while time.monotonic() < ends:
        yield
        time.sleep(0.05)
    pytest.fail("the child never came to the point where it should be killed")


@pytest.fixture
def thread(tmp_path: Path, mode: str) -> Thread:
    return Thread(tmp_path, mode)


def test_only_what_was_not_finished_runs_again(thread: Thread) -> None:
    thread.killed_while("Name", finished=3)
    before = thread.calls()
    assert len(before) == 4
    out = thread.resumed()
    again = thread.calls()[4:]
    assert [line.split()[1] for line in again] == ["Name", "Write"]
    assert {key: result["answer"] for key, result in out["results"].items()} == {
        "1": "12", "2": "30", "3": "12", "4": "a snail", "5": "slow and steady",
    }  # fmt: skip
    assert all(result["status"] == "accepted" for result in out["results"].values())
    assert all(word in out["messages"][-1] for word in ("12", "30", "slow and steady"))
    assert len(out["messages"]) == 2
    assert_books_agree(thread, out, calls=5)


def assert_books_agree(thread: Thread, out: dict[str, Any], calls: int) -> None:
    """The bill holds every call that came back, and the ledger holds the same rows, each once."""
    assert out["bill"]["calls"] == calls
    assert out["bill"]["total_nusd"] == sum(result["cost_nusd"] for result in out["results"].values()) > 0
    assert thread.ledger("select count(*), sum(cost_nusd) from calls") == [(calls, out["bill"]["total_nusd"])]
    for table in ("tasks", "decisions", "outcomes"):
        assert thread.ledger(f"select count(*) from {table}") == [(5,)]  # noqa: S608
    assert len(thread.ledger("select distinct subtask_id from tasks")) == 5


def test_an_answer_that_was_paid_is_kept_when_its_judge_is_killed(thread: Thread) -> None:
    thread.killed_while("a snail", finished=3, fault_tolerance="low")
    assert len(thread.calls()) == 8
    out = thread.resumed()
    again = thread.calls()[8:]
    assert [line.split(":")[0] for line in again] == ["second", "first", "second"]  # its judge; step 5 and its judge
    assert all(result["status"] == "accepted" for result in out["results"].values())
    assert_books_agree(thread, out, calls=10)
