"""What is to be done: features of a text, and a subtask of a plan."""

from dataclasses import dataclass, field
from typing import Any, Self

__all__ = ["Features", "Subtask"]


@dataclass(frozen=True, slots=True)
class Features:
    """What the analyzer saw in the user's own words (never in tool output, system prompt or padding).

    Attributes:
        text: The normalised words that the features were read from.
        task_type: e.g. `maths`, `text`, `logic`, `code`, `summary`, `translation`, `extraction`, `writing`, `qa`.
        language: ISO 639-1 code, `und` when unknown.
        tokens: Estimated tokens of the text.
        difficulty: 0 trivial .. 1 hard (a heuristic, uncalibrated).
        expects: Form of the answer: `number`, `word`, `choice`, `json`, `list`, `set`, `code`, `yes_no` or `text`.
        signals: Everything else by name: `code`, `maths`, `density`, `re_ask`, `images`, `pii` ...
    """

    text: str
    task_type: str = "qa"
    domain: str = "general"
    language: str = "und"
    tokens: int = 0
    difficulty: float = 0.5
    expects: str = "text"
    needs: tuple[str, ...] = ()
    private: bool = False
    signals: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """The inverse of `to_json`."""
        return cls(**{**data, "needs": tuple(data.get("needs", ()))})


@dataclass(frozen=True, slots=True)
class Subtask:
    """A node of the plan.

    Attributes:
        id: Short and unique within the plan, `"1"`, `"2"`, ...
        brief: What to do; `{1}` stands for the answer of subtask 1.
        needs: Ids of the subtasks whose answers it depends on.
        features: Of the brief.
        private: Inherited from the task; may rise, never fall.
    """

    id: str
    brief: str
    features: Features
    needs: tuple[str, ...] = ()
    private: bool = False

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """The inverse of `to_json`."""
        features = Features.from_json(data["features"])
        return cls(data["id"], data["brief"], features, tuple(data["needs"]), data["private"])
