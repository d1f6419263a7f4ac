"""LangChain models of a server, on connections that are closed when the tests are over.

Neither ChatOllama nor ChatOpenAI can be closed, so each gets a transport of ours.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from langchain_core.messages import AIMessageChunk
from langchain_ollama import ChatOllama
from langchain_openai import ChatOpenAI
from real_server import OllamaServer


class StrictTransport(httpx.HTTPTransport):
    """Adds to each chat the two fields that neither the Ollama client nor ChatOllama can send."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request to `/api/chat` with `truncate` and `shift` off, and any other as it is."""
        if request.url.path == "/api/chat":
            body = json.loads(request.read()) | {"truncate": False, "shift": False}
            kept = {name: value for name, value in request.headers.items() if name != "content-length"}
            request = httpx.Request("POST", request.url, headers=kept, json=body, extensions=request.extensions)
        return super().handle_request(request)


@dataclass(frozen=True, slots=True)
class Chats:
    """Makes chat models of one server; four tokens an answer, greedy, unless told otherwise."""

    server: OllamaServer
    transport: httpx.HTTPTransport
    strict_transport: StrictTransport
    web: httpx.Client

    def native(self, model: str = "smollm2", *, strict: bool = False, **settings: Any) -> ChatOllama:
        """Return a ChatOllama; a strict one refuses to cut a prompt and to forget while it answers."""
        transport = self.strict_transport if strict else self.transport
        settings = {"num_predict": 4, "temperature": 0} | settings
        return ChatOllama(
            model=model, base_url=self.server.url, sync_client_kwargs={"transport": transport}, **settings
        )

    def compatible(self, model: str = "smollm2", **settings: Any) -> ChatOpenAI:
        """Return a ChatOpenAI for `/v1`; `extra_body`, because `max_tokens=` does not reach Ollama."""
        settings = {"extra_body": {"max_tokens": 4}, "temperature": 0, "max_retries": 0} | settings
        return ChatOpenAI(
            model=model, base_url=self.server.openai_url, api_key="none", http_client=self.web, **settings
        )


@contextmanager
def chats_of(server: OllamaServer) -> Iterator[Chats]:
    """Give the models of a server, and close their connections afterwards."""
    with httpx.HTTPTransport() as plain, StrictTransport() as strict, httpx.Client(trust_env=False) as web:
        yield Chats(server=server, transport=plain, strict_transport=strict, web=web)


def gathered(chunks: Iterator[AIMessageChunk]) -> AIMessageChunk:
    """Return the sum of a stream's chunks."""
    first, *rest = chunks
    for chunk in rest:
        first = first + chunk
    return first
