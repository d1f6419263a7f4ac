"""Embedders: what they may see, how their vectors are checked, and what happens when they fail."""

import math
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from langchain_core.embeddings import Embeddings

from orchestrator_graph.drive import ASYNC, SYNC, drive
from orchestrator_graph.errors import MemoryStoreError
from orchestrator_graph.memory import HashedEmbedder, Lookup, Memory, RunRecord, TaskRecord
from orchestrator_graph.memory.vectors import VectorSource
from orchestrator_graph.types import new_id

SECRET = "My diagnosis is on file"


class Recording(Embeddings):
    """Answers what it is told to; keeps what it was shown."""

    model = "remote-1"

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.seen: list[str] = []

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.seen += texts
        answer = self.answers.pop(0) if self.answers else [[1.0, 2.0, float(len(text))] for text in texts]
        if isinstance(answer, Exception):
            raise answer
        vectors: list[list[float]] = answer
        return vectors

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


def task(text: str, *, private: bool = False) -> RunRecord:
    return RunRecord((TaskRecord(new_id(), "r", "1", "t", "u", text, "qa", private, time.time()),))


def look(memory: Memory, text: str, *, private: bool = False) -> Lookup:
    return drive(memory.lookup(SYNC, [text], tenant="t", private=private))[0]


def test_private_text_reaches_only_an_embedder_known_as_local() -> None:
    remote, local = Recording(), Recording()
    for embedder, is_local in ((remote, False), (local, True)):
        memory = Memory(embedder=embedder, embedder_is_local=is_local)
        drive(memory.remember(SYNC, task(SECRET, private=True)))
        drive(memory.remember(SYNC, task("public")))
        lookup = look(memory, SECRET, private=True)
        memory.flush()
        assert [n.text for n in lookup.neighbours if n.similarity > 0.99][:1] == [""]
        assert look(memory, SECRET, private=True).neighbours[0].text == ""
        memory.close()
    assert remote.seen == ["public"]
    assert set(local.seen) == {SECRET, "public"}


def test_each_text_is_embedded_once_and_calls_are_counted() -> None:
    embedder = Recording()
    memory = Memory(embedder=embedder)
    first, second = drive(memory.lookup(SYNC, ["a", "bb"], tenant="t"))
    assert (first.embed_calls, first.embed_texts, second.embed_calls) == (1, 2, 0)
    assert first.embed_seconds > 0
    assert first.embed_model == "Recording:remote-1-3"
    drive(memory.remember(SYNC, task("a")))
    assert look(memory, "bb").embed_calls == 0
    assert embedder.seen == ["a", "bb"]
    assert memory.stats()["embed_calls"] == 1
    memory.close()


def test_another_embedder_has_its_own_space_and_only_a_local_one_is_given_old_texts(tmp_path: Path) -> None:
    remote, local = Recording(), Recording()
    local.model = "local-1"
    for embedder, is_local, found in ((None, False, 1), (remote, False, 1), (local, True, 3)):
        memory = Memory(tmp_path, embedder=embedder, embedder_is_local=is_local)
        assert look(memory, "Reverse lantern").state == "empty"
        drive(memory.remember(SYNC, task("Reverse lantern")))
        memory.flush()
        lookup = look(memory, "Reverse lantern")
        assert (lookup.state, len(lookup.neighbours)) == ("ok", found)
        memory.close()
    assert remote.seen == ["Reverse lantern"]  # nobody asked to pay for old texts


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        ([[math.nan, 1.0]], "NaN"),
        ([[math.inf, 1.0]], "NaN or infinity"),
        ([[0.0, 0.0]], "zeros"),
        ([[1.0], [2.0]], "shape"),
        ([["x"]], "not rows of numbers"),
        ([[1.0, 2.0, 3.0], [1.0]], "not rows of numbers"),
        (ConnectionError("refused"), "ConnectionError: refused"),
    ],
)
def test_a_failing_embedder_switches_the_lookup_off_and_loses_nothing(answer: Any, named: str) -> None:
    with pytest.raises(MemoryStoreError, match=named):
        drive(VectorSource(Recording(answer), free=False).embed(SYNC, ["a"]))
    memory = Memory(embedder=Recording(answer, answer))
    lookup = look(memory, "a")
    assert lookup.neighbours == ()
    assert lookup.state.startswith("off (embedder failed: embedder Recording:remote-1")
    assert named in lookup.state
    drive(memory.remember(SYNC, task("a")))
    stats = memory.stats()
    assert (stats["tasks"], stats["embeddings"], stats["not_embedded"]) == (1, 0, 1)
    memory.close()


async def test_a_changed_dimension_is_refused() -> None:
    source = VectorSource(Recording([[1.0, 2.0]], [[1.0, 2.0, 3.0]]), free=False)
    await source.embed(ASYNC, ["a"])
    with pytest.raises(MemoryStoreError, match="dimension 3, but it was 2"):
        await source.embed(ASYNC, ["b"])


def test_the_cache_is_bounded() -> None:
    embedder = Recording()
    source = VectorSource(embedder, free=False, limit=2 * 3 * 4)
    for text in ("a", "b", "c", "c", "a"):
        drive(source.embed(SYNC, [text]))
    assert embedder.seen == ["a", "b", "c", "a"]


def test_like_tasks_are_near_and_unlike_ones_are_not() -> None:
    vector = HashedEmbedder().vector
    near = vector("Add 47 and 38") @ vector("please add 5 and 12")
    far = vector("Add 47 and 38") @ vector("Translate this letter into French")
    assert near > 0.5
    assert far < 0.2


def test_importing_loads_nothing_heavy_and_only_under_its_name() -> None:
    root = Path(__file__).parents[2]
    code = "import sys, orchestrator_graph.memory as m; m.Memory(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"chromadb", "sqlalchemy", "numpy", "langchain_core", "filelock"} & set(loaded)
    done = subprocess.run(
        [sys.executable, "-c", "import memory"], cwd=root, capture_output=True, text=True, check=False
    )
    assert "orchestrator_graph.memory" in done.stderr
    assert "ImportError" in done.stderr
