"""What a request may say of the policy: it may tighten what the server and its key say, never loosen it."""

from collections.abc import Mapping
from typing import Any

from orchestrator_graph.policy import Policy
from orchestrator_graph.surfaces.server.errors import RefusedError

__all__ = ["allowed"]

SMALLER = ("max_cost_usd", "deadline_s", "max_energy_j", "dear_per_hour")
"""Of these the smaller one counts."""
NEVER = frozenset({"run_code", "human"})
"""Only the server says so: whether answered code is run on it, and whether a person is asked."""
KEYS_OWN = frozenset({"tenant", "budget"})
"""Where there are keys, only they say so."""
FIXED = KEYS_OWN | {
    *("user_id", "allow", "tier", "pin", "pii", "guard", "reference", "max_quality_loss"),
    *("calibration", "explore", "max_regret", "canary", "trial"),
}
"""Where the server or the key says so, the request may not say otherwise."""


def allowed(base: Policy, asked: Policy, *, keyed: bool) -> Policy:
    """What is laid over `base` for one request.

    Args:
        base: The server's policy with the key's over it.
        asked: What the request says.
        keyed: There are keys.

    Raises:
        RefusedError: 403, naming the field.
    """
    fields: dict[str, Any] = {name: getattr(asked, name) for name in asked.model_fields_set}
    for name, value in fields.items():
        if _held(name, base, keyed=keyed) and value != getattr(base, name):
            raise RefusedError(
                403,
                f"policy.{name} = {value!r} is not for a request to say: this server or this key has set it. "
                "Leave it out",
                code="policy_not_allowed",
                param=f"policy.{name}",
                kind="permission_error",
            )
    return Policy.model_construct(**_tightened(base, fields))


def _held(name: str, base: Policy, *, keyed: bool) -> bool:
    set_here = name in base.model_fields_set
    private = name == "private" and base.private
    return private or name in NEVER or (keyed and name in KEYS_OWN) or (name in FIXED and set_here)


def _tightened(base: Policy, fields: Mapping[str, Any]) -> dict[str, Any]:
    told = dict(fields)
    for name in SMALLER:
        if name in told:
            told[name] = min((v for v in (told[name], getattr(base, name)) if v is not None), default=None)
    if "deny" in told:
        told["deny"] = list(dict.fromkeys([*base.deny, *told["deny"]]))
    return told
