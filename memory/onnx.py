"""Chroma's own MiniLM (ONNX), where its files are on this machine already. Downloads nothing."""

import importlib.util
from pathlib import Path

from langchain_core.embeddings import Embeddings

__all__ = ["OnnxEmbedder", "onnx_embedder"]

HOME = Path.home() / ".cache" / "chroma" / "onnx_models" / "all-MiniLM-L6-v2" / "onnx"
FILES = ("model.onnx", "tokenizer.json")


class OnnxEmbedder(Embeddings):
    """all-MiniLM-L6-v2 in this process."""

    model = "all-MiniLM-L6-v2"

    def __init__(self) -> None:
        from chromadb.utils.embedding_functions.onnx_mini_lm_l6_v2 import ONNXMiniLM_L6_V2

        self._embed = ONNXMiniLM_L6_V2(preferred_providers=["CPUExecutionProvider"])

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One vector per text."""
        return [[float(x) for x in vector] for vector in self._embed(texts)]

    def embed_query(self, text: str) -> list[float]:
        """The vector of one text."""
        return self.embed_documents([text])[0]


def onnx_embedder(home: Path = HOME) -> Embeddings | None:
    """The embedder, if all of its files are there; `None` otherwise."""
    there = all((home / name).is_file() for name in FILES) and importlib.util.find_spec("onnxruntime") is not None
    return OnnxEmbedder() if there else None
