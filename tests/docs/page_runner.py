"""Runs the programs of our pages, one after the other, in one process: what takes long is the imports.

Started as a script it reads a JSON line for each program (`program`, `folder`) and answers with one (`error`,
`printed`).
"""

import contextlib
import io
import json
import os
import runpy
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any


class PageRunner:
    """The process that runs pages; a page that breaks it costs the next one a fresh process, nothing else."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._child: subprocess.Popen[str] | None = None
        self._busy = False

    def run(self, program: Path, folder: Path) -> dict[str, Any]:
        """What the program printed, and the traceback of its error or None."""
        if self._busy:  # the page before it was given up half-way
            self.close()
        self._child, self._busy = self._child or self._start(), True
        assert self._child.stdin and self._child.stdout
        self._child.stdin.write(json.dumps({"program": str(program), "folder": str(folder)}) + "\n")
        self._child.stdin.flush()
        answer = self._child.stdout.readline()
        if not answer:
            return {"error": f"the page ended the process with {self._child.wait()}", "printed": ""}
        self._busy = False
        return dict(json.loads(answer))

    def _start(self) -> "subprocess.Popen[str]":
        clean = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
        settings = {**clean, "ORCHESTRATOR_DEMO": "1", "HOME": str(self._home), "OLLAMA_HOST": "127.0.0.1:1"}
        return subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=settings,
            cwd=self._home,
            text=True,
        )

    def close(self) -> None:
        """Ends the process."""
        if self._child is not None:
            self._child.kill()
            self._child.communicate()
        self._child, self._busy = None, False


def main() -> None:
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a page's own child processes print is no answer
    for line in sys.stdin:
        asked = json.loads(line)
        os.chdir(asked["folder"])
        printed, error = io.StringIO(), None
        try:
            with contextlib.redirect_stdout(printed):
                runpy.run_path(asked["program"], run_name="__main__")
        except BaseException:  # noqa: BLE001 - a page's SystemExit too is that page's failure, and is told
            error = traceback.format_exc()
        channel.write(json.dumps({"error": error, "printed": printed.getvalue()}) + "\n")
        channel.flush()


if __name__ == "__main__":
    main()
