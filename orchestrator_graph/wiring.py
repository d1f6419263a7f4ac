"""What arguments and `orchestrator.toml` together mean: explicit arguments win over the file. Builds, opens nothing."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator_graph.errors import MemoryStoreError
from orchestrator_graph.gateway.door import Gateway
from orchestrator_graph.gateway.embedders import pulled_embedder
from orchestrator_graph.memory import Memory
from orchestrator_graph.registry.catalogue import Catalogue

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings

    from orchestrator_graph.config import Config

__all__ = ["checked_place", "gateway_of", "memory_of"]


def checked_place(where: "str | Path | None") -> "str | Path | None":
    """Where the memory is to be: a folder, `postgresql://...`, or RAM.

    Raises:
        MemoryStoreError: It looks like the URL of something else; the rest of it, maybe a password, is not shown.
    """
    # Two letters before the colon at least: `C:/` is a folder.
    found = re.match(r"([A-Za-z][\w+.-]+)(:/|//)", where) if isinstance(where, str) else None
    if found and not re.match(r"(postgres|postgresql|postgresql\+psycopg)://", str(where)):
        raise MemoryStoreError(
            f"memory={found[0]!r}...: neither a folder nor a database; known: postgresql://user:password@host:5432/name"
        )
    return where


def gateway_of(models: Any, config: "Config | None") -> Gateway:
    """The door to the models that were named, else to those of the file, else to what will be found."""
    if config is None:
        return Gateway(models, catalogue=Catalogue())
    named: Any = models if models is not None else config.models
    return Gateway(named, catalogue=Catalogue(config.model_specs))


def memory_of(
    given: "str | Path | Memory | None",
    embedder: "Embeddings | str | None",
    config: "Config | None",
    gateway: Gateway,
    *,
    found: bool,
) -> Memory:
    """The memory that was given, or a new one where the arguments or the file say.

    Args:
        given: A memory, a folder or a URL.
        embedder: As named. `"auto"`: what is there already - an embedding model pulled in Ollama, Chroma's own MiniLM
            where its files are, else the built-in one.
        config: The file.
        gateway: Makes clients.
        found: The models are found, not named: then the embedder is found, too, unless it is named.
    """
    if isinstance(given, Memory):
        return given
    where = checked_place(given if given is not None or config is None else config.memory)
    if embedder == "auto" or (embedder is None and found):
        return Memory(where, embedder=lambda: pulled_embedder(gateway) or _minilm(), embedder_is_local=True)
    if isinstance(embedder, str):
        here = gateway.embeds_here(embedder)
        return Memory(where, embedder=gateway.embeddings(embedder), embedder_is_local=here)
    return Memory(where, embedder=embedder)


def _minilm() -> "Embeddings | None":
    """Chroma's own, where its files are; LangChain's embeddings cost half of this package's import."""
    from orchestrator_graph.memory import onnx_embedder

    return onnx_embedder()
