"""What a caller may write as `model`: the orchestrator with a trade-off, or one model of the pool."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.surfaces.server.errors import RefusedError

__all__ = ["Named", "known_names", "named"]

OWN = "orchestrator"
FULL = "orchestrator-full"
VARIANTS = ("cheap", "balanced", "best")
LOCAL = "local"
MOST = 200
"""So many characters of a name that nobody knows are said back."""


@dataclass(frozen=True, slots=True)
class Named:
    """What a name stands for.

    Attributes:
        fields: Of the policy.
        mode: Of the chat model: one routed call, or the whole graph.
    """

    fields: Mapping[str, Any] = field(default_factory=dict)
    mode: Literal["route", "full"] = "route"


def named(model: str, portfolio: Portfolio) -> Named:
    """What a model's name stands for.

    Raises:
        RefusedError: 404, with the names that are known.
    """
    own, _, variant = model.partition(":")
    if model == OWN or (own == OWN and variant in VARIANTS):
        return Named({"tradeoff": variant} if variant else {})
    if own == OWN and variant == LOCAL:
        return Named({"private": True})
    if own == OWN and (share := _share(variant)) is not None:
        return Named({"tradeoff": share})
    if model == FULL:
        return Named(mode="full")
    if model in portfolio:
        return Named({"pin": model})
    known = ", ".join([*known_names(portfolio), f"{OWN}:0.3 (any number from 0 to 1)"])
    told = f"the model {model[:MOST]!r} is not known here. Known: {known}"
    raise RefusedError(404, told, code="model_not_found", param="model")


def known_names(portfolio: Portfolio) -> list[str]:
    """Our own names, then those of the pool's chat models."""
    ours = [OWN, *(f"{OWN}:{name}" for name in (*VARIANTS, LOCAL)), FULL]
    return ours + [name for name, spec in portfolio.items() if not spec.has("embedding")]


def _share(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number <= 1 else None
