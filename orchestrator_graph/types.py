"""The values that flow through the system. Frozen, JSON-able, without behaviour that costs anything.

This module knows nothing of LangGraph, of providers or of files. Units: money is integer nano-dollars
(`*_nusd`, 1e-9 US dollars), time is seconds (`*_s`), energy is joules (`*_j`), confidence and quality lie in [0, 1].
"""

import dataclasses
import functools
import os
import secrets
from dataclasses import dataclass, field
from typing import Any, Literal, Self

__all__ = [
    "NANO",
    "Attempt",
    "Candidate",
    "Decision",
    "Estimate",
    "Evidence",
    "Exclusion",
    "Failure",
    "FailureKind",
    "Features",
    "Member",
    "Neighbour",
    "Outcome",
    "Request",
    "Subtask",
    "TokenLogprob",
    "Usage",
    "Verdict",
    "new_id",
    "to_json",
]

NANO = 1_000_000_000
"""Nano-dollars in a dollar."""

FailureKind = Literal[
    "rate_limited",
    "overloaded",
    "timeout",
    "connection",
    "truncated_stream",
    "bad_response",
    "empty",
    "refusal",
    "content_filtered",
    "length",
    "context_overflow",
    "not_found",
    "auth",
    "invalid_request",
    "budget",
    "privacy",
    "cancelled",
]
CandidateKind = Literal["single", "best_of_n", "consensus"]


def new_id() -> str:
    """A random 128-bit id, 32 hexadecimal digits.

    The system's randomness is fetched for 64 ids at a time: on a virtual machine one fetch costs half a millisecond.
    """
    try:
        return _spare_ids.pop()
    except IndexError:
        block = secrets.token_hex(16 * 64)
        _spare_ids.extend(block[i : i + 32] for i in range(32, len(block), 32))
        return block[:32]


def to_json(value: Any) -> Any:
    """Dataclasses, tuples and sets as plain JSON values.

    >>> to_json(Candidate.single("ollama:qwen3:4b"))["members"][0]["samples"]
    1
    """
    kind = type(value)
    if kind in _SCALARS:
        return value
    if kind in (tuple, list, set, frozenset):
        return [to_json(item) for item in value]
    if isinstance(value, dict):
        return {str(key): to_json(item) for key, item in value.items()}
    if dataclasses.is_dataclass(kind):
        fields = [(name, getattr(value, name)) for name in _field_names(kind)]
        # Most fields are scalars; not calling for them halves the time of a decision.
        return {name: item if type(item) in _SCALARS else to_json(item) for name, item in fields}
    return value


@functools.cache
def _field_names(kind: type) -> tuple[str, ...]:
    return tuple(f.name for f in dataclasses.fields(kind))


def _known(cls: type, data: dict[str, Any]) -> dict[str, Any]:
    return {name: data[name] for name in _field_names(cls) if name in data}


_SCALARS = frozenset({str, int, float, bool, type(None)})
_spare_ids: list[str] = []
# A forked child must not hand out its parent's ids.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_spare_ids.clear)


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
    """What can be chosen: members and how their answers combine."""

    kind: CandidateKind
    members: tuple[Member, ...]

    @classmethod
    def single(cls, model: str) -> Self:
        """The candidate that asks one model once."""
        return cls("single", (Member(model),))

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """The inverse of `to_json`."""
        return cls(data["kind"], tuple(Member(**member) for member in data["members"]))

    @property
    def id(self) -> str:
        """Readable and unique within a portfolio, e.g. `best_of_3(ollama:qwen3:4b)`."""
        names = ", ".join(member.model for member in self.members)
        if self.kind == "single":
            return names
        samples = sum(member.samples for member in self.members)
        return f"best_of_{samples}({names})" if self.kind == "best_of_n" else f"{self.kind}({names})"


