"""Chroma as a rebuildable index, embedded in this process behind a file lock held for life.

Chroma may lose or damage its folder on kill -9 and crashes when two processes open it (docs/decisions/0004): so nothing
here is the truth, a folder not closed cleanly is tried in a child process first, and a bad one is thrown away.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from orchestrator_graph.types import new_id

if TYPE_CHECKING:
    from chromadb.api.models.Collection import Collection

__all__ = ["ChromaIndex"]

CANARY = Path(__file__).with_name("canary.py")


class ChromaIndex:
    """Opens and closes Chroma and hands out collections.

    Attributes:
        away: Why it cannot be asked now; `""` when it can.
        locked: Another process holds the folder: this one must not open it.
    """

    def __init__(self, folder: Path | None) -> None:
        self.away = "not open yet"
        self.locked = False
        self._folder = folder
        self._lock = FileLock(folder / "index.lock", thread_local=False) if folder else None
        self._marker = folder / "index.open" if folder else None
        self._client: Any = None  # chromadb's ClientAPI does not declare `close`
        # All clients in RAM share one store within a process.
        self._prefix = f"og-{new_id()[:12]}-" if folder is None else "og-"
        self._mine: set[str] = set()

    def claim(self) -> bool:
        """Takes the folder's lock, at once or not at all."""
        try:
            if self._lock and not self._lock.is_locked:
                self._lock.acquire(timeout=0)
        except Timeout:
            self.locked, self.away = True, "another process holds the index"
            return False
        if self.locked:
            self.locked, self.away = False, "not open yet"
        return True

    def open(self) -> None:
        """Opens Chroma; whatever it raises means that the folder is to be thrown away (`reset`)."""
        if self._client is None:
            self._client = self._connect()
        elif self.away:
            raise RuntimeError(self.away)
        self.away = ""

    def _connect(self) -> Any:
        if self._folder is None:
            import chromadb

            # Default settings, because all clients in RAM of a process must agree; telemetry is a no-op since 1.5.
            return chromadb.EphemeralClient()
        home = self._home()
        if self._marker and self._marker.exists():
            _try_in_child(home)
        if self._marker:
            self._marker.touch()
        import chromadb
        from chromadb.config import Settings

        return chromadb.PersistentClient(home, settings=Settings(anonymized_telemetry=False))

    def _home(self) -> Path:
        # A folder per generation: Chroma remembers a broken path for as long as the process lives.
        root = (self._folder or Path()) / "index"
        root.mkdir(parents=True, exist_ok=True)
        found = sorted(path for path in root.iterdir() if path.is_dir())
        return found[0] if found else root / new_id()[:12]

    def collection(self, tenant: str, fingerprint: str, dimension: int, *, fresh: bool = False) -> "Collection":
        """The collection of one tenant and one vector space; emptied first if `fresh`."""
        if self._client is None:
            raise RuntimeError(f"the index is away: {self.away}")
        name = f"{self._prefix}{_short(tenant)}-{_short(fingerprint)}-{dimension}"
        if fresh:
            self._client.delete_collection(name)
        self._mine.add(name)
        settings: Any = {"hnsw": {"space": "cosine", "ef_search": 200}}
        made: Collection = self._client.get_or_create_collection(name, embedding_function=None, configuration=settings)
        return made

    def fail(self, why: str) -> None:
        """Takes the index out of use."""
        self.away = why

    def reset(self) -> None:
        """Throws a damaged index away; the next `open` starts empty."""
        self._release()
        if self._folder:
            shutil.rmtree(self._folder / "index", ignore_errors=True)
            if self._marker:
                self._marker.unlink(missing_ok=True)

    def _release(self) -> None:
        client, self._client = self._client, None
        if client is None:
            return
        if self._folder is None:
            for name in self._mine:
                client.delete_collection(name)
        self._mine.clear()
        client.close()

    def close(self) -> None:
        """Closes Chroma, marks the exit as clean, gives the lock back."""
        clean = self.away == "" and self._client is not None
        self.away = "closed"
        self._release()
        if self._lock and self._lock.is_locked:
            if clean and self._marker:
                self._marker.unlink(missing_ok=True)
            self._lock.release()


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _try_in_child(home: Path) -> None:
    # -P: the script's own folder must not shadow other packages.
    command = [sys.executable, "-P", str(CANARY), str(home)]
    done = subprocess.run(command, capture_output=True, timeout=120, check=False)  # noqa: S603
    if done.returncode:
        raise RuntimeError(f"the index at {home} died in a trial (exit {done.returncode})")
