"""Finds an embedding model that is there already: one that was pulled in this machine's Ollama. Pulls nothing."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from orchestrator_graph.gateway.door import Gateway
from orchestrator_graph.gateway.egress import is_loopback_url
from orchestrator_graph.gateway.named import Named

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings

__all__ = ["pulled_embedder"]


def pulled_embedder(gateway: Gateway, environ: Mapping[str, str] | None = None) -> "Embeddings | None":
    """The first embedding model of the Ollama on this machine, closed with the gateway; `None` where there is none."""
    named = Named(os.environ if environ is None else environ)
    server = named.server(named.ollama_url) if is_loopback_url(named.ollama_url) else None
    for name in server.names if server else ():
        facts = server.facts(name) if server else None
        if facts and "embedding" in facts.capabilities and not facts.remote_host:
            return gateway.embeddings(f"ollama:{name}")
    return None
