"""Bounds that no input can lift."""

from pydantic import BaseModel, ConfigDict

__all__ = ["LIMITS", "PolicyLimits"]


class PolicyLimits(BaseModel):
    """Bounds that no input can lift."""

    model_config = ConfigDict(frozen=True)

    subtasks: int = 32
    depth: int = 3
    model_calls: int = 64
    parallel_calls: int = 16
    escalations: int = 4
    input_bytes: int = 1_000_000


LIMITS = PolicyLimits()