@dataclass(frozen=True, slots=True)
class Features:
    """What the analyzer saw in the user's own words (never in tool output, system prompt or padding).

    Attributes:
        text: The normalised words that the features were read from.
        task_type: e.g. `maths`, `text`, `logic`, `code`, `summary`, `translation`, `extraction`, `writing`, `qa`.
        language: ISO 639-1 code, `und` when unknown.
        tokens: Estimated tokens of the text.
        difficulty: 0 trivial .. 1 hard (a heuristic, uncalibrated).
        expects: Form of the answer: `number`, `word`, `json`, `list`, `code`, `yes_no` or `text`.
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
        energy_j: Expected joules; `None` when nothing is known.
        measured: Which of `cost`, `latency`, `energy` rest on measurements rather than estimates.
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
class Decision:
    """The ranked candidates, the excluded ones, and why. Made without calling what it decides about.

    Attributes:
        ranking: Best first; the executor walks it.
        propensities: Candidate id -> probability with which it was chosen (sums to 1).
        proved: True only under a valid certificate.
        why: One plain sentence.
        neighbours: The remembered tasks that were looked at, nearest first.
        memory_state: `ok`, `empty`, `exact scan (index away)` or `off`.
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

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """The inverse of `to_json`; unknown keys are dropped."""
        ranking = (
            Estimate(
                **{
                    **_known(Estimate, e),
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
                **_known(cls, data),
                "ranking": tuple(ranking),
                "excluded": tuple(Exclusion(**item) for item in data["excluded"]),
                "neighbours": tuple(near),
            }
        )


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call. `measured` is False where the provider reported none and we estimated."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    measured: bool = True


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """Natural-log probability of one generated token, and of the best alternative where known."""

    token: str
    logprob: float
    runner_up: float | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a call gave nothing usable. A value, never raised inside the graph."""

    kind: FailureKind
    message: str
    status: int | None = None
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of one model, provider-neutral.

    Attributes:
        messages: LangChain messages.
        purpose: `execute`, `judge`, `plan`, `synthesize` or `embed`; shown on the bill.
        private: The text must not leave the machine.
        max_tokens: Upper bound of the answer; `None` = the model's own.
        logprobs: Ask for log-probabilities where the model can give them.
        stream: Let tokens pass to LangGraph's message stream as they come.
        sample: Which of several samples this is; samples > 0 are drawn with temperature.
    """

    messages: tuple[Any, ...]
    purpose: str = "execute"
    subtask_id: str = ""
    private: bool = False
    max_tokens: int | None = None
    logprobs: bool = True
    stream: bool = False
    sample: int = 0
    effort: str | None = None
    json_schema: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call through the gateway: an answer or a failure, and what it cost either way.

    Attributes:
        model: Registry id that was asked.
        answered_by: The model's name as the provider reports it.
        cost_nusd: Charged; 0 and `billed=False` for a local model without a rate.
        cost_measured: False where tokens or price were estimated.
        tries: Requests that were sent, retries included.
        queued_s: Part of `latency_s` spent waiting for a free slot.
        end_logprob: Log-probability of the end token, where the backend returns it.
        message_id: Id of the streamed message, so that LangGraph's message stream shows it once.
    """

    id: str
    model: str
    purpose: str
    text: str = ""
    failure: Failure | None = None
    finish: str = ""
    usage: Usage = field(default_factory=Usage)
    cost_nusd: int = 0
    billed: bool = True
    cost_measured: bool = True
    latency_s: float = 0.0
    queued_s: float = 0.0
    first_token_s: float | None = None
    energy_j: float | None = None
    tries: int = 1
    answered_by: str = ""
    subtask_id: str = ""
    logprobs: tuple[TokenLogprob, ...] = ()
    end_logprob: float | None = None
    notes: tuple[str, ...] = ()
    message_id: str = ""

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """From a state entry, which holds neither text nor log-probabilities."""
        failure = Failure(**data["failure"]) if data["failure"] else None
        return cls(**{**data, "failure": failure, "usage": Usage(**data["usage"]), "notes": tuple(data["notes"])})

    @property
    def ok(self) -> bool:
        """True when there is a usable answer."""
        return self.failure is None


@dataclass(frozen=True, slots=True)
class Evidence:
    """One reason behind a verdict. `value` in [0, 1]; `decisive` evidence alone settles it."""

    name: str
    value: float
    detail: str = ""
    decisive: bool = False


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
    """What a try was worth (score, source, weight) and what it cost. The unit of learning."""

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
