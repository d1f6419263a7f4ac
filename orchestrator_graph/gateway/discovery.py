"""From what the user named, or from what is there, to a portfolio. Runs once, at first use."""

import importlib.util
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from orchestrator_graph.errors import RegistryError
from orchestrator_graph.gateway.build import OPENAI_URL, key_of
from orchestrator_graph.gateway.named import Named
from orchestrator_graph.gateway.probe import read_json
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.registry.spec import ModelSpec

__all__ = ["Discovery", "Filler", "Models"]

Models = Sequence[Any] | str | None

PER_PROVIDER = 3
OPENAI_MODELS = ("gpt-5-nano", "gpt-5-mini", "gpt-5")
NONE_NAMED = "models = [] names none: leave it out or name some"
NOTHING = (
    "no model was found: {ollama}, and no key of a cloud is set. Ways on: {pull}; or set OPENAI_API_KEY; or name "
    'models yourself; or try the embedded ones: models="pocket" in Python, --models pocket on the command line'
)
SILENT = ("no Ollama answers at {url}", "start Ollama (ollama serve) and pull a model (ollama pull qwen3:4b)")
BARE = ("Ollama answers at {url} but has no chat model", "pull one (ollama pull qwen3:4b)")
# Other clouds, through LangChain: key -> (provider, its package, models).
OTHERS = {
    "ANTHROPIC_API_KEY": ("anthropic", "langchain_anthropic", ("claude-haiku-4-5", "claude-sonnet-4-5")),
    "GOOGLE_API_KEY": ("google_genai", "langchain_google_genai", ("gemini-2.5-flash", "gemini-2.5-pro")),
}


class Filler(Protocol):
    """Completes a spec from what is generally known (`registry.catalogue.Catalogue`)."""

    def fill(self, spec: ModelSpec) -> ModelSpec:
        """The spec with its gaps filled."""


class Discovery:
    """Resolves models once. Blocking: keep it off the event loop.

    Args:
        environ: Where hosts and keys are read.
        catalogue: Fills the gaps that are left; `None` = nothing is filled.
    """

    def __init__(self, environ: Mapping[str, str], catalogue: Filler | None = None) -> None:
        self._environ = environ
        self._catalogue = catalogue
        self._named = Named(environ)

    def portfolio(self, models: Models) -> Portfolio:
        """The portfolio.

        Raises:
            RegistryError: Nothing was found, or something named is not there; says what to do.
        """
        notes: list[str] = []
        if models is None:
            specs = self._found(notes)
        else:
            named = [models] if isinstance(models, str) else list(models)
            specs = [spec for item in named for spec in self._named.specs(item)]
        if not specs:
            raise RegistryError(self._nothing(notes) if models is None else NONE_NAMED)
        fill = self._catalogue.fill if self._catalogue is not None else lambda spec: spec
        return Portfolio([fill(spec) for spec in specs], notes)

    def _nothing(self, notes: Sequence[str]) -> str:
        url = self._named.ollama_url
        ollama, pull = SILENT if self._named.server(url) is None else BARE
        return "; ".join((NOTHING.format(ollama=ollama.format(url=url), pull=pull), *notes))

    def _found(self, notes: list[str]) -> list[ModelSpec]:
        specs: list[ModelSpec] = []
        server = self._named.server(self._named.ollama_url)
        for name in server.names if server else ():
            facts = server.facts(name) if server else None
            if facts and facts.refused:
                notes.append(f"left out ollama:{name}: it runs on {facts.remote_host}, and this Ollama's cloud is off")
            elif facts and facts.is_chat:
                specs += [replace(spec, discovered=True) for spec in self._named.specs(f"ollama:{name}")]
        for provider, names in self._clouds():
            chosen = list(names)[:PER_PROVIDER]
            for name in chosen:
                specs += [replace(spec, discovered=True) for spec in self._named.specs(f"{provider}:{name}")]
            if not chosen:
                continue
            notes.append(
                f"found {provider}: {', '.join(chosen)}; at most 0.05 dollars a task unless max_cost_usd is set"
            )
        return specs

    def _clouds(self) -> Iterable[tuple[str, Sequence[str]]]:
        environ = self._environ
        if environ.get("OPENAI_API_KEY") or environ.get("OPENAI_BASE_URL"):
            url = environ.get("OPENAI_BASE_URL") or OPENAI_URL
            yield "openai", OPENAI_MODELS if url.rstrip("/") == OPENAI_URL else self._listed(url)
        deployments = [name.strip() for name in environ.get("AZURE_OPENAI_DEPLOYMENT", "").split(",") if name.strip()]
        if deployments and environ.get("AZURE_OPENAI_API_KEY") and environ.get("AZURE_OPENAI_ENDPOINT"):
            yield "azure", deployments
        for key, (provider, package, names) in OTHERS.items():
            if environ.get(key) and all(importlib.util.find_spec(wanted) for wanted in ("langchain", package)):
                yield provider, names

    def _listed(self, url: str) -> list[str]:
        key = key_of(ModelSpec("openai:any"), self._environ)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        rows = (read_json("GET", f"{url.rstrip('/')}/models", headers=headers) or {}).get("data") or ()
        return [str(row["id"]) for row in rows if isinstance(row, Mapping) and "id" in row]
