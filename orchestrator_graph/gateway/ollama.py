"""What an Ollama server says about itself: which models are there, what they can do, where they really run."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from orchestrator_graph.errors import RegistryError
from orchestrator_graph.gateway.probe import fetch, read_json

__all__ = ["OllamaFacts", "OllamaServer", "Running", "full_name", "ollama_url"]

DEFAULT_PORT = 11434
FORBIDDEN = 403
DEFAULT_CONTEXT = 8_192
"""Where neither the model nor the user says otherwise: the whole context of a modern model would not fit in memory."""
CAPABILITIES = {
    "completion": "chat",
    "tools": "tools",
    "vision": "vision",
    "thinking": "reasoning",
    "embedding": "embedding",
}


def ollama_url(host: str | None) -> str:
    """The base URL that a value of OLLAMA_HOST means.

    >>> ollama_url(None), ollama_url("0.0.0.0:8080"), ollama_url("https://gpu")
    ('http://127.0.0.1:11434', 'http://127.0.0.1:8080', 'https://gpu:443')

    Raises:
        RegistryError: It means none.
    """
    try:
        url = _url(host)
        parts = urlsplit(url)
        sound = parts.hostname and parts.port and not re.search(r"[\s@?#]", url)
    except (KeyError, ValueError):
        sound = False
    if not sound:
        raise RegistryError(f"OLLAMA_HOST = {host!r} is no host:port, such as 127.0.0.1:{DEFAULT_PORT}")
    return url


def _url(host: str | None) -> str:
    scheme, found, rest = (host or "").strip().rstrip("/").partition("://")
    if not found:
        scheme, rest = "http", scheme
    rest, slash, path = rest.partition("/")
    name, colon, port = rest.rpartition(":") if re.search(r":\d+$", rest) else (rest, "", "")
    usual = {"http": 80, "https": 443}[scheme] if found else DEFAULT_PORT
    name = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(name, name)  # noqa: S104 - replaced, not bound
    return f"{scheme}://{name}:{port if colon else usual}{slash}{path}"


@dataclass(frozen=True, slots=True)
class OllamaFacts:
    """One model on the server.

    Attributes:
        context: What every call should ask for; `None` = the server does not say.
        remote_host: Where it really runs, when that is not here.
        refused: It runs elsewhere, and this server has its cloud switched off.
    """

    name: str
    capabilities: frozenset[str]
    context: int | None = None
    size_b: float | None = None
    remote_host: str | None = None
    refused: bool = False

    @property
    def is_chat(self) -> bool:
        """False for models that only make embeddings."""
        return "chat" in self.capabilities


@dataclass(frozen=True, slots=True)
class Running:
    """One model in the server's memory.

    Attributes:
        size: Bytes, of which `size_vram` on a graphics card.
        context: The `num_ctx` that it was loaded with.
        expires_at: When it is unloaded unless it is used before; seconds since the epoch.
    """

    size: int
    size_vram: int
    context: int
    expires_at: float


class OllamaServer:
    """Reads `/api/tags`, `/api/ps` and `/api/show`.

    Args:
        url: Base URL.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.running: Mapping[str, Running] = {}
        self._tags: dict[str, Mapping[str, Any]] = {}

    def look(self) -> bool:
        """Lists the models; False when no Ollama answers."""
        tags = self._ask("GET", "/api/tags")
        if tags is None:
            return False
        self._tags = {str(item["name"]): item for item in tags.get("models") or ()}
        running = (self._ask("GET", "/api/ps") or {}).get("models") or ()
        self.running = {str(item["name"]): _running(item) for item in running}
        return True

    @property
    def names(self) -> list[str]:
        """All models that are pulled."""
        return list(self._tags)

    def find(self, name: str) -> str | None:
        """The pulled model that a name means (`:latest` may be left out)."""
        return next((full for full in (name, f"{name}:latest") if full in self._tags), None)

    def size(self, name: str) -> int:
        """Bytes of a pulled model's file; 0 = the server does not say."""
        return int(self._tags.get(name, {}).get("size") or 0)

    def facts(self, name: str) -> OllamaFacts:
        """All that the server says of one pulled model.

        Raises:
            RegistryError: The server lists the model but cannot show it.
        """
        tag = self._tags.get(name, {})
        status, shown = fetch("POST", f"{self.url}/api/show", {"model": name})
        if status == FORBIDDEN:
            return OllamaFacts(name, frozenset({"chat"}), remote_host=_host(tag) or "Ollama's cloud", refused=True)
        if shown is None:
            raise RegistryError(f"Ollama at {self.url} lists {name} but cannot show it. Try: ollama show {name}")
        info: Mapping[str, Any] = shown.get("model_info") or {}
        count = info.get("general.parameter_count")
        return OllamaFacts(
            name=name,
            capabilities=_capabilities(shown, info),
            context=self._context(name, shown, info),
            size_b=count / 1e9 if isinstance(count, (int, float)) and count > 0 else None,
            remote_host=_host(shown, tag),
        )

    def _context(self, name: str, shown: Mapping[str, Any], info: Mapping[str, Any]) -> int:
        longest = next((int(value) for key, value in info.items() if key.endswith(".context_length")), DEFAULT_CONTEXT)
        fixed = re.search(r"^num_ctx\s+(\d+)", str(shown.get("parameters") or ""), re.MULTILINE)
        loaded = self.running[name].context if name in self.running else 0
        wanted = int(fixed.group(1)) if fixed else loaded or DEFAULT_CONTEXT
        return min(wanted, longest)

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
        return read_json(method, self.url + path, body)


def full_name(name: str) -> str:
    """A model's name as the server lists it.

    >>> full_name("qwen3"), full_name("qwen3:4b"), full_name("host:80/me/qwen3")
    ('qwen3:latest', 'qwen3:4b', 'host:80/me/qwen3:latest')
    """
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def _running(item: Mapping[str, Any]) -> Running:
    try:
        expires = datetime.fromisoformat(str(item.get("expires_at"))).timestamp()
    except ValueError:  # a server that words it in its own way: unloaded when it likes
        expires = 0.0
    size, vram, context = (int(item.get(key) or 0) for key in ("size", "size_vram", "context_length"))
    return Running(size, vram, context, expires)


def _host(*sources: Mapping[str, Any]) -> str | None:
    said = (source.get(key) for source in sources for key in ("remote_host", "remote_model"))
    return next((str(value) for value in said if value), None)


def _capabilities(shown: Mapping[str, Any], info: Mapping[str, Any]) -> frozenset[str]:
    said = shown.get("capabilities")
    if not isinstance(said, list):  # servers older than the field
        said = ["embedding"] if "bert" in str(info.get("general.architecture")) else ["completion"]
    found = {CAPABILITIES[word] for word in said if word in CAPABILITIES}
    return frozenset(found | {"json", "logprobs"} if "chat" in found else found)
