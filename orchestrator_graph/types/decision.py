"""What can be chosen, what is believed of it, and what was decided."""

from dataclasses import dataclass
from typing import Any, Literal, Self

from orchestrator_graph.types.base import known

__all__ = ["Candidate", "Decision", "Estimate", "Exclusion", "Member", "Neighbour", "Upgrade"]

CandidateKind = Literal["single", "best_of_n", "consensus", "fusion"]


@dataclass(frozen=True, slots=True)
class Member:
    """One model inside a candidate.

    Attributes:
        model: Registry id, `"provider:name"`.
        samples: How many answers are drawn from it.
        effort: Reasoning effort passed to the provider, if it knows one.
    """

    model: str
    samples: int = 1
    effort: str | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """What can be chosen: members and how their answers combine.

    `single` asks one model once; `best_of_n` draws several answers and a verifier picks; `consensus` counts weighted
    votes of different models; `fusion` lets its last member write one answer from those of the others.
    """

    kind: CandidateKind
    members: tuple[Member, ...]

    @classmethod
    def single(cls, model: str, effort: str | None = None) -> Self:
        """The candidate that asks one model once."""
        return cls("single", (Member(model, effort=effort),))

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """The inverse of `to_json`."""
        return cls(data["kind"], tuple(Member(**member) for member in data["members"]))

    @property
    def id(self) -> str:
        """Readable and unique within a portfolio, e.g. `best_of_3(ollama:qwen3:4b)` or `openai:gpt-5@low`."""
        names = ", ".join(m.model if m.effort is None else f"{m.model}@{m.effort}" for m in self.members)
        if self.kind == "single":
            return names
        samples = sum(member.samples for member in self.members)
        return f"best_of_{samples}({names})" if self.kind == "best_of_n" else f"{self.kind}({names})"


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is believed of one candidate on one subtask.

    Attributes:
        quality: Expected score in [0, 1].
        se: Standard error of `quality`.
        n: Observations behind it (0 = a guess).
        source: Where it comes from, e.g. `prior`, `neighbours`, `prior+neighbours`.
        cost_nusd: Expected bill in nano-dollars; `None` when the price is unknown.
        billed: False for a model that costs nothing per call.
        latency_s: Expected seconds.
        late_s: Seconds that one call in twenty exceeds; `None` when nobody asked.
        energy_j: Expected joules; `None` when nothing is known.
        measured: Which of `cost`, `latency`, `energy` rest on measurements rather than estimates.
        learnt: Quality by one's own outcomes alone, without priors; confidences are calibrated on this one.
    """

    candidate: Candidate
    quality: float
    se: float
    n: int
    source: str
    cost_nusd: int | None = 0
    billed: bool = True
    latency_s: float = 1.0
    energy_j: float | None = None
    measured: tuple[str, ...] = ()
    late_s: float | None = None
    learnt: float | None = None

    @property
    def own_quality(self) -> float:
        """`learnt`, where there is anything learnt, else `quality`: what `Calibration.confidence` takes."""
        return self.quality if self.learnt is None else self.learnt


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A candidate that was not eligible, and the constraint that says so."""

    candidate: str
    constraint: str
    detail: str


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A remembered task near this one, and what each candidate was worth on it.

    Attributes:
        similarity: Cosine in [-1, 1].
        outcomes: (candidate id, score in [0, 1], weight) of each remembered try.
        text: The remembered task's words, shortened; empty when it was private.
    """

    task_id: str
    text: str
    similarity: float
    user_id: str = ""
    task_type: str = ""
    outcomes: tuple[tuple[str, float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What a little more money would buy: the candidate, nano-dollars more a task, points of quality in [0, 1]."""

    candidate: str
    extra_nusd: int
    gain: float


@dataclass(frozen=True, slots=True)
class Decision:
    """The ranked candidates, the excluded ones, and why. Made without calling what it decides about.

    Attributes:
        ranking: Best first; the executor walks it.
        propensities: Candidate id -> probability with which it was chosen (sums to 1).
        proved: True only under a valid certificate.
        certificate: Id of that certificate.
        why: One plain sentence.
        neighbours: The remembered tasks that were looked at, nearest first.
        memory_state: `ok`, `empty`, `exact scan (index away)` or `off`.
        front: Ids from cheapest to best that no other single model beats in quality, cost and time at once.
        more: What a little more money than the first place costs would buy.
        usual: Who comes first where neither exploration nor a canary draws another.
    """

    id: str
    subtask_id: str
    ranking: tuple[Estimate, ...]
    excluded: tuple[Exclusion, ...]
    propensities: dict[str, float]
    why: str
    proved: bool = False
    neighbours: tuple[Neighbour, ...] = ()
    memory_state: str = "off"
    policy_fingerprint: str = ""
    registry_fingerprint: str = ""
    front: tuple[str, ...] = ()
    more: Upgrade | None = None
    usual: str = ""
    certificate: str = ""

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """The inverse of `to_json`; unknown keys are dropped."""
        ranking = (
            Estimate(
                **{
                    **known(Estimate, e),
                    "candidate": Candidate.from_json(e["candidate"]),
                    "measured": tuple(e["measured"]),
                }
            )
            for e in data["ranking"]
        )
        near = (
            Neighbour(**{**n, "outcomes": tuple((c, s, w) for c, s, w in n["outcomes"])}) for n in data["neighbours"]
        )
        return cls(
            **{
                **known(cls, data),
                "ranking": tuple(ranking),
                "excluded": tuple(Exclusion(**item) for item in data["excluded"]),
                "neighbours": tuple(near),
                "front": tuple(data.get("front", ())),
                "more": Upgrade(**data["more"]) if data.get("more") else None,
            }
        )
