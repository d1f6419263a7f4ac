"""Builds the client of one model, around HTTP transports of our own. The only place that imports provider SDKs."""

import importlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator_graph.errors import RegistryError
from orchestrator_graph.gateway.egress import is_loopback_url
from orchestrator_graph.gateway.transport import Amend, HttpPair, http_pair, proxy_for
from orchestrator_graph.registry.spec import ModelSpec

__all__ = ["Built", "build_chat", "build_embeddings", "key_of", "load_sdks"]

SDKS = {"ollama": "langchain_ollama", "openai": "langchain_openai", "azure": "langchain_openai"}
NO_KEY = "not-needed"
OPENAI_URL = "https://api.openai.com/v1"
KNOWN = "ollama, openai, azure, pocket"
# Some providers of LangChain's init_chat_model -> their packages.
LANGCHAIN = {
    "anthropic": "langchain-anthropic",
    "bedrock": "langchain-aws",
    "cohere": "langchain-cohere",
    "deepseek": "langchain-deepseek",
    "fireworks": "langchain-fireworks",
    "google_genai": "langchain-google-genai",
    "google_vertexai": "langchain-google-vertexai",
    "groq": "langchain-groq",
    "huggingface": "langchain-huggingface",
    "mistralai": "langchain-mistralai",
    "perplexity": "langchain-perplexity",
    "together": "langchain-together",
    "xai": "langchain-xai",
}


@dataclass(frozen=True, slots=True)
class Built:
    """A client and how its connections are closed."""

    client: Any
    close: Callable[[], None] = lambda: None
    aclose: Callable[[], Awaitable[None]] | None = None


def key_of(spec: ModelSpec, environ: Mapping[str, str]) -> str | None:
    """The key for a model's endpoint, from the environment variable that its spec or its provider names."""
    provider = str(spec.model).partition(":")[0]
    usual = {"openai": "OPENAI_API_KEY", "azure": "AZURE_OPENAI_API_KEY"}.get(provider)
    # A key for the provider's own endpoint is not shown to another server that merely speaks its protocol.
    if spec.api_key_env is None and spec.base_url and spec.base_url != environ.get("OPENAI_BASE_URL"):
        usual = usual if provider == "azure" else None
    name = spec.api_key_env or usual
    return environ.get(name) if name else None


def load_sdks(specs: Iterable[ModelSpec]) -> None:
    """Imports the packages that these models' clients need."""
    for name in sorted({SDKS[spec.provider] for spec in specs if spec.provider in SDKS}):
        importlib.import_module(name)


def build_chat(spec: ModelSpec, environ: Mapping[str, str]) -> Built:
    """The chat client of a spec; an object of the user is used as it is.

    Raises:
        RegistryError: Unknown provider, or a package or key is missing.
    """
    if not isinstance(spec.model, str):
        return Built(spec.model)
    provider, _, name = spec.model.partition(":")
    if provider == "pocket":
        from orchestrator_graph.pocket import PocketChat

        return Built(PocketChat(model=name))
    if provider == "ollama":
        return _ollama_chat(name, spec)
    if provider in ("openai", "azure"):
        return _openai_chat(provider, name, spec, environ)
    return _foreign(spec, provider, name)


def build_embeddings(spec: ModelSpec, environ: Mapping[str, str]) -> Built:
    """The embedding client of a spec: Ollama or an OpenAI-compatible server."""
    provider, _, name = str(spec.model).partition(":")
    if provider == "ollama":
        from langchain_ollama import OllamaEmbeddings

        pair, kwargs = _ollama_http(str(spec.base_url), None)
        return Built(OllamaEmbeddings(model=name, **kwargs), pair.sync.close, pair.async_.aclose)
    if provider != "openai":
        raise RegistryError(
            f"no embeddings for {spec.model!r}. Known: ollama:NAME, openai:NAME, or any Embeddings object"
        )
    from langchain_openai import OpenAIEmbeddings

    url = spec.base_url or OPENAI_URL
    sync, async_ = _openai_http(url, environ)
    key: Any = key_of(spec, environ) or NO_KEY
    client = OpenAIEmbeddings(
        model=name, openai_api_base=url, openai_api_key=key, max_retries=0, http_client=sync, http_async_client=async_
    )
    return Built(client, sync.close, async_.aclose)


