"""Chroma embedded in this process, in a folder, behind a file lock held for life.

Chroma may lose or damage its folder on kill -9 and crashes when two processes open it (docs/decisions/0004): so a
folder not closed cleanly is tried in a child process first, and one that is bad, or not as it was left, is thrown away.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from orchestrator_graph.memory.index import Index
from orchestrator_graph.types import new_id

__all__ = ["EmbeddedIndex"]

CANARY = Path(__file__).with_name("canary.py")


class EmbeddedIndex(Index):
    """An index in `folder`, for one process at a time.

    Attributes:
        locked: Another process holds the folder: this one must not open it.
    """

    kind = "embedded"

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._prefix = "og-"
        self._root = folder / "index"
        self._lock = FileLock(folder / "index.lock", thread_local=False)
        self._marker = folder / "index.open"
        self._seal = folder / "index.seal"

    def claim(self) -> bool:
        """Takes the folder's lock, at once or not at all."""
        try:
            if not self._lock.is_locked:
                self._lock.acquire(timeout=0)
        except Timeout:
            self.locked, self.away = True, "another process holds the index"
            return False
        if self.locked:
            self.locked, self.away = False, "not open yet"
        return super().claim()

    def _connect(self) -> Any:
        home = self._home()
        seal = self._seal.read_text(encoding="utf-8") if self._seal.exists() else ""
        self._seal.unlink(missing_ok=True)
        if home.exists() and (self._marker.exists() or seal != self._listing()):
            if seal and not self._marker.exists():  # opening it could end this process
                raise RuntimeError(f"{home} is not as it was left")
            _try_in_child(home)
        self._marker.touch()
        import chromadb
        from chromadb.config import Settings

        return chromadb.PersistentClient(str(home), settings=Settings(anonymized_telemetry=False))

    def _home(self) -> Path:
        # A folder per generation: Chroma remembers a broken path for as long as the process lives.
        self._root.mkdir(parents=True, exist_ok=True)
        found = sorted(path for path in self._root.iterdir() if path.is_dir())
        return found[0] if found else self._root / new_id()[:12]

    def _listing(self) -> str:
        files = sorted(path for path in self._root.rglob("*") if path.is_file())
        stats = [(str(path.relative_to(self._root)), path.stat()) for path in files]
        return json.dumps([[name, stat.st_size, stat.st_mtime_ns] for name, stat in stats])

    def reset(self) -> None:
        """Throws the content away; the next `open` starts empty."""
        try:
            super().reset()
        finally:
            shutil.rmtree(self._root, ignore_errors=True)
            self._marker.unlink(missing_ok=True)

    def _leave(self, client: Any) -> None:
        """Nothing to do: what is there lasts."""

    def close(self) -> None:
        """Closes Chroma, marks the exit as clean, gives the lock back."""
        clean = self.away == "" and self._client is not None
        super().close()
        if self._lock.is_locked:
            if clean:
                self._seal.write_text(self._listing(), encoding="utf-8")
                self._marker.unlink(missing_ok=True)
            self._lock.release()


def _try_in_child(home: Path) -> None:
    # -P: the script's own folder must not shadow other packages.
    command = [sys.executable, "-P", str(CANARY), str(home)]
    done = subprocess.run(command, capture_output=True, timeout=120, check=False)  # noqa: S603
    if done.returncode:
        raise RuntimeError(f"the index at {home} died in a trial (exit {done.returncode})")
