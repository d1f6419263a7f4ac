"""The killed application as its parent sees it, and the truth that its memory is compared with: SQL and NumPy alone."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from orchestrator_graph.drive import SYNC, drive
from orchestrator_graph.memory import Memory

ROOT = Path(__file__).parents[2]
QUERIES = [
    "Reverse lantern",
    "Count violin abc",
    "Sort engine then 12f",
    "Translate meadow",
    "harbour",
    "something else",
]
CLOSE = 1e-5


class Application:
    """`application.py` in a child process, ready to start; its lines as they come."""

    def __init__(self, folder: Path, what: str = "write") -> None:
        self.lines: list[str] = []
        command = [sys.executable, "-m", "tests.kill.application", str(folder), what]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
        )
        self._readers = [threading.Thread(target=self._read), threading.Thread(target=self._complaints)]
        self._errors = ""
        for reader in self._readers:
            reader.start()
        self.wait(lambda: "ready" in self.lines)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(line.rstrip("\n"))

    def _complaints(self) -> None:
        assert self._process.stderr is not None
        self._errors = self._process.stderr.read()

    def say(self) -> None:
        """Sends a line: to start, or to leave."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def wait(self, until: Callable[[], bool], seconds: float = 60) -> None:
        """Waits for a condition, as long as the application lives."""
        deadline = time.monotonic() + seconds
        while not until():
            if self._process.poll() is not None:
                raise AssertionError(f"it ended by itself, exit code {self.end()}: {self._errors}")
            if time.monotonic() > deadline:
                raise AssertionError(f"nothing for {seconds} s after {self.lines[-3:]}")
            time.sleep(0.01)

    def line(self, begin: str) -> str:
        """The newest line that begins so, or nothing."""
        return next((line for line in reversed(self.lines) if line.startswith(begin)), "")

    def end(self) -> int:
        """Waits for its end; the exit code, negative for a signal."""
        code = self._process.wait(60)
        for reader in self._readers:
            reader.join()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert pipe is not None
            pipe.close()
        return code

    def kill(self) -> int:
        """kill -9; the exit code, which is -9 unless it had crashed before."""
        os.kill(self._process.pid, signal.SIGKILL)
        return self.end()

    @property
    def acknowledged(self) -> list[tuple[str, str]]:
        """(task id, outcome id) of everything that `remember` returned for."""
        return [(line[2:34], line[35:67]) for line in self.lines if line.startswith("+ ") and len(line) == 67]


@dataclass(frozen=True)
class Truth:
    """The ledger, read without our code."""

    kept: set[tuple[str, str]]
    ids: list[str]
    matrix: NDArray[np.float32]
    texts: list[str]

    @classmethod
    def of(cls, folder: Path) -> "Truth":
        with closing(sqlite3.connect(folder / "ledger.sqlite")) as ledger:
            kept = ledger.execute("SELECT t.id, o.id FROM tasks t JOIN outcomes o ON o.task_id = t.id").fetchall()
            rows = ledger.execute(
                "SELECT task_id, vector, text FROM embeddings JOIN tasks ON tasks.id = task_id ORDER BY seq"
            ).fetchall()
        matrix = np.frombuffer(b"".join(row[1] for row in rows), "<f4").reshape(len(rows), -1 if rows else 384)
        return cls(set(kept), [row[0] for row in rows], matrix, [row[2] for row in rows])


def compare(memory: Memory, truth: Truth) -> tuple[str, int, int, int]:
    """State, the hits of all queries that NumPy finds, how many of them are missed, and how many cosines are wrong."""
    found = drive(memory.lookup(SYNC, QUERIES, tenant="t", k=10, min_similarity=-1.0))
    hits = missed = wrong = 0
    for lookup in found:
        assert lookup.vector is not None
        exact = dict(zip(truth.ids, (truth.matrix @ lookup.vector).tolist(), strict=True)) if truth.ids else {}
        wanted = sorted(exact.values(), reverse=True)[:10]
        shown = {near.task_id: near.similarity for near in lookup.neighbours}
        assert len(shown) == len(lookup.neighbours), "a task is found twice"
        hits += len(wanted)
        missed += len(wanted) - sum(cosine >= wanted[-1] - CLOSE for cosine in shown.values())
        wrong += sum(abs(cosine - exact.get(task_id, 9.0)) >= CLOSE for task_id, cosine in shown.items())
    return found[0].state, hits, missed, wrong


def unreachable(memory: Memory, truth: Truth) -> int:
    """How many rows are not found by their own words: an approximate index may miss a neighbour, never these."""
    asked = list(truth.texts)
    found = drive(memory.lookup(SYNC, asked, tenant="t", k=3, min_similarity=-1.0))
    best = [max((near.similarity for near in lookup.neighbours), default=-1.0) for lookup in found]
    return sum(cosine < 1 - CLOSE for cosine in best)


def index_ids(folder: Path) -> set[str]:
    """What a closed index holds, asked of Chroma itself in a fresh process."""
    code = (
        "import sys, chromadb; from chromadb.config import Settings\n"
        "client = chromadb.PersistentClient(sys.argv[1], settings=Settings(anonymized_telemetry=False))\n"
        "print(*[i for c in client.list_collections() for i in c.get(include=[])['ids']])"
    )
    (home,) = generations(folder)
    done = subprocess.run([sys.executable, "-c", code, str(folder / "index" / home)], check=True, capture_output=True)
    return set(done.stdout.decode().split())


def generations(folder: Path) -> set[str]:
    """Names of the index's folders; a rebuilt one has another name."""
    return {path.name for path in (folder / "index").glob("*") if path.is_dir()}
