"""One call to a model: what is asked, what came back, what it cost."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

__all__ = ["Attempt", "Failure", "FailureKind", "Request", "TokenLogprob", "Usage"]

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
    "early_exit",
    "context_overflow",
    "not_found",
    "auth",
    "invalid_request",
    "budget",
    "privacy",
    "cancelled",
]


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
        tools: Schemas in OpenAI's form that the model may call.
        tool_choice: As LangChain's `bind_tools` takes it.
        stop: Texts at which the answer ends.
        params: What the caller said of sampling (`temperature`, `top_p`, `seed` ...), in OpenAI's words.
        give_up_below: The probability of the answer so far below which it is given up (failure `early_exit`); ignored
            where tokens pass to the caller, and where the model gives no log-probabilities.
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
    give_up_below: float | None = None
    tools: tuple[Mapping[str, Any], ...] = ()
    tool_choice: Any = None
    stop: tuple[str, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call through the gateway: an answer or a failure, and what it cost either way.

    Attributes:
        model: Registry id that was asked.
        answered_by: The model's name as the provider reports it.
        cost_nusd: Charged; 0 and `billed=False` for a local model without a rate.
        cost_measured: False where tokens or price were estimated.
        tries: Requests that were sent, retries included.
        energy_measured: Joules were counted by the processor; else they are watts x seconds.
        queued_s: Part of `latency_s` spent waiting for a free slot.
        end_logprob: Log-probability of the end token, where the backend returns it.
        message: The client's own message, with its tool calls; never in state.
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
    energy_measured: bool = False
    tries: int = 1
    answered_by: str = ""
    subtask_id: str = ""
    logprobs: tuple[TokenLogprob, ...] = ()
    end_logprob: float | None = None
    notes: tuple[str, ...] = ()
    message_id: str = ""
    message: Any = field(default=None, compare=False, repr=False)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """From a state entry, which holds neither text nor log-probabilities."""
        failure = Failure(**data["failure"]) if data["failure"] else None
        return cls(**{**data, "failure": failure, "usage": Usage(**data["usage"]), "notes": tuple(data["notes"])})

    @property
    def ok(self) -> bool:
        """True when there is a usable answer."""
        return self.failure is None
