"""Chroma's own MiniLM is used only where all of its files are there; nothing is downloaded to find out."""

from pathlib import Path

from orchestrator_graph.memory import Memory, onnx_embedder
from orchestrator_graph.memory.onnx import FILES


def test_without_its_files_there_is_none(tmp_path: Path) -> None:
    assert onnx_embedder(tmp_path) is None
    (tmp_path / FILES[0]).touch()
    assert onnx_embedder(tmp_path) is None


def test_what_finds_an_embedder_is_asked_at_first_use_and_may_find_none() -> None:
    asked: list[int] = []
    memory = Memory(embedder=lambda: asked.append(1))
    assert not asked
    assert memory.stats()["embedder"].startswith("hashed-ngrams")
    assert asked == [1]
    memory.close()
