"""`ModelSpec`, the one record about a model. Knows nothing of clients and never connects."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator_graph.registry.abilities import abilities

__all__ = ["LOCAL_PROVIDERS", "ModelSpec", "Price", "Prior"]

LOCAL_PROVIDERS = frozenset({"ollama", "pocket"})
CLOUD_NAME = re.compile(r":(?:[^:/]*-)?cloud$", re.IGNORECASE)
"""Ollama sends every call to such a name to its cloud, whether or not it lists the model."""


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens, with where and when they were read.

    Attributes:
        billed: False for a self-hosted rate: it ranks and is shown, but nobody sends a bill.
    """

    input_usd: float
    output_usd: float
    cached_usd: float | None = None
    source: str = "user"
    date: str = ""
    billed: bool = True

    def cost_nusd(self, input_tokens: int, output_tokens: int, cached_tokens: int = 0) -> int:
        """Cost in nano-dollars, rounded up.

        >>> Price(1.0, 2.0).cost_nusd(1000, 500)
        2000000
        """
        cached_rate = self.input_usd if self.cached_usd is None else self.cached_usd
        cached = min(cached_tokens, input_tokens)
        dollars_e6 = (input_tokens - cached) * self.input_usd + cached * cached_rate + output_tokens * self.output_usd
        return -int(-dollars_e6 * 1000 // 1)


@dataclass(frozen=True, slots=True)
class Prior:
    """A weak belief about quality before anything was seen here."""

    quality: float
    n: int
    source: str


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """All that is known of one model.

    Attributes:
        model: `"provider:name"`, or a LangChain chat model used as it is.
        local: True when the text stays on this machine; `None` = decided by provider (Ollama, pocket: yes).
        price: `None` = unknown for a cloud model, free for a local one.
        context: Tokens that fit, prompt and answer together; `None` = unknown.
        capabilities: Of `tools`, `json`, `vision`, `audio`, `video`, `logprobs`, `reasoning`, `embedding`, `chat`,
            `narrow` (answers only the task types of its priors: never plans, judges or synthesizes); `None` =
            unknown, taken as a plain chat model.
        parameters: Names the provider accepts per call; `None` = the provider's table.
        max_in_flight: Calls at once to this model.
        requests_per_minute: Rate limit kept on our side; `None` = none.
        priors: Task type (or `*`) -> weak quality prior with its n.
        size_b: Parameters in billions, where known.
        base_url: Endpoint of an OpenAI-compatible server or of Ollama.
        api_key_env: Name of the environment variable that holds the key (never the key).
        remote_host: Where a local-looking alias really runs (Ollama cloud); makes it non-local.
        tiers: Names for `Policy.tier`.
        seconds_per_token: Measured or estimated; with `first_token_s` it gives the latency estimate.
        watts: Power drawn while answering, for the energy estimate; `None` = unknown.
        bytes_per_token: UTF-8 bytes of one token, for estimates before the call.
        efforts: Reasoning efforts to choose from besides the model's own, e.g. `("low", "high")`.
        samples: Numbers of samples to choose from besides one, e.g. `(3,)`: best of three.
        keep_alive: How long Ollama keeps it loaded after each call, such as "30m", or "-1" for ever; `None` = as long
            as the server does by itself.
        discovered: Found by us, not named by the user: spending on it is capped at 0.05 dollars a task.
    """

    model: Any
    local: bool | None = None
    price: Price | None = None
    context: int | None = None
    capabilities: frozenset[str] | None = None
    parameters: frozenset[str] | None = None
    max_in_flight: int | None = None
    requests_per_minute: int | None = None
    priors: Mapping[str, Prior] = field(default_factory=dict)
    size_b: float | None = None
    base_url: str | None = None
    api_key_env: str | None = None
    remote_host: str | None = None
    tiers: frozenset[str] = frozenset()
    seconds_per_token: float | None = None
    first_token_s: float | None = None
    watts: float | None = None
    efforts: tuple[str, ...] = ()
    samples: tuple[int, ...] = ()
    keep_alive: str | None = None
    discovered: bool = False
    bytes_per_token: float = 4.0
    alias: str | None = None

    @property
    def id(self) -> str:
        """`"provider:name"`, unique in a portfolio."""
        if self.alias:
            return self.alias
        if isinstance(self.model, str):
            return self.model
        name = next(filter(None, self._own_names()), "model")
        return f"{type(self.model).__name__.lower()}:{name}"

    @property
    def provider(self) -> str:
        """The part of the model (not of its alias) before the first colon."""
        return self._source.partition(":")[0]

    @property
    def name(self) -> str:
        """The part of the model (not of its alias) after the first colon."""
        return self._source.partition(":")[2]

    @property
    def _source(self) -> str:
        return self.model if isinstance(self.model, str) else self.id

    @property
    def is_local(self) -> bool:
        """True when the owner or the provider says that text stays here and no alias says otherwise."""
        if self.remote_host or self.is_cloud_name:
            return False
        if self.local is not None:
            return self.local
        return isinstance(self.model, str) and self.provider in LOCAL_PROVIDERS

    @property
    def is_cloud_name(self) -> bool:
        """True for names such as `gpt-oss:120b-cloud`, which the Ollama on this machine passes on to its cloud."""
        names = (self.model.partition(":")[2],) if isinstance(self.model, str) else self._own_names()
        return any(isinstance(name, str) and CLOUD_NAME.search(name) for name in names)

    def _own_names(self) -> tuple[Any, ...]:
        return getattr(self.model, "model_name", None), getattr(self.model, "model", None)

    def has(self, capability: str) -> bool:
        """Whether the model is known to have the capability; what an object says of itself counts, else chat only."""
        return capability in (abilities(self.model) if self.capabilities is None else self.capabilities)

    def prior(self, task_type: str) -> Prior | None:
        """The prior for a task type, else the general one."""
        return self.priors.get(task_type) or self.priors.get("*")

    def cost_nusd(self, input_tokens: int, output_tokens: int, cached_tokens: int = 0) -> int | None:
        """Cost in nano-dollars; 0 for a local model without a rate; `None` when unknown."""
        if self.price is None:
            return 0 if self.is_local else None
        return self.price.cost_nusd(input_tokens, output_tokens, cached_tokens)

    @property
    def billed(self) -> bool:
        """False when nobody sends a bill for it."""
        return self.price.billed if self.price is not None else not self.is_local
