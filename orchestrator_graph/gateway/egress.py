"""The gate for private text: only endpoints that are local by trust AND by the address that their name resolves to."""

import ipaddress
import socket
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import urlsplit

from orchestrator_graph.bounded import bounded
from orchestrator_graph.drive import Effects
from orchestrator_graph.registry.spec import ModelSpec
from orchestrator_graph.types import Failure

__all__ = ["check", "cleared", "endpoint_of", "is_loopback_url", "resolve"]

Resolver = Callable[[str], Iterable[str]]


def resolve(host: str) -> list[str]:
    """All addresses of a host name.

    >>> resolve("127.0.0.1")
    ['127.0.0.1']
    """
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(item[4][0]).partition("%")[0] for item in found))


def endpoint_of(spec: ModelSpec) -> str | None:
    """Where a model's text goes, as far as the spec or the client object tells; `None` = in this process."""
    if spec.base_url or isinstance(spec.model, str):
        return spec.base_url
    for name in ("base_url", "openai_api_base", "azure_endpoint", "endpoint"):
        value = getattr(spec.model, name, None)
        if isinstance(value, str) and value:
            return value
    return None


def is_loopback_url(url: str) -> bool:
    """Whether a URL names this machine by its loopback address or `localhost`; nothing is resolved.

    >>> is_loopback_url("http://localhost:11434"), is_loopback_url("http://10.0.0.5")
    (True, False)
    """
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check(spec: ModelSpec, resolver: Resolver = resolve) -> Mapping[str, str] | str:
    """Whether private text may go to a model: host -> the checked address to use, or the reason why not.

    >>> check(ModelSpec("openai:gpt-5", base_url="http://127.0.0.1:1"))
    'it is not marked as local'
    """
    if not spec.is_local:
        return _elsewhere(spec)
    endpoint = endpoint_of(spec)
    if endpoint is None:
        return {}
    host = urlsplit(endpoint).hostname or ""
    try:
        addresses = [ipaddress.ip_address(address) for address in resolver(host)]
    except (OSError, ValueError):
        return f"the host {host!r} has no address"
    for address in addresses:
        if address.is_loopback:
            continue
        if not (spec.local is True and address.is_private and not address.is_unspecified):
            trust = "" if spec.local else "; ModelSpec(..., local=True) trusts a machine of your own network"
            return f"{host!r} resolves to {address}, which is not this machine{trust}"
    return {host: str(addresses[0])}


def _elsewhere(spec: ModelSpec) -> str:
    if spec.remote_host:
        return f"it really runs on {spec.remote_host}"
    return "Ollama passes models of that name on to its cloud" if spec.is_cloud_name else "it is not marked as local"


async def cleared(fx: Effects, spec: ModelSpec, seconds: float) -> Mapping[str, str] | Failure:
    """`check` off the event loop and within its time."""

    async def look_up(inner: Effects) -> Mapping[str, str] | str:
        return await inner.offload(lambda: check(spec))

    try:
        found = await bounded(fx, seconds, look_up, lambda: None, threaded=True)
    except TimeoutError:
        return Failure("timeout", f"the address of {spec.id} was not resolved in time")
    if isinstance(found, str):
        return Failure("privacy", f"private text is not sent to {spec.id}: {found}")
    return found
