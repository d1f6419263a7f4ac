"""HTTP transports of our own for the SDKs: the call's deadline, no redirects, no proxy for local endpoints.

A timeout of an HTTP library is per read, so one byte now and then defeats it. Here every response is cut at the
deadline of the call that is in the context. Works on `httpx` and on `httpx2` (the same API),
whichever the SDK is built on.
"""

import contextvars
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

from orchestrator_graph.gateway.egress import is_loopback_url

__all__ = ["BOUNDS", "Amend", "Bounds", "HttpPair", "http_pair", "proxy_for"]

Amend = Callable[[str, dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Bounds:
    """What holds for the call that is running in this context.

    Attributes:
        deadline: On `time.monotonic`.
        pins: Host name -> the address that was checked for private text, so that nothing is resolved twice.
    """

    deadline: float
    pins: Mapping[str, str] = field(default_factory=dict)


BOUNDS: contextvars.ContextVar[Bounds | None] = contextvars.ContextVar("orchestrator_bounds", default=None)


@dataclass(frozen=True, slots=True)
class HttpPair:
    """A sync and an async transport, and the options that a client around them needs."""

    sync: Any
    async_: Any
    options: Mapping[str, Any]


def http_pair(http: ModuleType, url: str, *, proxy: str | None, amend: Amend | None = None) -> HttpPair:
    """Transports for one endpoint.

    Args:
        http: `httpx` or `httpx2`.
        url: Where it is. On this machine connections are not kept (a server that restarts, or an event loop that
            ended, leaves no dead one behind) and nothing is read from the environment.
        proxy: URL of a proxy, for endpoints elsewhere.
        amend: Changes a JSON body on its way out, given the path.
    """
    local = is_loopback_url(url)
    limits = http.Limits(max_keepalive_connections=0 if local else 20, max_connections=100)
    options: dict[str, Any] = {"limits": limits, "trust_env": not local, "proxy": proxy}
    options["verify"] = not url.startswith("http://")  # loading certificates that nobody needs takes 20 ms

    class Cut(http.SyncByteStream):  # type: ignore[misc,name-defined]
        def __init__(self, inner: Any, request: Any) -> None:
            self.inner, self.request = inner, request

        def __iter__(self) -> Iterator[bytes]:
            for part in self.inner:
                if _left_s() <= 0:
                    raise http.ReadTimeout("the deadline of the call has passed", request=self.request)
                yield part

        def close(self) -> None:
            self.inner.close()

    class Sync(http.HTTPTransport):  # type: ignore[misc,name-defined]
        def handle_request(self, request: Any) -> Any:
            response = super().handle_request(_prepared(http, request, amend))
            response.stream = Cut(response.stream, request)
            return response

    class Async(http.AsyncHTTPTransport):  # type: ignore[misc,name-defined]
        async def handle_async_request(self, request: Any) -> Any:
            return await super().handle_async_request(_prepared(http, request, amend))

    return HttpPair(Sync(**options), Async(**options), {"follow_redirects": False, "trust_env": False, "timeout": 60.0})


def proxy_for(url: str, environ: Mapping[str, str]) -> str | None:
    """The proxy that the environment names for a URL elsewhere.

    >>> proxy_for("https://api.openai.com/v1", {"https_proxy": "http://proxy:3128"})
    'http://proxy:3128'
    >>> proxy_for("https://api.openai.com/v1", {"HTTPS_PROXY": "http://proxy:3128", "no_proxy": ".openai.com"}) is None
    True
    """
    scheme, _, rest = url.partition("://")
    named = {key.lower(): value for key, value in environ.items() if key.lower().endswith("_proxy")}
    if proxy_bypass_environment(rest.partition("/")[0], {"no": named.get("no_proxy", "")}):
        return None
    return named.get(f"{scheme}_proxy") or named.get("all_proxy")


def _left_s() -> float:
    bounds = BOUNDS.get()
    return float("inf") if bounds is None else bounds.deadline - time.monotonic()


def _prepared(http: ModuleType, request: Any, amend: Amend | None) -> Any:
    bounds = BOUNDS.get()
    if amend is not None and request.headers.get("content-type") == "application/json":
        request = _amended(http, request, amend)
    if bounds is None:
        return request
    left = max(_left_s(), 0.001)
    request.extensions = {**request.extensions, "timeout": dict.fromkeys(("connect", "read", "write", "pool"), left)}
    host = request.url.host
    if host in bounds.pins:
        request.extensions["sni_hostname"] = host
        request.url = request.url.copy_with(host=bounds.pins[host])
    return request


def _amended(http: ModuleType, request: Any, amend: Amend) -> Any:
    body = amend(request.url.path, json.loads(request.content))
    kept = {name: value for name, value in request.headers.items() if name.lower() != "content-length"}
    return http.Request(request.method, request.url, headers=kept, json=body, extensions=request.extensions)
