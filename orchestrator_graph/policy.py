"""What the user wants: trade-off, floors, budget, deadline, privacy. Plain settings, JSON-schema-able.

Knows nothing of models or of the graph. Studio shows the descriptions as a form.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, field_validator

from orchestrator_graph.errors import PolicyError
from orchestrator_graph.limits import LIMITS, PolicyLimits

__all__ = ["LIMITS", "Policy", "PolicyLimits"]

TRIED = frozenset({"tradeoff", "min_quality", "guard", "reference", "max_quality_loss", "latency_slo_s"})
TRADEOFFS = {"cheap": 0.1, "balanced": 0.5, "best": 1.0}


class Policy(BaseModel):
    """How to choose. Every field has a default that is safe; unknown fields are refused.

    Raises:
        pydantic.ValidationError: From the constructor; `Policy.parse` raises `PolicyError` instead.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    strategy: Literal["auto", "route", "cascade", "best_of_n", "consensus", "fusion"] = Field(
        default="auto", description="auto: the router decides; the others force one way of answering."
    )
    ensemble: Literal["auto", "never", "always"] = Field(
        default="auto", description="Several answers: auto = only where remembered gain per dollar says so."
    )
    lookahead: Literal["greedy", "full"] = Field(
        default="greedy", description="After an answer: look one candidate ahead, or at every set of candidates."
    )
    calibration: Literal["any", "required"] = Field(
        default="any", description="required: a confidence that was never compared with outcomes accepts nothing."
    )
    run_code: bool = Field(
        default=False, description="Run unit tests that come with a task against answered code, confined."
    )
    tradeoff: float = Field(default=0.5, ge=0, le=1, description="0 = cheapest .. 1 = best; or cheap, balanced, best.")
    min_quality: float | None = Field(
        default=None, ge=0, le=1, description="Take the cheapest candidate whose estimated quality reaches this."
    )
    min_confidence: float | dict[str, float] = Field(
        default=0.8, description="Below this confidence an answer is escalated; one number or one per task type."
    )
    cascade: list[str] = Field(default_factory=list, description="Models small to large, for strategy=cascade.")
    max_cost_usd: float | None = Field(
        default=None, ge=0, le=1e9, description="Hard limit of one task's bill in US dollars."
    )
    budget: str | None = Field(
        default=None, description="Name of a shared budget in orchestrator.toml, checked as well."
    )
    deadline_s: float | None = Field(default=None, gt=0, description="Seconds until the answer must be there.")
    max_energy_j: float | None = Field(default=None, gt=0, description="Joules one subtask may take, as estimated.")
    private: bool = Field(default=False, description="The text never leaves this machine.")
    pii: Literal["local_if_available", "refuse", "ignore"] = Field(
        default="local_if_available", description="What to do when personal data is seen in the text."
    )
    fault_tolerance: Literal["low", "normal", "high"] = Field(
        default="normal", description="low: every answer is judged and weak candidates are left out."
    )
    allow: list[str] = Field(default_factory=list, description="Only these models (patterns such as ollama:*).")
    deny: list[str] = Field(default_factory=list, description="Never these models (patterns such as openai:*).")
    pin: str | None = Field(default=None, description="Use exactly this model.")
    tier: str | None = Field(default=None, description="Only models whose spec names this tier.")
    user_id: str = Field(default="", description="Whose task it is: votes and memory are kept apart by user.")
    tenant: str = Field(
        default="default", pattern=r"^[A-Za-z0-9_-]{1,64}$", description="Memory is never shared between tenants."
    )
    decompose: Literal["auto", "never", "always"] = Field(
        default="auto", description="Whether a task is cut into subtasks."
    )
    guard: Literal["prior", "strict"] = Field(
        default="prior", description="strict: leave the reference only where a paired test allows it; not with cascade."
    )
    reference: str | None = Field(
        default=None, description="guard=strict: the model to be measured against; by default that of the best prior."
    )
    max_quality_loss: float = Field(
        default=0.02, ge=0, lt=1, description="guard=strict: points of quality that may be lost against the reference."
    )
    explore: float = Field(
        default=0.0, ge=0, le=0.5, description="Share of decisions made at random to learn; never if private or strict."
    )
    max_regret: float = Field(
        default=0.2, ge=0, le=1, description="Exploration takes nothing that is believed to be worse by more than this."
    )
    canary: dict[str, float] = Field(
        default_factory=dict, description="Share of users (else runs) that try a new model, by model or pattern."
    )
    trial: dict[str, Any] = Field(
        default_factory=dict, description="A policy on trial: share, and the fields of the selection that it changes."
    )
    latency_slo_s: float | None = Field(
        default=None, gt=0, description="Seconds that 19 of 20 calls should stay below; slower ones lose utility."
    )
    dear_per_hour: int | None = Field(
        default=None,
        ge=0,
        description="Dear answers (nine times the cheapest or more) a user may have an hour, per process.",
    )
    _fingerprint: str = PrivateAttr(default="")
    human: Literal["never", "ask"] = Field(default="never", description="ask: interrupt and ask a person when unsure.")

    @field_validator("tradeoff", mode="before")
    @classmethod
    def _named_tradeoff(cls, value: Any) -> Any:
        if isinstance(value, str):
            if value not in TRADEOFFS:
                raise ValueError(f"{value!r} is none of cheap, balanced, best, nor a number from 0 to 1")
            return TRADEOFFS[value]
        return value

    @field_validator("min_confidence")
    @classmethod
    def _probabilities(cls, value: float | dict[str, float]) -> float | dict[str, float]:
        for number in value.values() if isinstance(value, dict) else [value]:
            if not 0 <= number <= 1:
                raise ValueError(f"{number} is not a probability from 0 to 1")
        return value

    @field_validator("canary")
    @classmethod
    def _shares(cls, value: dict[str, float]) -> dict[str, float]:
        if not all(share >= 0 for share in value.values()) or sum(value.values()) > 1:
            raise ValueError(f"{value} are not shares from 0 to 1 that sum to at most 1")
        return value

    @field_validator("trial")
    @classmethod
    def _selects(cls, value: dict[str, Any]) -> dict[str, Any]:
        fields = {name: item for name, item in value.items() if name != "share"}
        if value and not (set(fields) <= TRIED and isinstance(n := value.get("share"), (int, float)) and 0 <= n <= 1):
            raise ValueError(f"{value}: give share from 0 to 1, and of the fields only {', '.join(sorted(TRIED))}")
        cls(**fields)
        return value

    @classmethod
    def parse(cls, value: Any) -> Self:
        """A policy from a policy, a mapping or None.

        Raises:
            PolicyError: Names the field, the value and what would be right.
        """
        if isinstance(value, cls):
            return value
        if value is None:
            return cls()
        if not isinstance(value, Mapping):
            raise PolicyError(f"policy: {value!r} is a {type(value).__name__}; give a Policy or a dict of its fields")
        try:
            return cls(**value)
        except ValidationError as error:
            raise PolicyError(_explain(cls, error)) from None

    def overlaid(self, other: "Policy") -> "Policy":
        """This policy with every field that `other` sets explicitly."""
        if not other.model_fields_set:
            return self
        made = self.model_copy(update={name: getattr(other, name) for name in other.model_fields_set})
        made._fingerprint = ""
        return made

    def tried(self) -> "Policy | None":
        """This policy as it would be with the fields that are on trial; `None` where none is."""
        fields = {name: value for name, value in self.trial.items() if name != "share"}
        return self.overlaid(Policy(**fields)) if fields else None

    def confidence_for(self, task_type: str) -> float:
        """The confidence that an answer of this task type must reach."""
        if isinstance(self.min_confidence, dict):
            return self.min_confidence.get(task_type, 0.8)
        return self.min_confidence

    def fingerprint(self) -> str:
        """Stable short hash of all fields that influence a decision."""
        if not self._fingerprint:
            data = self.model_dump(exclude={"user_id"}, mode="json")
            self._fingerprint = hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:16]
        return self._fingerprint


def _explain(cls: type[BaseModel], error: ValidationError) -> str:
    lines = []
    for item in error.errors():
        name = ".".join(str(part) for part in item["loc"]) or "policy"
        if item["type"] == "extra_forbidden":
            lines.append(f"policy.{name}: unknown field. Known fields: {', '.join(sorted(cls.model_fields))}")
            continue
        known = cls.model_fields.get(str(item["loc"][0])) if item["loc"] else None
        wanted = f" ({known.description})" if known and known.description else ""
        lines.append(f"policy.{name} = {item['input']!r}: {item['msg']}{wanted}")
    return "; ".join(lines)
