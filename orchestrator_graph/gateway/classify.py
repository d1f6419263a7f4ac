"""One `classify_error` for all clients: what was raised -> a `Failure`, without secrets.

By type, status and error code; the text of a message is looked at in one place only, where there is nothing else.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from orchestrator_graph.types import Failure, FailureKind

__all__ = ["classify_error", "is_bubble", "is_free", "scrub"]

LONGEST = 300
SECRETS = (
    re.compile(r"\b(?:sk|pk|gsk|xai|AIza|hf|ls)[-_][\w-]{6,}"),
    re.compile(r"(?i)\bbearer\s+\S+"),
    re.compile(r"(?i)(api[-_]?key[\"']?\s*[:=]\s*[\"']?)[^\s\"',}]+"),
)
USER_INFO = re.compile(r"://[^/\s@]+@")

BY_STATUS: dict[int, FailureKind] = {
    401: "auth",
    403: "auth",
    404: "not_found",
    408: "overloaded",
    409: "overloaded",
    413: "context_overflow",
    425: "overloaded",
    429: "rate_limited",
}
BY_CODE: dict[str, FailureKind] = {
    "context_length_exceeded": "context_overflow",
    "content_filter": "content_filtered",
    "content_policy_violation": "content_filtered",
    "insufficient_quota": "auth",  # nothing will change by asking again
    "model_not_found": "not_found",
    "rate_limit_exceeded": "rate_limited",
    "server_error": "overloaded",
}
# Names of classes, so that no SDK has to be imported to recognise its errors. More special ones first.
BY_CLASS: dict[str, FailureKind] = {
    "InnerCancelled": "cancelled",
    "GatewayClosed": "cancelled",
    "RegistryError": "not_found",
    "CancelledError": "cancelled",
    "ContextOverflowError": "context_overflow",
    "ContextOverflow": "context_overflow",  # the pocket models
    "LengthFinishReasonError": "length",
    "ContentFilterFinishReasonError": "content_filtered",
    "OpenAIRefusalError": "refusal",
    "ModelAuthenticationError": "auth",
    "ModelPermissionDeniedError": "auth",
    "ModelNotFoundError": "not_found",
    "ModelRateLimitError": "rate_limited",
    "ModelInvalidRequestError": "invalid_request",
    "ModelTimeoutError": "timeout",
    "TimeoutException": "timeout",
    "APITimeoutError": "timeout",
    "TimeoutError": "timeout",
    "RemoteProtocolError": "truncated_stream",
    "ConnectError": "connection",
    "NetworkError": "connection",
    "ModelConnectionError": "connection",
    "APIConnectionError": "connection",
    "ModelAPIError": "overloaded",
    "ConnectionError": "connection",
    "NothingSaid": "empty",
    "IndexError": "empty",  # LangChain takes generations[0] of an answer without choices
}
NEVER_SENT = frozenset({"ConnectError", "ConnectTimeout", "ConnectionRefusedError", "GatewayClosed", "RegistryError"})
FREE: frozenset[FailureKind] = frozenset(
    {"auth", "not_found", "rate_limited", "invalid_request", "context_overflow", "privacy", "budget"}
)
BELOW: frozenset[FailureKind] = frozenset({"timeout", "truncated_stream"})


def classify_error(error: BaseException, *, secrets: Iterable[str] = ()) -> Failure:
    """The failure that an exception of any client stands for.

    >>> classify_error(ConnectionRefusedError("refused")).kind, classify_error(ValueError("no JSON")).kind
    ('connection', 'bad_response')
    """
    status = _status(error)
    kind = _by_code(error) or _by_type(error) or _by_status(status) or "bad_response"
    message = scrub(f"{type(error).__name__}: {error}", secrets)
    return Failure(kind, message, status, _retry_after(error))


def scrub(text: str, secrets: Iterable[str] = ()) -> str:
    """Text without keys, bearer tokens and user info of URLs, cut to 300 characters.

    >>> scrub("Incorrect API key provided: sk-abcdef123456 at http://me:pw@host/v1", ["pw"])
    'Incorrect API key provided: *** at http://***@host/v1'
    """
    text = USER_INFO.sub("://***@", text)
    for secret in secrets:
        if len(secret) >= 4:
            text = text.replace(secret, "***")
    for pattern in SECRETS:
        text = pattern.sub(lambda found: (found.group(1) if found.lastindex else "") + "***", text)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def is_free(error: BaseException, failure: Failure) -> bool:
    """Whether a failed request surely cost nothing: it never arrived, or was turned away at the door."""
    if failure.kind in FREE or 300 <= (failure.status or 0) < 400:
        return True
    # Ollama's client raises a bare ConnectionError when it cannot connect.
    return any(type(cause).__name__ in NEVER_SENT or type(cause) is ConnectionError for cause in _chain(error))


def is_bubble(error: BaseException) -> bool:
    """Whether an exception is LangGraph's own (an interrupt or a command), which must pass through."""
    return any(cls.__name__ == "GraphBubbleUp" for cls in type(error).__mro__)


def _chain(error: BaseException) -> Iterable[BaseException]:
    seen: BaseException | None = error
    for _ in range(5):
        if seen is None:
            return
        yield seen
        seen = seen.__cause__


def _by_type(error: BaseException) -> FailureKind | None:
    """The kind by class; a wrapped transport error tells more than "connection error"."""
    own = _by_class(error)
    if own not in ("connection", None):
        return own
    inner = (_by_class(cause) for cause in _chain(error))
    return next((kind for kind in inner if kind in BELOW), own)


def _by_class(error: BaseException) -> FailureKind | None:
    names = [cls.__name__ for cls in type(error).__mro__]
    return next((kind for name, kind in BY_CLASS.items() if name in names), None)


def _by_code(error: BaseException) -> FailureKind | None:
    body = getattr(error, "body", None) or next(iter(error.args), None)  # LangChain raises ValueError({...})
    codes = [getattr(error, "code", None)]
    if isinstance(body, Mapping):
        inner = body.get("error")
        codes += [body.get("code"), body.get("type")]
        codes += [inner.get("code"), inner.get("type")] if isinstance(inner, Mapping) else []
    for code in codes:
        if isinstance(code, str) and code in BY_CODE:
            return BY_CODE[code]
    # Ollama has neither a code nor a type of its own for a prompt that is too long (asked for by `truncate: false`).
    too_long = getattr(error, "status_code", None) == 400 and "exceeds the context length" in str(error)
    return "context_overflow" if too_long else None


def _by_status(status: int | None) -> FailureKind | None:
    if status is None:
        return None
    if status in BY_STATUS:
        return BY_STATUS[status]
    return "overloaded" if status >= 500 else "invalid_request" if status >= 400 else None


def _status(error: BaseException) -> int | None:
    body = getattr(error, "body", None)
    inner = body.get("code") if isinstance(body, Mapping) else None
    for value in (getattr(error, "status_code", None), inner):
        if isinstance(value, int) and value >= 100:
            return value
    return None


def _retry_after(error: BaseException) -> float | None:
    headers = getattr(getattr(error, "response", None), "headers", None)
    value: Any = headers.get("retry-after") if headers is not None else None
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        return None
    return seconds if 0 <= seconds < 1e6 else None
