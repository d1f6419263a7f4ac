"""Run as a script in a child process: exit 0 if the Chroma folder in argv[1] can be counted and queried.

A damaged folder may end the process that opens it (SIGSEGV), so it must not be the application's.
"""

import sys
from collections.abc import Sequence

if __name__ == "__main__":
    import chromadb
    from chromadb.config import Settings

    client = chromadb.PersistentClient(sys.argv[1], settings=Settings(anonymized_telemetry=False))
    for collection in client.list_collections():
        dimension = int(collection.name.rsplit("-", 1)[1])
        probe: list[Sequence[float]] = [[1.0] * dimension]
        if collection.count():
            collection.query(query_embeddings=probe, n_results=1, include=["distances"])
