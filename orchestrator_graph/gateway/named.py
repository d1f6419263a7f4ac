"""From what the user named to a spec that can be called, or to an error that says what to do."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from orchestrator_graph.errors import RegistryError
from orchestrator_graph.gateway.build import build_chat, key_of
from orchestrator_graph.gateway.keep_alive import keep_alive_of
from orchestrator_graph.gateway.ollama import OllamaServer, ollama_url
from orchestrator_graph.gateway.pocket import pocket_specs
from orchestrator_graph.registry.spec import ModelSpec

__all__ = ["Named"]


class Named:
    """Resolves names, one at a time; each Ollama server is looked at once. Blocking.

    Args:
        environ: Where hosts and keys are read.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._servers: dict[str, OllamaServer | None] = {}

    def located(self, spec: ModelSpec) -> ModelSpec:
        """The spec with the address of its endpoint, where the environment names it."""
        if spec.base_url is not None or not isinstance(spec.model, str):
            return spec
        provider = spec.model.partition(":")[0]
        if provider == "ollama":
            return replace(spec, base_url=self.ollama_url)
        names = {"openai": "OPENAI_BASE_URL", "azure": "AZURE_OPENAI_ENDPOINT"}
        url = self._environ.get(names[provider]) if provider in names else None
        return replace(spec, base_url=url) if url else spec

    @property
    def ollama_url(self) -> str:
        """Where Ollama is, or would be."""
        return ollama_url(self._environ.get("OLLAMA_HOST"))

    def specs(self, item: Any) -> list[ModelSpec]:
        """What one item of `models` means; fields that the user set stay.

        Raises:
            RegistryError: It is unknown or not there.
            InputError: Its `keep_alive` is no duration.
        """
        if item == "pocket":
            return list(pocket_specs().values())
        spec = _spec(item)
        if not isinstance(spec.model, str):
            if not hasattr(spec.model, "ainvoke"):
                raise RegistryError(
                    f"{item!r} is no model. Give 'provider:name', a chat model of LangChain or a ModelSpec"
                )
            return [spec]
        provider, colon, name = spec.model.partition(":")
        if not colon or not name:
            raise RegistryError(f"model {spec.model!r} has no provider. Write provider:name, such as ollama:qwen3:4b")
        spec = self.located(spec)
        if provider == "pocket":
            return [_pocket(spec)]
        if provider == "ollama":
            return [self._ollama(spec, name)]
        if provider in ("openai", "azure"):
            return [self._with_key(spec, provider)]
        # Other providers are built here, so that a missing package or key is said at once.
        return [replace(spec, model=build_chat(spec, self._environ).client, alias=spec.id)]

    def _with_key(self, spec: ModelSpec, provider: str) -> ModelSpec:
        if provider == "azure" and spec.base_url is None:
            raise RegistryError(f"{spec.model} needs AZURE_OPENAI_ENDPOINT, or ModelSpec(base_url=...)")
        needs = spec.api_key_env or (None if spec.base_url and provider == "openai" else f"{_prefix(provider)}_API_KEY")
        if needs and not key_of(spec, self._environ):
            raise RegistryError(f"{spec.model} needs a key: set {needs}, or drop it from models.")
        return spec

    def server(self, url: str) -> OllamaServer | None:
        """The Ollama at a URL; `None` = nobody answers."""
        if url not in self._servers:
            server = OllamaServer(url)
            self._servers[url] = server if server.look() else None
        return self._servers[url]

    def _ollama(self, spec: ModelSpec, name: str) -> ModelSpec:
        server = self.server(str(spec.base_url))
        if server is None:
            raise RegistryError(
                f"{spec.model} needs Ollama, which does not answer at {spec.base_url}. Start it with: ollama serve "
                "(or set OLLAMA_HOST, or drop the model)"
            )
        full = server.find(name)
        if full is None:
            raise RegistryError(f"{spec.model} is not pulled. Run: ollama pull {name}, or drop it from models.")
        facts = server.facts(full)
        if not facts.is_chat:
            raise RegistryError(f"{spec.model} only makes embeddings. Use it as embedder, and drop it from models.")
        known = {
            "capabilities": facts.capabilities,
            "context": facts.context,
            "size_b": facts.size_b,
            "remote_host": facts.remote_host,
        }
        gaps: dict[str, Any] = {key: value for key, value in known.items() if getattr(spec, key) is None}
        return replace(spec, **gaps)


def _spec(item: Any) -> ModelSpec:
    spec = item if isinstance(item, ModelSpec) else ModelSpec(item)
    if spec.keep_alive is not None:
        keep_alive_of(spec.keep_alive)
    return spec


def _pocket(spec: ModelSpec) -> ModelSpec:
    known = pocket_specs()
    if spec.model not in known:
        raise RegistryError(f"unknown pocket model {spec.model!r}. Known: {', '.join(known)}")
    given: dict[str, Any] = {item.name: getattr(spec, item.name) for item in fields(spec)}
    unset = ModelSpec(spec.model)
    changed: dict[str, Any] = {name: value for name, value in given.items() if value != getattr(unset, name)}
    return replace(known[spec.model], **changed)


def _prefix(provider: str) -> str:
    return "AZURE_OPENAI" if provider == "azure" else "OPENAI"
