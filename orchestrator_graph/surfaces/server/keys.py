"""Who is calling: API keys, known by their digests only, compared in constant time."""

import hashlib
import hmac
import ipaddress
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

from orchestrator_graph.errors import ConfigError
from orchestrator_graph.policy import Policy
from orchestrator_graph.server_keys import ServerKey
from orchestrator_graph.surfaces.server.errors import RefusedError

__all__ = ["Caller", "Keys", "is_loopback"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever calls.

    Attributes:
        name: Of the key; `""` = there are no keys.
        policy: The key's own, laid over the server's.
    """

    name: str = ""
    policy: Policy = field(default_factory=Policy)


class Keys:
    """All keys of a server; none = open.

    Args:
        digests: SHA-256 of each key, with its caller. The keys themselves are not kept.
    """

    def __init__(self, digests: Iterable[tuple[bytes, Caller]] = ()) -> None:
        self._digests = tuple(digests)

    @classmethod
    def of(cls, keys: Iterable[ServerKey], environ: Mapping[str, str] | None = None) -> Self:
        """The keys of `orchestrator.toml` (`config.server_keys`).

        Args:
            keys: As they are described.
            environ: Where `key_env` is read; `None` = the process's environment.

        Raises:
            ConfigError: A variable is not set, or two keys are the same.
        """
        environ = os.environ if environ is None else environ
        found: dict[bytes, Caller] = {}
        for key in keys:
            digest = bytes.fromhex(key.sha256) if key.sha256 else _digest(_from(environ, key))
            if digest in found:
                raise ConfigError(f"server.keys.{key.name} is the same key as server.keys.{found[digest].name}")
            found[digest] = Caller(key.name, key.policy)
        return cls(found.items())

    def __bool__(self) -> bool:
        return bool(self._digests)

    def caller(self, headers: Mapping[str, str]) -> Caller:
        """Who sends these headers.

        Raises:
            RefusedError: 401, no such key; 403, without keys, a web page from elsewhere.
        """
        if not self._digests:
            _check_page(headers.get("origin"))
            return Caller()
        scheme, _, given = headers.get("authorization", "").partition(" ")
        digest, found = _digest(given.strip()), None
        for known, caller in self._digests:  # to the end, whoever is found: time tells nothing
            if hmac.compare_digest(known, digest):
                found = caller
        if found is None or scheme.lower() != "bearer":
            told = "incorrect API key" if given else "no API key: send the header `Authorization: Bearer KEY`"
            raise RefusedError(401, told, code="invalid_api_key")
        return found


def is_loopback(host: str) -> bool:
    """Whether a host is this machine's own address or `localhost`.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_page(origin: str | None) -> None:
    """An open server is there for this machine's programs, not for any page that its browser shows."""
    if origin is not None and not _is_here(origin):
        raise RefusedError(
            403,
            "a web page from elsewhere may not use a server without API keys: configure [server.keys.NAME]",
            code="origin_not_allowed",
            kind="permission_error",
        )


def _is_here(origin: str) -> bool:
    try:
        return is_loopback(urlsplit(origin).hostname or "")
    except ValueError:  # no address at all
        return False


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def _from(environ: Mapping[str, str], key: ServerKey) -> str:
    value = environ.get(key.key_env, "")
    if not value:
        raise ConfigError(f"server.keys.{key.name}.key_env: the environment variable {key.key_env} is not set")
    return value
