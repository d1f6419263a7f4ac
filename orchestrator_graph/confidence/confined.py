"""Runs answered code and its tests in this process, which has given up what it does not need. A script, not a module.

`python -I -S confined.py RESULT_FD NONCE SECONDS BYTES`, started by `unit_tests` in an empty folder with `answer.py`
and `tests.py`. Limits of the kernel, another user where this one is root, and an audit hook: enough against mistakes
and carelessness; code that sets out to break Python itself is held by the namespaces that `unit_tests` puts around it.
"""

import importlib
import json
import os
import sys
import traceback
import types
import unittest
from pathlib import Path
from typing import Any

__all__: list[str] = []

NOBODY = 65534
FILE_BYTES = 1_000_000
FORBIDDEN = (
    "socket.", "subprocess.", "ctypes.", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.system", "os.kill",
    "pty.", "signal.pthread_kill", "os.startfile", "webbrowser.", "ftplib.", "urllib.", "smtplib.", "syslog.",
)  # fmt: skip
CHANGES = (
    "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.chmod", "os.chown", "os.truncate",
    "os.utime", "os.chflags", "os.setxattr", "os.removexattr", "shutil.",
)  # fmt: skip
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class ForbiddenError(PermissionError):
    """What confined code may not do."""


def main() -> None:
    """Reads, gives up its rights, runs, and reports one JSON line beside the nonce that only this script knows."""
    fd, nonce, seconds, size = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    sys.argv[1:] = []
    folder = Path.cwd()
    answer, tests = ((folder / name).read_text(encoding="utf-8") for name in ("answer.py", "tests.py"))
    _limit(seconds, size)
    os.write(fd, f"{nonce} started\n".encode())
    _watch(str(folder.resolve()))
    state, detail = _judge(answer, tests)
    os.write(fd, f"{nonce} {json.dumps([state, detail[:500]])}\n".encode())
    sys.stdout.flush()
    os._exit(0)


def _limit(seconds: int, size: int) -> None:
    """Time, memory, files and processes; root becomes nobody where nobody can read Python's own library."""
    import resource

    if os.geteuid() == 0:
        try:
            os.chown(".", NOBODY, NOBODY)
            os.setgroups([])
            os.seteuid(NOBODY)
            readable = os.access(os.__file__, os.R_OK, effective_ids=True)
            os.seteuid(0)
            if readable:
                os.setresgid(NOBODY, NOBODY, NOBODY)
                os.setresuid(NOBODY, NOBODY, NOBODY)
        except OSError:  # inside a user namespace there is no other user to become
            os.seteuid(0)
    for name, most in (
        ("CPU", seconds), ("AS", size), ("FSIZE", FILE_BYTES), ("NPROC", 0), ("NOFILE", 32), ("CORE", 0),
    ):  # fmt: skip
        kind = getattr(resource, f"RLIMIT_{name}", None)
        if kind is not None:
            hard = resource.getrlimit(kind)[1]
            least = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(kind, (least, least))


def _watch(folder: str) -> None:
    """Files only in its own folder, Python's library for reading; no process, no network, no foreign code."""
    readable = (folder, sys.base_prefix, sys.prefix, "/usr/share/zoneinfo", "/dev/null", "/dev/urandom")

    def hook(event: str, given: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, flags = given
            writing = bool(flags & WRITES) or (isinstance(mode, str) and any(letter in mode for letter in "wax+"))
            if not _inside(path, (folder,) if writing else readable):
                raise ForbiddenError(f"may not open {path!r}")
        elif event.startswith(CHANGES):
            if not all(_inside(path, (folder,)) for path in given if isinstance(path, str | bytes)):
                raise ForbiddenError(f"{event} outside its folder")
        elif event.startswith(FORBIDDEN):
            raise ForbiddenError(f"{event} is not allowed")

    sys.addaudithook(hook)


def _inside(path: Any, roots: tuple[str, ...]) -> bool:
    if isinstance(path, int) or path is None:  # open already
        return True
    real = os.path.realpath(os.fsdecode(path))
    return any(real == root or real.startswith(f"{root}/") for root in roots)


def _judge(answer: str, tests: str) -> tuple[str, str]:
    """`passed`, `failed`, `empty` (no test in it), `forbidden` or `missing` (a package), and why."""
    module = types.ModuleType("answer")
    sys.modules["answer"] = sys.modules["solution"] = module
    space = module.__dict__
    try:
        exec(compile(answer, "answer.py", "exec"), space)  # noqa: S102 - this is what the script is for
        exec(compile(tests, "tests.py", "exec"), space)  # noqa: S102
        ran = _called(space) + tests.count("assert")
    except ForbiddenError as error:
        return "forbidden", str(error)
    except ModuleNotFoundError as error:
        return "missing", str(error)
    except BaseException as error:  # noqa: BLE001 - also SystemExit: the tests were not run to their end
        return "failed", f"{type(error).__name__}: {error}{_line(error, tests)}".strip()
    return ("passed", f"{ran} tests and assertions") if ran else ("empty", "no test in it")


def _line(error: BaseException, tests: str) -> str:
    """The line of the tests that failed, for an assertion that says nothing of itself."""
    lines = [step.lineno for step in traceback.extract_tb(error.__traceback__) if step.filename == "tests.py"]
    return f" in: {tests.splitlines()[lines[-1] - 1].strip()}" if lines and lines[-1] else ""


def _called(space: dict[str, Any]) -> int:
    """Calls test functions and test cases; how many there were."""
    functions = [value for name, value in space.items() if name.startswith("test") and callable(value)]
    for function in functions:
        function()
    cases = [value for value in space.values() if isinstance(value, type) and issubclass(value, unittest.TestCase)]
    for case in cases:
        result = unittest.TestResult()
        unittest.defaultTestLoader.loadTestsFromTestCase(case).run(result)
        if problems := [*result.errors, *result.failures]:
            raise AssertionError(problems[0][1].strip().splitlines()[-1])
    return len(functions) + len(cases)


if __name__ == "__main__":
    importlib.import_module("encodings.idna")  # what the interpreter loads late, it loads before it is confined
    main()
