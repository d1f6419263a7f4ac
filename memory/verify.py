"""Says whether ledger and index are whole, and which command mends what is not. Mends nothing itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from orchestrator_graph.memory.damage import Damage, damage, spaces_of
from orchestrator_graph.memory.erasure import scrub_due
from orchestrator_graph.memory.generation import servers
from orchestrator_graph.memory.ledger import Ledger
from orchestrator_graph.memory.scan import Snapshot, nearest
from orchestrator_graph.memory.space import Key

if TYPE_CHECKING:
    from chromadb.api.models.Collection import Collection

    from orchestrator_graph.memory.parts import Parts

__all__ = ["Check", "verify"]

REBUILD = "orchestrator memory rebuild"
SAMPLE, NEAR = 50, 10
LEAST_RECALL = 0.95
"""Chroma's graph is approximate; below this it is not one of these vectors."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes:
        state: `ok`, `note` (nothing is lost or wrong by it) or `wrong`.
        mend: The command that mends it, or "".
    """

    name: str
    state: Literal["ok", "note", "wrong"]
    detail: str
    mend: str = ""


def verify(parts: "Parts") -> list[Check]:
    """Checks the file, the rows, the labels, the vectors and the index.

    Raises:
        MemoryStoreError: The ledger cannot be read at all.
    """
    file = _file(parts.ledger)
    if file.state == "wrong":  # what a damaged file says of its rows means nothing
        return [file]
    found = damage(parts.ledger)
    return [file, _erasures(parts.ledger), *_rows(found), *_index(parts, sound=not any(found.values()))]


def _file(ledger: Ledger) -> Check:
    with ledger.read("checking the file") as connection:
        said = ["ok"]
        if connection.dialect.name == "sqlite":
            said = [str(line) for line in connection.exec_driver_sql("PRAGMA integrity_check(3)").scalars()]
    if said == ["ok"]:
        return Check("ledger", "ok", ledger.where)
    return Check("ledger", "wrong", "; ".join(said), f"sqlite3 {ledger.where} .recover | sqlite3 recovered.sqlite")


def _erasures(ledger: Ledger) -> Check:
    if scrub_due(ledger):
        return Check("erasures", "wrong", "interrupted: the file still holds bytes of erased rows", REBUILD)
    with ledger.read("reading the index servers") as connection:
        late = [url for url, outdated in servers(connection).items() if outdated]
    if late:
        return Check("erasures", "note", f"to be emptied when next used, or at the next erasure: {late[0]}")
    return Check("erasures", "ok", "none unfinished")


def _rows(found: Damage) -> Iterator[Check]:
    for name, rows in found.items():
        if rows:
            table, key = rows[0]
            yield Check(name, "wrong", f"not so in {len(rows)}; the first: {table.name} {key}", REBUILD)
        else:
            yield Check(name, "ok", "all")


def _index(parts: "Parts", *, sound: bool) -> Iterator[Check]:
    if parts.index.kind == "none":
        return
    if parts.generation.outdated():
        yield Check("index", "wrong", "it is from before an erasure; its holder renews it at the next write", REBUILD)
    elif not parts.index.claim():
        yield Check("index", "note", f"not checked: {parts.index.away}")
    elif sound:
        try:
            parts.index.open()
            for key in spaces_of(parts.ledger):
                yield _space(parts, key)
        except BaseException as error:  # noqa: BLE001 - a Rust panic is no Exception
            why = f"cannot be opened ({type(error).__name__}: {str(error)[:200]}); the exact scan answers"
            yield Check("index", "wrong", why, REBUILD)


def _space(parts: "Parts", key: Key) -> Check:
    name = f"index of {key[0]}, {key[1]}"
    collection = parts.index.collection(*key)
    stored = parts.ledger.newer(key[0], key[1], 0, private=not parts.index.elsewhere)
    if stored.matrix is None:
        return Check(name, "ok", "only private tasks, which are not shown to another machine")
    place = {task_id: i for i, task_id in enumerate(stored.ids)}
    held = collection.get(include=[])["ids"]
    strange = [task_id for task_id in held if task_id not in place]
    if strange:
        return Check(name, "wrong", f"{len(strange)} rows that the ledger does not know", REBUILD)
    rows = sorted(place[task_id] for task_id in held)
    recall = _recall(collection, Snapshot([stored.ids[i] for i in rows], 0, stored.matrix[rows]))
    if recall < LEAST_RECALL:
        return Check(name, "wrong", f"it finds {recall:.1%} of the true neighbours", REBUILD)
    detail = f"{len(rows)} of {len(place)} rows; {recall:.1%} of the neighbours by exact scan"
    if len(rows) < len(place):
        return Check(name, "note", f"{detail}; the others are found by the scan", REBUILD)
    return Check(name, "ok", detail)


def _recall(collection: "Collection", rows: Snapshot) -> float:
    """Share of a sample's nearest rows, by their cosines, that Chroma finds as well."""
    if not rows.ids:
        return 1.0
    queries = rows.matrix[np.linspace(0, len(rows.ids) - 1, min(SAMPLE, len(rows.ids))).astype(int)]
    exact = np.array([[cosine for _, cosine in line] for line in nearest(queries, rows, NEAR)])
    answer = collection.query(query_embeddings=queries, n_results=exact.shape[1], include=["distances"])
    found = 1.0 - np.array(answer["distances"])
    return float(np.mean(found >= exact - 1e-4))
