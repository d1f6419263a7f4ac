"""A Chroma server as the index of several processes. `chroma run` has no passwords: a trusted network only.

One that does not answer in time is left alone for a while; meanwhile the exact scan answers, and nobody waits.
"""

import time
from contextlib import closing, suppress
from http.client import HTTPConnection
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from orchestrator_graph.errors import MemoryStoreError
from orchestrator_graph.memory.generation import note_server, servers
from orchestrator_graph.memory.index import PAGE, Index
from orchestrator_graph.memory.ledger import Ledger

if TYPE_CHECKING:
    from chromadb.api.models.Collection import Collection

__all__ = ["ServerIndex"]

TIMEOUT_S = 1.0
RETRY_S = 2.0


class ServerIndex(Index):
    """The collections of one ledger at a Chroma server.

    Args:
        url: `chroma://host:port`.
        ledger: Which remembers the servers that its vectors went to. A server may serve several ledgers.

    Raises:
        MemoryStoreError: The URL is none.
    """

    kind = "server"

    def __init__(self, url: str, ledger: Ledger) -> None:
        super().__init__()
        self._host, self._port = _address(url)
        self.elsewhere = _elsewhere(self._host)
        self.address, self._ledger = url, ledger
        self._prefix = f"og-{ledger.identity}-"

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
        for part in (client, client._admin_client):  # no proxy of the environment is told a vector
            part._server._session, old = _direct(part._server._session), part._server._session
            old.close()
        try:
            self._settle(client)
        except BaseException:
            self._leave(client)
            client.close()
            raise
        return client

    def _settle(self, client: Any) -> None:
        """Empties it if something was erased since it was last heard of; from here on the ledger knows of it."""
        with self._ledger.read("reading the index servers") as connection:
            outdated = servers(connection).get(self.address)
        if outdated:
            for held in client.list_collections():
                if held.name.startswith(self._prefix):
                    client.delete_collection(held.name)
        if outdated is not False:
            with self._ledger.write("noting the index server") as connection:
                note_server(connection, self.address)

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


def _direct(session: Any) -> Any:
    return type(session)(timeout=TIMEOUT_S, headers=session.headers, trust_env=False)


def _elsewhere(host: str) -> bool:
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return host != "localhost"


def _address(url: str) -> tuple[str, int]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or 8000
    except ValueError:
        parts, host, port = urlsplit(""), None, 0
    if parts.scheme != "chroma" or not host or parts.path.strip("/"):
        raise MemoryStoreError(f"memory index={url!r}: it is chroma://host:port, 'none' for the exact scan, or None")
    return host, port
