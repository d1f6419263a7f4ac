"""Which generation of the ledger an index was built from: an erasure begins a new one.

An index of an older generation is thrown away, not cleaned: Chroma keeps deleted vectors in its log and graph files.
Whoever holds the folder does it - at once, at the next write, or at the next opening, so also after a crash.

Chroma also writes unused heap into its graph files (4 of 12 trials: vectors of erased tasks that way). So a process in
whose life something was erased builds no index on disk any more; the exact scan answers until the next process does.
"""

import hashlib
from pathlib import Path

from sqlalchemy import Connection, delete, select

from orchestrator_graph.memory import schema
from orchestrator_graph.memory.ledger import Ledger
from orchestrator_graph.types import new_id

__all__ = ["Generation", "advance", "note_server", "servers"]

KEY, SERVER = "index_generation", "index_server "
_first_seen: dict[str, str] = {}
"""Ledger -> the generation that this process knew first: what is in its heap goes back to that."""
_meta = schema.meta
_CURRENT = select(_meta.c.value).where(_meta.c.key == KEY)


def advance(connection: Connection, emptied: str = "") -> None:
    """Begins a new generation, in the transaction that erases; the server `emptied` has been told before."""
    told = servers(connection).get(emptied) is False
    connection.execute(delete(_meta).where(_meta.c.key == KEY))
    connection.execute(_meta.insert().values(key=KEY, value=new_id()))
    if told:
        note_server(connection, emptied)


def servers(connection: Connection) -> dict[str, bool]:
    """Every Chroma server that was ever given vectors -> whether it may hold what was erased."""
    rows = {row.key: row.value for row in connection.execute(select(_meta.c.key, _meta.c.value))}
    stamps = [value.partition(" ") for key, value in rows.items() if key.startswith(SERVER)]
    return {url: stamp != rows.get(KEY, "") for stamp, _, url in stamps}


def note_server(connection: Connection, url: str) -> None:
    """Notes, before it is given any, that a server holds no vectors from before the present generation."""
    key = SERVER + hashlib.sha256(url.encode()).hexdigest()[:32]
    now = connection.execute(_CURRENT).scalar() or ""
    connection.execute(delete(_meta).where(_meta.c.key == key))
    connection.execute(_meta.insert().values(key=key, value=f"{now} {url}"))


class Generation:
    """Compares the ledger's generation with that of the index in `folder`; `None`: of the index in RAM.

    Raises:
        MemoryStoreError: From every method, where ledger or folder cannot be read or written.
    """

    def __init__(self, ledger: Ledger, folder: Path | None) -> None:
        self._ledger = ledger
        self._folder = folder
        self._seen = self._current()
        self._held = "" if folder else self._seen
        _first_seen.setdefault(ledger.identity, self._seen)

    def moved(self) -> bool:
        """True where something was erased since this was last asked."""
        before, self._seen = self._seen, self._current()
        return before != self._seen

    def outdated(self) -> bool:
        """True while the index may hold what was erased."""
        return self._current() != self._stamped()

    def tainted(self) -> bool:
        """True where this process's heap may hold what was erased: it must not write an index to disk."""
        return self._folder is not None and self._current() != _first_seen[self._ledger.identity]

    def adopt(self) -> None:
        """Nothing was erased: only the index is to be built again."""
        _first_seen[self._ledger.identity] = self._current()

    def renewed(self) -> None:
        """The index was thrown away: from here on it belongs to the present generation."""
        if self._folder is None:
            self._held = self._current()
        elif not (self._folder / "index").exists():  # else the folder could not be removed: it is tried again
            (self._folder / "index.generation").write_text(self._current(), encoding="utf-8")

    def _current(self) -> str:
        with self._ledger.read("reading the index's generation") as connection:
            return str(connection.execute(_CURRENT).scalar() or "")

    def _stamped(self) -> str:
        if self._folder is None:
            return self._held
        try:
            return (self._folder / "index.generation").read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""
