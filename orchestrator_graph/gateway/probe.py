"""Asks a server one question over HTTP; silence and nonsense are answers too. Blocking."""

from collections.abc import Mapping
from typing import Any

from orchestrator_graph.gateway.egress import is_loopback_url

__all__ = ["fetch", "read_json", "send"]

PROBE_S = 5.0
OK = 200


def read_json(
    method: str, url: str, body: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
) -> dict[str, Any] | None:
    """A JSON object from a server; `None` when nobody answers with one."""
    return fetch(method, url, body, headers)[1]


def fetch(
    method: str, url: str, body: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
) -> tuple[int, dict[str, Any] | None]:
    """The status of an answer (0 = there was none) and the JSON object that a good one holds."""
    status, found = send(method, url, body, headers)
    return status, found if status == OK else None


def send(
    method: str,
    url: str,
    body: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    seconds: float = PROBE_S,
) -> tuple[int, dict[str, Any] | None]:
    """The status of an answer (0 = there was none in time) and the JSON object in it, good or bad."""
    import httpx

    trusting, tls = not is_loopback_url(url), not url.startswith("http://")
    status = 0
    try:
        with httpx.Client(trust_env=trusting, verify=tls, follow_redirects=False, timeout=seconds) as client:
            answer = client.request(method, url, json=body, headers=headers)
            status, found = answer.status_code, answer.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        # A good status with a body that is no JSON counts as silence, as it always did.
        return (0 if status == OK else status), None
    return status, found if isinstance(found, dict) else None
