"""How sure one may be of an answer, and what a try was worth."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["Evidence", "Outcome", "Verdict"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One reason behind a verdict.

    Attributes:
        value: In [0, 1]: what is believed of it.
        decisive: It alone settles the verdict.
        raw: What was said, where `value` is what its measured error rates leave of that: the ledger keeps this one.
    """

    name: str
    value: float
    detail: str = ""
    decisive: bool = False
    raw: float | None = None

    @property
    def said(self) -> float:
        """What was said, before any correction."""
        return self.value if self.raw is None else self.raw


@dataclass(frozen=True, slots=True)
class Verdict:
    """How probable it is that an answer is right, and what to do about it."""

    confidence: float
    action: Literal["accept", "escalate", "ask"]
    evidence: tuple[Evidence, ...] = ()
    calibrated: bool = False
    n: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a try was worth (score, source, weight) and what it cost. The unit of learning.

    Attributes:
        key: What a vote is about, or that this try's answer was the one given (`memory.worth.ANSWER`).
        comment: What the voter added.
        signals: What the answer told of itself before anybody judged it, by name: `probability` (of all its tokens),
            `mean`, `least`, `margin` ... each in [0, 1]. Confidence is calibrated on these.
        said: Fingerprint of the normalised answer: two tries with the same one said the same; `""` = not comparable.
    """

    id: str
    task_id: str
    decision_id: str
    candidate: str
    score: float
    source: str
    weight: float
    cost_nusd: int = 0
    latency_s: float = 0.0
    energy_j: float | None = None
    key: str | None = None
    comment: str | None = None
    signals: Mapping[str, float] = field(default_factory=dict)
    said: str = ""
