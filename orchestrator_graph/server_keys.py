"""Who may use the server, as `orchestrator.toml` describes it. Values only: no key is in a file, or in here."""

import hashlib
import re
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from orchestrator_graph.errors import PolicyError
from orchestrator_graph.policy import Policy

__all__ = ["ServerKey", "read_server_keys"]

NOTHING = hashlib.sha256().hexdigest()
"""What `printf %s "$KEY" | sha256sum` says where $KEY is not set."""
DIGEST = re.compile(r"[0-9a-f]{64}")
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
OF_THE_KEY = ("tenant", "user_id", "budget")
SECRETS = ("key", "api_key", "value", "secret")


class ServerKey(NamedTuple):
    """A caller of the server.

    Attributes:
        name: As in the file; shown in logs, never to other callers.
        key_env: Name of the environment variable that holds the key; or
        sha256: the key's SHA-256 in hexadecimal digits.
        policy: Laid over the server's, with the key's tenant, user and shared budget; no request loosens it.
    """

    name: str
    policy: Policy
    key_env: str = ""
    sha256: str = ""


def read_server_keys(table: Mapping[str, Any], budgets: Collection[str]) -> tuple[ServerKey, ...]:
    """The keys of a file's `[server]`.

    Args:
        table: The section.
        budgets: Names of the file's shared budgets.

    Raises:
        ValueError: With the key of the file and what is wrong with its value.
    """
    _known("server", table, ("keys",))
    keys = _table("server.keys", table.get("keys", {}))
    return tuple(_key(name, _table(f"server.keys.{name}", value), budgets) for name, value in keys.items())


def _key(name: str, table: Mapping[str, Any], budgets: Collection[str]) -> ServerKey:
    where = f"server.keys.{name}"
    if NAME.fullmatch(name) is None:
        raise ValueError(where, "give it a name of letters, digits, _ and -, at most 64")
    _known(where, table, ("key_env", "sha256", "policy", *OF_THE_KEY))
    env, digest = table.get("key_env"), table.get("sha256")
    if (env is None) == (digest is None):
        raise ValueError(where, "give either key_env, the name of an environment variable, or sha256, the key's digest")
    if env is not None and not (isinstance(env, str) and env):
        raise ValueError(f"{where}.key_env", f"{env!r} is no name of an environment variable")
    if digest is not None and not (isinstance(digest, str) and DIGEST.fullmatch(digest)):
        raise ValueError(f"{where}.sha256", "not 64 lower-case hexadecimal digits: printf %s KEY | sha256sum")
    if digest == NOTHING:
        raise ValueError(f"{where}.sha256", "the digest of no text at all, which lets in whoever sends no key")
    return ServerKey(name, _policy(where, table, budgets), env or "", digest or "")


def _policy(where: str, table: Mapping[str, Any], budgets: Collection[str]) -> Policy:
    fields = dict(_table(f"{where}.policy", table.get("policy", {})))
    for name in OF_THE_KEY:
        if name in table and name in fields:
            raise ValueError(f"{where}.{name}", f"given twice, also as policy.{name}: leave one out")
        fields |= {name: table[name]} if name in table else {}
    try:
        policy = Policy.parse(fields)
    except PolicyError as error:
        raise ValueError(f"{where}.policy", str(error)) from None
    if policy.budget is not None and policy.budget not in budgets:
        known = ", ".join(sorted(budgets)) or f"none; add [budgets.{policy.budget}] with its max_usd"
        raise ValueError(f"{where}.budget", f"{policy.budget!r} is no budget of this file. Known budgets: {known}")
    return policy


def _known(where: str, table: Mapping[str, Any], known: Collection[str]) -> None:
    for key in table:
        if key not in known:
            hint = " A key does not belong in a file: name its variable in key_env." if key in SECRETS else ""
            raise ValueError(f"{where}.{key}", f"unknown key. Known keys: {', '.join(sorted(known))}.{hint}")


def _table(where: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(where, f"a {type(value).__name__} is no table")  # the value may be a key: it is not repeated
    return value
