"""A Chroma server as the index of several processes. `chroma run` has no passwords: a trusted network only.

One that does not answer in time is left alone for a while; meanwhile the exact scan answers, and nobody waits.
"""

import time
from contextlib import closing, suppress
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from orchestrator_graph.errors import MemoryStoreError
from orchestrator_graph.memory.index import PAGE, Index

if TYPE_CHECKING:
    from chromadb.api.models.Collection import Collection

__all__ = ["ServerIndex"]

TIMEOUT_S = 1.0
RETRY_S = 2.0


class ServerIndex(Index):
    """The collections of one ledger at a Chroma server.

    Args:
        url: `chroma://host:port`.
        ledger: The ledger's identity: a server may serve several.

    Raises:
        MemoryStoreError: The URL is none.
    """

    kind = "server"

    def __init__(self, url: str, ledger: str) -> None:
        super().__init__()
        self._host, self._port = _address(url)
        self._prefix = f"og-{ledger}-"

    def _connect(self) -> Any:
        # The client itself would wait for ever: its first questions are asked while it is made.
        with closing(HTTPConnection(self._host, self._port, timeout=TIMEOUT_S)) as connection:
            connection.request("GET", "/api/v2/heartbeat")
            status = connection.getresponse().status
        if status != 200:
            raise ConnectionError(f"it answers {status}: no Chroma server")
        import chromadb
        from chromadb.config import Settings

        client: Any = chromadb.HttpClient(self._host, self._port, settings=Settings(anonymized_telemetry=False))
        for session in _sessions(client):
            session.timeout = TIMEOUT_S
        return client

    def without(self, collection: "Collection", key: tuple[str, str, int], strays: set[str]) -> bool:  # noqa: ARG002
        """Deletes the strays alone: other processes hold the same collection."""
        ids = sorted(strays)
        for start in range(0, len(ids), PAGE):
            collection.delete(ids=ids[start : start + PAGE])
        return True

    def recover(self, error: BaseException) -> None:
        """Hangs up; it is tried again later."""
        self.away = f"{self._host}:{self._port}: {type(error).__name__}: {str(error)[:120]}"
        self._rests_until = time.monotonic() + RETRY_S
        with suppress(Exception):
            self._release()

    def _leave(self, client: Any) -> None:
        for session in _sessions(client):  # its own `close` does not
            session.close()


def _sessions(client: Any) -> list[Any]:
    # chromadb 1.5 has no public way to them; tests with a silent server and for open sockets guard it.
    return [part._server._session for part in (client, client._admin_client)]


def _address(url: str) -> tuple[str, int]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or 8000
    except ValueError:
        parts, host, port = urlsplit(""), None, 0
    if parts.scheme != "chroma" or not host or parts.path.strip("/"):
        raise MemoryStoreError(f"memory index={url!r}: it is chroma://host:port, 'none' for the exact scan, or None")
    return host, port
