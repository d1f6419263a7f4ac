"""What the tests of the whole graph share: specs of the models on a real server, and one way to run sync and async."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
from langchain_core.messages import BaseMessage
from langchain_ollama import ChatOllama
from langchain_openai import ChatOpenAI

from orchestrator_graph import ModelSpec, Orchestrator, Policy, Price
from orchestrator_graph.drive import ASYNC, SYNC, drive
from orchestrator_graph.gateway.door import Gateway
from orchestrator_graph.gateway.pocket import pocket_specs
from orchestrator_graph.types import Attempt, Request

if TYPE_CHECKING:
    from real_server import OllamaServer

KEY_NAME = "ORCHESTRATOR_TEST_CLOUD_KEY"
LONE = httpx.Limits(max_keepalive_connections=0)  # no connection outlives the event loop of its call
CLOUD_PRICE = Price(0.05, 0.4, source="test")


def pocket_on_ollama() -> list[ModelSpec]:
    """The shipped models as Ollama serves them, with the priors that were measured in this process."""
    return [
        replace(spec, model=f"ollama:pocket-{spec.name}", first_token_s=None, seconds_per_token=None)
        for spec in pocket_specs().values()
    ]


def as_cloud(server: OllamaServer, spec: ModelSpec) -> ModelSpec:
    """The same model behind `/v1`, as if it were somebody's cloud: built by the gateway, with a key and a price."""
    model = f"openai:pocket-{spec.name}"
    place = {"base_url": server.openai_url, "local": False, "price": CLOUD_PRICE, "api_key_env": KEY_NAME}
    return replace(spec, model=model, **place)


@contextmanager
def own_chat(server: OllamaServer, model: str) -> Iterator[ChatOpenAI]:
    """A ChatOpenAI for `/v1` that the user built and owns; eight tokens an answer, or a full context takes minutes."""
    with httpx.Client(trust_env=False) as web:
        yield ChatOpenAI(
            model=model,
            base_url=server.openai_url,
            api_key="none",
            temperature=0,
            max_retries=0,
            extra_body={"max_tokens": 8},
            http_client=web,
            http_async_client=httpx.AsyncClient(trust_env=False, limits=LONE),
        )


@contextmanager
def own_native(server: OllamaServer) -> Iterator[ChatOllama]:
    """A ChatOllama of the user's for `smollm2-tiny`, as short-spoken."""
    with httpx.HTTPTransport() as transport:
        yield ChatOllama(
            model="smollm2-tiny",
            base_url=server.url,
            num_predict=8,
            sync_client_kwargs={"transport": transport},
            async_client_kwargs={"transport": httpx.AsyncHTTPTransport(limits=LONE)},
        )


def run(orchestrator: Orchestrator, mode: str, text: str, policy: Policy | None = None) -> dict[str, Any]:
    """One task, sync or async."""
    return orchestrator.run(text, policy) if mode == "sync" else asyncio.run(orchestrator.arun(text, policy))


def streamed(orchestrator: Orchestrator, mode: str, text: str) -> list[tuple[str, Any]]:
    """Everything that one task streams."""
    if mode == "sync":
        return list(orchestrator.stream(text))

    async def collected() -> list[tuple[str, Any]]:
        return [item async for item in orchestrator.astream(text)]

    return asyncio.run(collected())


def ask(spec: ModelSpec, mode: str, messages: list[BaseMessage], *, stream: bool = False, **options: Any) -> Attempt:
    """One call through a gateway of its own."""
    gateway = Gateway([spec])
    lease = gateway.lease("task", cap_nusd=None, deadline_s=60)
    request = Request(tuple(messages), stream=stream, **options)
    try:
        if mode == "sync":
            return drive(gateway.call(SYNC, spec.id, request, lease))
        return asyncio.run(gateway.call(ASYNC, spec.id, request, lease))
    finally:
        gateway.close()


def evidence(result: dict[str, Any]) -> set[str]:
    """The names of what a verdict rests on."""
    return {item["name"] for item in result["verdict"]["evidence"]}
