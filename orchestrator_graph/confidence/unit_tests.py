"""Runs unit tests against answered Python code, in a confined process. Off unless the policy says `run_code`."""

import functools
import json
import math
import os
import re
import secrets
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path

from orchestrator_graph.confidence.normalise import unfenced
from orchestrator_graph.confidence.syntax import tree_of
from orchestrator_graph.types import Evidence

__all__ = ["given_tests", "run_unit_tests"]

NAME = "unit tests"
PYTHON = re.compile(r"```(?:py(?:thon)?3?)?[ \t]*\n(.*?)```", re.DOTALL | re.IGNORECASE)
FENCED = re.compile(r"```(?:py(?:thon)?3?)?\s(.*?)```", re.DOTALL | re.IGNORECASE)
TESTING = re.compile(r"^[ \t]*(?:assert\b|def test|class \w+\((?:unittest\.)?TestCase\))", re.MULTILINE)
MEMORY_BYTES = 512_000_000
KEPT_BYTES = 2_000
"""Of what the code prints the end is kept."""
WALL = 3
"""Seconds by the clock per second of processor time: a loaded machine is not the answer's fault."""
UNJUDGED = {
    "forbidden": "not judged: the code {}",
    "missing": "not judged: {}",
    "empty": "not judged: {}",
}


@dataclass(slots=True)
class _Heard:
    """What came out of the process."""

    result: bytes = b""
    printed: bytes = b""
    late: bool = False


def given_tests(task: str) -> str:
    r"""The unit tests that come with a task: its fenced Python with assertions or test functions; `""` without any.

    Assertions are also found where the line breaks between them were lost, as in a subtask's brief.

    >>> given_tests("Write add. It must pass:\n```python\nassert add(1, 2) == 3\n```")
    'assert add(1, 2) == 3'
    >>> given_tests("Write add. It must pass: ```python assert add(1, 2) == 3 assert add(1, 1) == 2 ```")
    'assert add(1, 2) == 3\nassert add(1, 1) == 2'
    """
    found = []
    for block in FENCED.findall(task):
        ways = (textwrap.dedent(block), "\n".join(re.split(r"\s+(?=assert\b)", block.strip())))
        found += [way for way in ways if TESTING.search(way) and tree_of(way) is not None][:1]
    return "\n".join(found).strip()


def run_unit_tests(answer: str, tests: str, *, allowed: bool, timeout_s: float = 5.0) -> Evidence | None:
    """What the tests say of the code in the answer; `None` where running code is not allowed.

    The code runs in a temporary folder that is deleted afterwards, with no environment, no input, limits on processor
    time, memory, files and processes, and without network, in namespaces of its own where the system has `unshare`.
    It may read Python's own library and nothing else. Blocking: call it through `Effects.offload`.

    Args:
        answer: Text with Python in it, fenced or bare.
        tests: Python: assertions, `test*` functions without parameters or `unittest` cases. They see what the answer
            defines, also as modules `answer` and `solution`.
        allowed: `Policy.run_code`.
        timeout_s: Seconds of processor time; three times as many by the clock.

    Returns:
        Value 1 where all pass; 0 and decisive where one fails, the code is no Python, crashes or does not end; .5 where
        it cannot be told: a package is missing, the code wants what is not allowed, or it cannot be confined here.

    >>> run_unit_tests("def f(): return 1", "assert f() == 1", allowed=False)
    """
    if not allowed:
        return None
    blocks = [textwrap.dedent(block) for block in PYTHON.findall(answer)]
    # A block that is no Python shows a session or what is printed, where another one is the program.
    code = "\n\n".join(block for block in blocks if tree_of(block) is not None) or unfenced(answer)
    if tree_of(code) is None:
        return Evidence(NAME, 0.0, "the answer is no Python", decisive=True)
    if os.name != "posix":
        return Evidence(NAME, 0.5, "not judged: code cannot be confined on this system")
    nonce = secrets.token_hex(16)
    with tempfile.TemporaryDirectory(prefix="orchestrator-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "answer.py").write_text(code, encoding="utf-8")
        (folder / "tests.py").write_text(tests, encoding="utf-8")
        heard = _run(folder, nonce, timeout_s)
    return _evidence(heard, nonce, timeout_s)


def _run(folder: Path, nonce: str, timeout_s: float) -> _Heard:
    reader, writer = os.pipe()
    script = str(Path(__file__).with_name("confined.py"))
    limits = [str(writer), nonce, str(math.ceil(timeout_s)), str(MEMORY_BYTES)]
    try:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and script; the code is data to them
            [*_namespaces(), sys.executable, "-I", "-S", "-X", "utf8", script, *limits],
            cwd=folder,
            env={},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(writer,),
            start_new_session=True,
        )
    finally:
        os.close(writer)
    try:
        return _listen(process, reader, time.monotonic() + WALL * timeout_s)
    finally:
        os.close(reader)
        _kill(process)


def _listen(process: "subprocess.Popen[bytes]", reader: int, until: float) -> _Heard:
    """Reads both pipes, so that nothing blocks, and keeps little; ends with the process or at the time."""
    heard = _Heard()
    assert process.stdout is not None  # noqa: S101 - a pipe was asked for
    with selectors.DefaultSelector() as selector:
        for source in (reader, process.stdout.fileno()):
            selector.register(source, selectors.EVENT_READ)
        while selector.get_map():
            if time.monotonic() > until:
                heard.late = True
                break
            ready = selector.select(0.05)
            if not ready and process.poll() is not None:
                break
            for key, _ in ready:
                data = os.read(key.fd, 65_536)
                if not data:
                    selector.unregister(key.fd)
                elif key.fd == reader:
                    heard.result = (heard.result + data)[:KEPT_BYTES]
                else:
                    heard.printed = (heard.printed + data)[-KEPT_BYTES:]
    return heard


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """The whole group, whether or not its first process has ended."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # all have ended
        process.kill()
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _evidence(heard: _Heard, nonce: str, timeout_s: float) -> Evidence:
    lines = [line.removeprefix(f"{nonce} ") for line in heard.result.decode(errors="replace").splitlines()]
    if not lines or lines[0] != "started":
        return Evidence(NAME, 0.5, f"not judged: could not be run. {_end(heard.printed)}")
    if len(lines) < 2:
        why = f"not done after {timeout_s:g} s" if heard.late else "ended before its tests did (time or memory)"
        return Evidence(NAME, 0.0, f"{why}. {_end(heard.printed)}".strip(), decisive=True)
    state, detail = json.loads(lines[1])
    if state in UNJUDGED:
        return Evidence(NAME, 0.5, UNJUDGED[state].format(detail))
    return Evidence(NAME, float(state == "passed"), f"{state}: {detail}", decisive=state == "failed")


def _end(printed: bytes) -> str:
    lines = printed.decode(errors="replace").splitlines()
    return "\n".join(line for line in lines if not line.startswith("unshare: ")).strip()[-300:]


@functools.cache
def _namespaces() -> tuple[str, ...]:
    """The command that cuts off network and processes, as far as this system lets us; asked once."""
    unshare = shutil.which("unshare")
    for flags in ("-npf", "-rnpf", "-rn", "-n"):
        kill = ("--kill-child",) if "f" in flags else ()
        command = () if unshare is None else (unshare, flags, *kill, "--")
        if command and subprocess.run([*command, "true"], capture_output=True, timeout=10, check=False).returncode == 0:  # noqa: S603
            return command
    return ()
