"""Reads what a client returned: text, why it ended, log-probabilities - and whether it is an answer at all.

Clients report many broken responses as success. Here each of them becomes a failure.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from orchestrator_graph.gateway.parameters import Flavour
from orchestrator_graph.gateway.tokens import Size, usage_of
from orchestrator_graph.registry.spec import ModelSpec
from orchestrator_graph.types import Failure, FailureKind, TokenLogprob, Usage

__all__ = ["Answer", "read_answer", "read_logprobs"]

MARKS_END = frozenset({"openai", "azure", "compatible", "ollama", "pocket"})
"""Clients that are known to say why an answer ended: without that it was cut off."""

# Why it ended, in the words of all providers -> what that means for us.
BY_FINISH: dict[str, FailureKind] = {
    "length": "length",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "content_filter": "content_filtered",
    "safety": "content_filtered",
    "refusal": "refusal",
    "load": "empty",
    "error": "bad_response",
    "failed": "bad_response",
}
OVERFLOW_MARGIN = 1
"""Ollama fills the context to the last token when it cuts a prompt silently."""
DROPPED_SHARE = 0.75
"""Where a prompt is expected not to fit, a count below this share of the expectation means that part was dropped."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One message of a model, understood.

    Attributes:
        ready_s: Seconds until the model was loaded, where the server says so (Ollama).
    """

    text: str
    finish: str
    failure: Failure | None
    usage: Usage
    answered_by: str
    logprobs: tuple[TokenLogprob, ...]
    end_logprob: float | None
    message_id: str
    first_token_s: float | None
    ready_s: float | None = None
    message: Any = None


def read_answer(message: Any, flavour: Flavour, spec: ModelSpec, size: Size, given_up: str = "") -> Answer:
    """What a LangChain message says, and the failure that it hides.

    Args:
        message: Whole, or as far as it had come when its stream was given up.
        flavour: The kind of client.
        spec: The model.
        size: Of the prompt.
        given_up: Why it was given up, if it was.
    """
    if given_up:
        return _part(message, flavour, spec, size, given_up)
    meta: Mapping[str, Any] = message.response_metadata or {}
    text = _text(message)
    finish = _finish(meta)
    reported = message.usage_metadata
    failure = _overflow(reported, flavour, spec, size) or _failure(message, text, finish, flavour)
    prefill = [part for name in ("load_duration", "prompt_eval_duration") if isinstance(part := meta.get(name), int)]
    end, ready = meta.get("end_logprob"), meta.get("load_duration")
    return Answer(
        text=text,
        finish=finish,
        failure=failure,
        usage=usage_of(reported, size, text, spec.bytes_per_token),
        answered_by=str(meta.get("model_name") or meta.get("model") or ""),
        logprobs=read_logprobs(meta.get("logprobs")),
        end_logprob=float(end) if isinstance(end, (int, float)) else None,
        message_id=message.id or "",
        first_token_s=sum(prefill) / 1e9 if prefill else None,
        ready_s=ready / 1e9 if isinstance(ready, int) else None,
        message=message,
    )


def _part(message: Any, flavour: Flavour, spec: ModelSpec, size: Size, why: str) -> Answer:
    """What a given up stream had said: the failure `early_exit`, charged for the tokens that came.

    Servers count at the end of a stream, so the tokens are counted as they came; more may have been under way. Only a
    pocket model surely computed no more than it gave.
    """
    text, logprobs = _text(message), read_logprobs(message.response_metadata.get("logprobs"))
    told = {"input_tokens": (message.usage_metadata or {}).get("input_tokens"), "output_tokens": len(logprobs)}
    usage = usage_of(told, size, text, spec.bytes_per_token)
    return Answer(
        text=text,
        finish="early_exit",
        failure=Failure("early_exit", f"given up after {len(logprobs)} tokens: {why}"),
        usage=replace(usage, measured=usage.measured and flavour == "pocket"),
        answered_by=str(message.response_metadata.get("model_name") or ""),
        logprobs=logprobs,
        end_logprob=None,
        message_id=message.id or "",
        first_token_s=None,
    )


def _finish(meta: Mapping[str, Any]) -> str:
    for name in ("finish_reason", "done_reason", "stop_reason"):
        if meta.get(name):
            return str(meta[name]).lower()
    if meta.get("status") == "completed" or meta.get("done") is True:
        return "stop"
    details = meta.get("incomplete_details")
    reason = details.get("reason") if isinstance(details, Mapping) else None
    return str(reason or meta.get("status") or "")


def _text(message: Any) -> str:
    """The answer as any state, server and database takes it: half a character, as some servers send, is no UTF-8."""
    return str(message.text).encode(errors="replace").decode()


def _failure(message: Any, text: str, finish: str, flavour: Flavour) -> Failure | None:
    if refusal := message.additional_kwargs.get("refusal"):
        return Failure("refusal", f"the model refused: {str(refusal)[:200]}")
    if finish in BY_FINISH:
        return Failure(BY_FINISH[finish], f"the answer ended with {finish!r} after {len(text)} characters")
    if getattr(message, "invalid_tool_calls", None) or not _tools_parse(message):
        return Failure("bad_response", "a tool call of the answer is not valid JSON")
    if not finish and flavour in MARKS_END:
        return Failure("truncated_stream", f"the answer stopped after {len(text)} characters without an end marker")
    if not text.strip() and not getattr(message, "tool_calls", None):
        return Failure("empty", "the model returned no text")
    return None


def _tools_parse(message: Any) -> bool:
    """Whether the tool calls of a stream are whole: LangChain mends what is cut off."""
    try:
        for part in getattr(message, "tool_call_chunks", None) or ():
            json.loads(part["args"] or "{}")
    except ValueError:
        return False
    return True


def _overflow(reported: Any, flavour: Flavour, spec: ModelSpec, size: Size) -> Failure | None:
    """Ollama, on `/v1` too, cuts a prompt that is too long and reports success; its own count gives that away."""
    if flavour not in ("ollama", "compatible") or spec.context is None or not isinstance(reported, Mapping):
        return None
    count = reported.get("input_tokens")
    if not isinstance(count, int) or count <= 0:
        return None
    if count >= spec.context - OVERFLOW_MARGIN:
        return Failure("context_overflow", f"the prompt filled the whole context of {spec.context} tokens: it was cut")
    # Whole old messages may have been dropped. Other makers' servers may count in their own way: they are doubted only
    # where the prompt may not have fitted.
    doubted = flavour == "ollama" or size.most >= spec.context
    too_few = max(size.least, DROPPED_SHARE * size.expected if size.expected >= spec.context else 0)
    if doubted and count < too_few:
        return Failure("context_overflow", f"the model read {count} tokens of a prompt of about {size.expected}")
    return None


def read_logprobs(found: Any) -> tuple[TokenLogprob, ...]:
    """Log-probabilities in the shape of OpenAI (`{"content": [...]}`) or of Ollama and the pocket models (a list).

    >>> read_logprobs({"content": [{"token": "8", "logprob": -0.1, "top_logprobs": [{"token": "9", "logprob": -2.5}]}]})
    (TokenLogprob(token='8', logprob=-0.1, runner_up=-2.5),)
    """
    items = _field(found, "content") if isinstance(found, Mapping) else found
    if not isinstance(items, Iterable) or isinstance(items, str):
        return ()
    read = (_token(item) for item in items)
    return tuple(token for token in read if token is not None)


def _token(item: Any) -> TokenLogprob | None:
    token, logprob = _field(item, "token"), _field(item, "logprob")
    if not isinstance(logprob, (int, float)):
        return None
    others = [
        float(value)
        for other in _field(item, "top_logprobs") or ()
        if _field(other, "token") != token and isinstance(value := _field(other, "logprob"), (int, float))
    ]
    return TokenLogprob(str(token), float(logprob), max(others, default=None))


def _field(item: Any, name: str) -> Any:
    return item.get(name) if isinstance(item, Mapping) else getattr(item, name, None)
