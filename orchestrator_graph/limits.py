"""Bounds that no input can lift."""

from pydantic import BaseModel, ConfigDict

__all__ = ["LIMITS", "PolicyLimits"]


class PolicyLimits(BaseModel):
    """Bounds that no input can lift.

    Attributes:
        tool_rounds: Times that the models of one subtask may call tools.
        tool_calls: Calls of tools in one answer.
        tool_chars: Of text that one call of a tool returns; the rest is cut, and the model is told so.
    """

    model_config = ConfigDict(frozen=True)

    subtasks: int = 32
    depth: int = 3
    model_calls: int = 64
    parallel_calls: int = 16
    escalations: int = 4
    input_bytes: int = 1_000_000
    tool_rounds: int = 8
    tool_calls: int = 16
    tool_chars: int = 100_000


LIMITS = PolicyLimits()
