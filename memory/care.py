"""What the owner of a memory does with it: forget, retain, export, import, verify, rebuild, count."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrator_graph.memory.erasure import Erased
    from orchestrator_graph.memory.parts import Parts
    from orchestrator_graph.memory.verify import Check

__all__ = ["Care"]


def _silent(_done: int, _total: int) -> None:
    pass


class Care(ABC):
    """The part of `Memory` that no request uses. These calls block; from a coroutine: `asyncio.to_thread`.

    `progress` is called with how much is done, and of how much. All raise MemoryStoreError where the ledger fails.
    """

    _unembedded = 0

    @abstractmethod
    def _open(self) -> "Parts": ...

    def forget(self, *, tenant: str | None = None, user: str | None = None, dry_run: bool = False) -> "Erased":
        """Erases a tenant's tasks, or one user's within the tenant (`default` if not named), from ledger and index.

        With a user's tasks go the user's votes on other people's tasks of the tenant, with all of a tenant's its
        certificates.

        When it returns, no file of the ledger holds the words or vectors, and the index's folder is gone: the exact
        scan answers until a new process builds it again (`generation`). Another process that holds the index throws it
        away at its next write; `Erased.index` says so.

        Args:
            tenant: Whose tasks.
            user: Whose of the tenant's tasks; all if None.
            dry_run: Only count.

        Raises:
            InputError: Neither tenant nor user is named.
        """
        from orchestrator_graph.memory.erasure import erase, of_owner, of_voter

        whole, chosen = tenant if user is None else None, of_owner(tenant, user)
        return erase(self._open(), chosen, of_voter(tenant, user), whole=whole, dry_run=dry_run)

    def retain(
        self,
        *,
        max_age_days: float | None = None,
        max_tasks: int | None = None,
        tenant: str | None = None,
        dry_run: bool = False,
    ) -> "Erased":
        """Erases what is older, and all but the newest `max_tasks` of each tenant; as thoroughly as `forget`.

        The calls stay, for the bill: about 0.3 kB each, without words.

        Raises:
            InputError: No limit is named, or one is no number of at least 0.
        """
        from orchestrator_graph.memory.erasure import beyond, erase, of_voter

        chosen = beyond(tenant, max_age_days, max_tasks)
        return erase(self._open(), chosen, of_voter(tenant, None), dry_run=dry_run)

    def export(
        self,
        folder: str | Path,
        *,
        tenant: str | None = None,
        with_private: bool = False,
        with_vectors: bool = True,
        progress: Callable[[int, int], None] = _silent,
    ) -> dict[str, int]:
        """Writes a parquet file per table into a folder and returns the rows of each; of one tenant, or of all.

        Raises:
            InputError: One of the files is there already.
            MemoryStoreError: pyarrow (the extra `lab`) is missing, or the folder cannot be written.
        """
        from orchestrator_graph.memory.export import Export

        chosen = Export(self._open().ledger, tenant, with_private=with_private, with_vectors=with_vectors)
        return chosen.write(Path(folder), progress)

    def import_(
        self, folder: str | Path, *, tenant: str | None = None, progress: Callable[[int, int], None] = _silent
    ) -> dict[str, int]:
        """Reads what `export` wrote and returns how many rows of each table are new; what is there already stays.

        Args:
            folder: Where the files are; all but `tasks.parquet` may be missing.
            tenant: Whose they become (as copies, where they were another's); as exported if None.
            progress: Is told how many rows are written, of how many.

        Raises:
            InputError: A file, column or value is not as it has to be; nothing was written.
            MemoryStoreError: pyarrow (the extra `lab`) is missing.
        """
        from orchestrator_graph.memory.intake import Intake

        parts = self._open()
        added = Intake(parts.ledger, Path(folder), tenant).run(progress)
        parts.learning.flush()
        parts.indexer.wake()
        return added

    def verify(self) -> "list[Check]":
        """Checks file, rows, labels, vectors and index, and names the command that mends what is wrong."""
        from orchestrator_graph.memory.verify import verify

        return verify(self._open())

    def rebuild(self, progress: Callable[[int, int], None] = _silent) -> int:
        """Removes damaged rows (returns how many), throws the index away and fills it from the ledger.

        Raises:
            MemoryStoreError: Another process holds the index.
        """
        from orchestrator_graph.memory.rebuild import rebuild

        return rebuild(self._open(), progress)

    def stats(self) -> dict[str, Any]:
        """Rows by table, where they are, the embedders, and the index's state; opens the memory."""
        parts = self._open()
        spaces = list(parts.spaces.values())
        return {
            **parts.ledger.counts(),
            "where": parts.ledger.where,
            "embedder": parts.public.fingerprint,
            "private_embedder": parts.private.fingerprint,
            "embed_calls": parts.public.calls,
            "embed_seconds": parts.public.seconds,
            "not_embedded": self._unembedded,
            "index": parts.index.away or "ok",
            "index_kind": parts.index.kind,
            "indexed": sum(space.indexed for space in spaces),
            "waiting": sum(space.waiting() for space in spaces),
        }

    def tenants(self) -> dict[str, dict[str, Any]]:
        """By tenant: tasks, users, labelled tasks, and the first and last task's time."""
        from orchestrator_graph.memory.census import census

        return census(self._open().ledger)
