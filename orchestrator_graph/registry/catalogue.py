"""`Catalogue`: what is believed of a model before anything was measured here.

Fills only gaps: what the user or discovery set stays. Knows nothing of clients, keys or servers.
"""

import math
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields, replace
from functools import cache
from importlib import resources
from typing import Any

from orchestrator_graph.registry.abilities import abilities
from orchestrator_graph.registry.prices import listed_price
from orchestrator_graph.registry.spec import ModelSpec, Prior

__all__ = ["Catalogue", "quality_of_size", "size_of"]

PROVIDERS = {
    "azure_openai": "azure",
    "azurechatopenai": "azure",
    "chatanthropic": "anthropic",
    "chatdeepseek": "deepseek",
    "chatgooglegenerativeai": "google",
    "chatmistralai": "mistral",
    "chatopenai": "openai",
    "google_genai": "google",
    "google_vertexai": "google",
    "mistralai": "mistral",
    "xai": "x-ai",
}
"""Names that LangChain gives a provider -> the name that genai-prices gives it."""

VERSION = re.compile(r"-(\d{4,8}(-\d\d){0,2}|latest)$")
NOT_CHAT = re.compile(r"embed|tts|image|audio|realtime|live|transcribe|whisper|moderation|ocr")
SIZE = re.compile(r"(?<![a-z0-9.])(?:(\d+)x)?(\d+(?:\.\d+)?)([bm])(?![a-z0-9])")
PRIOR_N = 3
GUESS_N = 1


class Catalogue:
    """Completes model specs.

    Args:
        overrides: Specs whose set fields win over everything but the spec that is filled, by id (`[[models]]`).
    """

    def __init__(self, overrides: Iterable[ModelSpec] = ()) -> None:
        self._overrides = {spec.id: spec for spec in overrides}

    def fill(self, spec: ModelSpec) -> ModelSpec:
        """The spec with its gaps filled: price, context, capabilities, tiers, latency and weak quality priors.

        >>> Catalogue().fill(ModelSpec("ollama:qwen3:4b")).prior("maths")
        Prior(quality=0.556, n=1, source='guess from size')
        """
        if (wanted := self._overrides.get(spec.id)) is not None:
            spec = _gaps(spec, _set_fields(wanted))
        known = _known(spec)
        spec = _gaps(spec, {"context": known.get("context"), "size_b": size_of(spec.name)})
        if not spec.is_local:
            spec = _priced(spec)
        if spec.capabilities is not None and "embedding" in spec.capabilities and not spec.has("chat"):
            return spec
        return _guessed(spec, known)

    def what_for(self, spec: ModelSpec) -> str:
        """A short phrase: what one would take this model for.

        >>> Catalogue().what_for(ModelSpec("openai:gpt-5-nano"))
        'quick drafts, extraction, classification'
        """
        if spec.has("embedding"):
            return "similarity search (embeddings)"
        best = sorted((prior.quality, task) for task, prior in spec.priors.items() if task != "*")[::-1]
        if best and best[0][0] - best[-1][0] > 0.3:
            general = spec.priors.get("*")
            floor = max(general.quality if general else 0.0, best[0][0] - 0.1)
            return ", ".join(task for quality, task in best if quality >= floor)
        tier = _known(spec).get("tier") or next(iter(sorted(spec.tiers & _data()["tiers"].keys())), None)
        phrase: str = _data()["tiers"][tier]["for"] if tier else "unknown: it learns from outcomes"
        return phrase


def size_of(name: str) -> float | None:
    """Billions of parameters as the name tells them, else None.

    >>> size_of("qwen3:4b"), size_of("smollm2:135m"), size_of("mixtral:8x7b-instruct"), size_of("gpt-5")
    (4.0, 0.135, 56.0, None)
    """
    found = SIZE.search(name.lower())
    if not found:
        return None
    times, number, unit = found.groups()
    return round(int(times or 1) * float(number) / (1 if unit == "b" else 1000), 6)


def quality_of_size(size_b: float) -> float:
    """A guess of quality from billions of parameters: 0.15 + 0.75 / (1 + exp(-1.6 (log10(size) - 0.5))).

    Strictly rising, from .15 for nothing to .90 without end: 0.1 -> .21, 1 -> .38, 4 -> .56, 8 -> .64, 70 -> .82. The
    shape (a logistic in the logarithm) is what leaderboards of open models look like; the numbers are a guess.
    """
    return round(0.15 + 0.75 / (1 + math.exp(-1.6 * (math.log10(max(size_b, 1e-6)) - 0.5))), 3)


