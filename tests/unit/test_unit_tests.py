"""Answered code meets its tests in a process that can hurt nobody, and only where the policy allows it."""

import os
import socket
import time
from pathlib import Path

import pytest

from orchestrator_graph.confidence.unit_tests import given_tests, run_unit_tests
from orchestrator_graph.types import Evidence

pytestmark = pytest.mark.skipif(os.name != "posix", reason="confinement is made of POSIX parts")
TESTS = "assert f(2) == 4"


def ran(code: str, tests: str = TESTS, timeout_s: float = 1.0) -> Evidence:
    found = run_unit_tests(code, tests, allowed=True, timeout_s=timeout_s)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("code", "tests"),
    [
        ("Here:\n```python\ndef f(x):\n    return 2 * x\n```\nIt doubles.", TESTS),
        ("def f(x): return 2 * x", "from solution import f\ndef test_f(): assert f(2) == 4"),
        (
            "def f(x): return 2 * x",
            "import unittest\nclass F(unittest.TestCase):\n    def test_f(self): self.assertEqual(f(2), 4)",
        ),
        ("def f(x):\n    open('note', 'w').write('x')\n    return int(open('note').read() == 'x') * 4", TESTS),
        ("import json, re, math, decimal, datetime, collections\ndef f(x): return 4", TESTS),
    ],
)
def test_passing(code: str, tests: str) -> None:
    found = ran(code, tests)
    assert (found.value, found.decisive) == (1.0, False), found


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("def f(x): return x", "AssertionError:  in: assert f(2) == 4"),
        ("def f(:", "the answer is no Python"),
        ("def f(x): return f(x)", "RecursionError"),
        ("def f(x): return int(input())", "EOFError"),
        ("import sys\nsys.exit(0)", "SystemExit"),
        ("import os\nos._exit(0)", "ended before its tests did"),
        ("def f(x):\n    held = []\n    while True: held.append(bytearray(10**9))", "MemoryError"),
        ("def f(x):\n    open('big', 'w').write('x' * 10**7)\n    return 4", "File too large"),
    ],
)
def test_failing(code: str, says: str) -> None:
    found = ran(code)
    assert (found.value, found.decisive) == (0.0, True)
    assert says in found.detail


def test_an_infinite_loop_is_ended_by_processor_time_or_on_a_loaded_machine_by_the_clock() -> None:
    found = ran("def f(x):\n    while True: pass")
    assert (found.value, found.decisive) == (0.0, True)
    assert found.detail.startswith(("ended before its tests did", "not done after 1 s"))


def test_waiting_is_ended_by_the_clock() -> None:
    before = time.monotonic()
    found = ran("import time\ndef f(x): time.sleep(60)", timeout_s=0.3)
    assert time.monotonic() - before < 5
    assert (found.decisive, found.detail) == (True, "not done after 0.3 s.")


def test_endless_output_is_not_kept() -> None:
    found = ran("def f(x):\n    while True: print('x' * 10_000)", timeout_s=0.5)
    assert found.decisive
    assert len(found.detail) < 400


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("import os\ndef f(x):\n    while True: os.fork()", "os.fork is not allowed"),
        ("import subprocess\ndef f(x): return subprocess.run(['true'])", "subprocess.Popen is not allowed"),
        ("import os\ndef f(x): return os.system('true')", "os.system is not allowed"),
        ("import ctypes\ndef f(x): return 4", "ctypes.dlopen is not allowed"),
        ("def f(x): return open('/etc/passwd').read()", "may not open '/etc/passwd'"),
        ("import nowhere_to_be_found\ndef f(x): return 4", "No module named 'nowhere_to_be_found'"),
        ("def f(x): return open('../../../etc/passwd').read()", "may not open"),
    ],
)
def test_what_is_not_allowed_is_not_judged(code: str, says: str) -> None:
    found = ran(code)
    assert (found.value, found.decisive) == (0.5, False)
    assert says in found.detail


def test_nothing_outside_is_written_or_deleted(tmp_path: Path) -> None:
    kept, new = tmp_path / "kept", tmp_path / "new"
    kept.write_text("here", encoding="utf-8")
    tmp_path.chmod(0o777)
    for code in (
        f"open({str(new)!r}, 'w')",
        f"__import__('os').remove({str(kept)!r})",
        f"__import__('os').mkdir({str(new)!r})",
    ):
        assert ran(f"def f(x):\n    {code}\n    return 4").value == 0.5
    assert kept.read_text(encoding="utf-8") == "here"
    assert not new.exists()


def test_nobody_is_called() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        call = f"__import__('socket').create_connection(('127.0.0.1', {server.getsockname()[1]}), 1)"
        found = ran(f"def f(x):\n    try:\n        {call}\n    except Exception:\n        pass\n    return 4")
        assert found.value == 1.0
        with pytest.raises(TimeoutError):
            server.accept()


def test_nothing_of_ours_is_seen(tmp_path: Path) -> None:
    os.environ["ORCHESTRATOR_SECRET"] = "s3cret"
    try:
        code = "import os, sys\ndef f(x):\n    return 4 if 's3cret' not in str(dict(os.environ)) + str(sys.argv) else 0"
        assert ran(code).value == 1.0
    finally:
        del os.environ["ORCHESTRATOR_SECRET"]


def test_tests_without_a_test_say_nothing() -> None:
    assert ran("def f(x): return 4", "x = 1").detail == "not judged: no test in it"


def test_off_unless_allowed(tmp_path: Path) -> None:
    assert run_unit_tests(f"open({str(tmp_path / 'x')!r}, 'w')", TESTS, allowed=False) is None
    assert not (tmp_path / "x").exists()


def test_a_session_or_an_output_beside_the_program_is_not_run() -> None:
    answer = "```python\ndef f(x):\n    return 2 * x\n```\nFor example:\n```\n>>> f(2)\n4\n```\n"
    found = run_unit_tests(answer, "assert f(2) == 4", allowed=True)
    assert found is not None
    assert found.value == 1.0, found


def test_tests_are_found_in_the_task() -> None:
    task = "Write f.\n```python\ndef f(x): ...\n```\nIt must pass\n```python\nassert f(2) == 4\n```"
    assert given_tests(task) == "assert f(2) == 4"
    assert given_tests(" ".join(task.split())) == "assert f(2) == 4"
    assert given_tests("Write f. We assert that it works.") == ""