def _ollama_chat(name: str, spec: ModelSpec) -> Built:
    from langchain_ollama import ChatOllama

    pair, kwargs = _ollama_http(str(spec.base_url), _do_not_cut)
    return Built(ChatOllama(model=name, **kwargs), pair.sync.close, pair.async_.aclose)


def _ollama_http(url: str, amend: Amend | None) -> tuple[HttpPair, dict[str, Any]]:
    pair = http_pair(importlib.import_module("httpx"), url, proxy=None, amend=amend)
    return pair, {
        "base_url": url,
        "client_kwargs": dict(pair.options),
        "sync_client_kwargs": {"transport": pair.sync},
        "async_client_kwargs": {"transport": pair.async_},
    }


def _do_not_cut(path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Asks Ollama for an error instead of a silently shortened prompt; its Python client cannot."""
    return {**body, "truncate": False, "shift": False} if path.endswith("/api/chat") else body


def _openai_chat(provider: str, name: str, spec: ModelSpec, environ: Mapping[str, str]) -> Built:
    from langchain_openai import AzureChatOpenAI, ChatOpenAI

    url = spec.base_url or (environ["AZURE_OPENAI_ENDPOINT"] if provider == "azure" else OPENAI_URL)
    sync, async_ = _openai_http(url, environ)
    common: dict[str, Any] = {
        "api_key": key_of(spec, environ) or NO_KEY,
        "max_retries": 0,
        "http_client": sync,
        "http_async_client": async_,
        "stream_usage": True,
        "stream_chunk_timeout": None,  # the call's own deadline holds
    }
    if provider == "azure":
        version = environ.get("OPENAI_API_VERSION", "2024-10-21")
        chat: Any = AzureChatOpenAI(azure_deployment=name, azure_endpoint=url, api_version=version, **common)
    else:
        chat = ChatOpenAI(model=name, base_url=url, **common)
    return Built(chat, sync.close, async_.aclose)


def _openai_http(url: str, environ: Mapping[str, str]) -> tuple[Any, Any]:
    import openai

    # The SDK is built on httpx or on httpx2; its own default client tells which.
    http = importlib.import_module(openai.DefaultHttpxClient.__mro__[1].__module__.partition(".")[0])
    pair = http_pair(http, url, proxy=None if is_loopback_url(url) else proxy_for(url, environ))
    return http.Client(transport=pair.sync, **pair.options), http.AsyncClient(transport=pair.async_, **pair.options)


def _foreign(spec: ModelSpec, provider: str, name: str) -> Built:
    try:
        from langchain.chat_models import init_chat_model  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        if provider not in LANGCHAIN:
            raise RegistryError(_unknown(spec, provider)) from None
        raise RegistryError(
            f"{spec.model!r} goes through LangChain's init_chat_model, which is not installed: "
            f"pip install 'orchestrator-graph[agents]' {LANGCHAIN[provider]}"
        ) from None
    try:
        return Built(init_chat_model(name, model_provider=provider))
    except (ImportError, ValueError) as error:
        if provider not in LANGCHAIN and isinstance(error, ValueError):
            raise RegistryError(_unknown(spec, provider)) from None
        raise RegistryError(f"{spec.model!r} cannot be used: {str(error)[:200]}") from None


def _unknown(spec: ModelSpec, provider: str) -> str:
    return (
        f"did you mean ollama:{spec.model}? There is an unknown provider {provider!r} in {spec.model!r}. Known here: "
        f"{KNOWN}; through LangChain's init_chat_model: {', '.join(LANGCHAIN)}"
    )