def _guessed(spec: ModelSpec, known: Mapping[str, Any]) -> ModelSpec:
    if known:
        return _of_tier(spec, known["tier"], PRIOR_N, "guess by tier", frozenset(known.get("also", ())))
    if spec.size_b:
        tier = "small" if spec.size_b < 3 else "medium" if spec.size_b < 20 else "large"
        prior = Prior(quality_of_size(spec.size_b), GUESS_N, "guess from size")
        # 0.02 s per token and billion lies between a busy two-core machine (0.08) and a laptop's GPU (0.005)
        pace = {"first_token_s": 0.3, "seconds_per_token": 0.002 + 0.02 * spec.size_b} if spec.is_local else {}
        return _gaps(spec, {"priors": {"*": prior}, "tiers": frozenset({tier}), **pace})
    if spec.price is not None and spec.price.billed and not NOT_CHAT.search(spec.name):
        tier = "small" if spec.price.output_usd < 1 else "medium" if spec.price.output_usd < 6 else "large"
        return _of_tier(spec, tier, GUESS_N, "guess from price", frozenset())
    return spec


def _of_tier(spec: ModelSpec, tier: str, n: int, source: str, also: frozenset[str]) -> ModelSpec:
    facts = _data()["tiers"][tier]
    values = {
        "priors": {task: Prior(quality, n, source) for task, quality in facts["priors"].items()},
        "tiers": frozenset({tier}),
        "first_token_s": facts["first_token_s"],
        "seconds_per_token": facts["seconds_per_token"],
        "capabilities": (frozenset(facts["capabilities"]) | also) - _denied(spec),
    }
    return _gaps(spec, values)


def _denied(spec: ModelSpec) -> frozenset[str]:
    """What a model object says that it cannot do, whatever such models can: tools cannot be bound to it."""
    refuses = not isinstance(spec.model, str) and "tools" not in abilities(spec.model)
    return frozenset({"tools"}) if refuses else frozenset()


def _priced(spec: ModelSpec) -> ModelSpec:
    if spec.price is not None and spec.context is not None:
        return spec
    # An endpoint of one's own has its own prices: the name alone says nothing there.
    where = (None, spec.base_url) if spec.base_url else (_provider(spec), None)
    price, context = listed_price(_name(spec), *where)
    return _gaps(spec, {"price": price, "context": context})


@cache
def _data() -> dict[str, Any]:
    text = resources.files("orchestrator_graph.registry").joinpath("catalogue.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _known(spec: ModelSpec) -> dict[str, Any]:
    """The catalogue's own lines about a cloud model, by id without its version or date."""
    if isinstance(spec.model, str) and spec.is_local:
        return {}
    vendor, _, name = _name(spec).rpartition("/")
    key = f"{vendor or _provider(spec)}:{VERSION.sub('', name)}"
    exact = f"{vendor or _provider(spec)}:{name}"
    models: dict[str, dict[str, Any]] = _data()["models"]
    return models.get(exact) or models.get(key) or {}


def _provider(spec: ModelSpec) -> str:
    provider = _origin(spec).partition(":")[0]
    return PROVIDERS.get(provider, provider)


def _name(spec: ModelSpec) -> str:
    return _origin(spec).partition(":")[2]


def _origin(spec: ModelSpec) -> str:
    """What the model is, whatever alias it goes by."""
    return spec.model if isinstance(spec.model, str) else replace(spec, alias=None).id


def _set_fields(spec: ModelSpec) -> dict[str, Any]:
    return {f.name: getattr(spec, f.name) for f in fields(spec) if f.name not in ("model", "alias", "discovered")}


def _gaps(spec: ModelSpec, values: Mapping[str, Any]) -> ModelSpec:
    empty = {f.name for f in fields(spec) if not _is_set(spec, f)}
    found = {name: value for name, value in values.items() if name in empty and value is not None}
    return replace(spec, **found) if found else spec


def _is_set(spec: ModelSpec, item: Any) -> bool:
    default = item.default_factory() if item.default_factory is not MISSING else item.default
    return bool(getattr(spec, item.name) != default)
