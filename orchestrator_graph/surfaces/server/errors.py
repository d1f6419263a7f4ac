"""What went wrong, as OpenAI says it: status, `{"error": {message, type, param, code}}`, and when to try again."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator_graph.errors import (
    InputError,
    MemoryStoreError,
    NoCandidateError,
    OrchestratorError,
    PolicyError,
    PrivacyError,
    RegistryError,
)
from orchestrator_graph.surfaces.exchange import NOBODY
from orchestrator_graph.surfaces.failed import AnswerError
from orchestrator_graph.types import FailureKind

__all__ = ["Problem", "RefusedError", "problem_of"]

PARAM = re.compile(r"([a-z_]+(?:\.\w+)*)(?: = |: )")
"""How our errors begin that are about a field."""

# Failure of the last model that was asked -> status, type, code.
BY_KIND: Mapping[FailureKind, tuple[int, str, str]] = {
    "budget": (429, "insufficient_quota", "insufficient_quota"),
    "privacy": (403, "permission_error", "private"),
    "invalid_request": (400, "invalid_request_error", "invalid_request"),
    "context_overflow": (400, "invalid_request_error", "context_length_exceeded"),
    "refusal": (400, "invalid_request_error", "content_filter"),
    "content_filtered": (400, "invalid_request_error", "content_filter"),
    "timeout": (504, "server_error", "timeout"),
    "rate_limited": (503, "server_error", "rate_limited"),
    "overloaded": (503, "server_error", "overloaded"),
    "cancelled": (503, "server_error", "cancelled"),
}
# The more special class comes first.
BY_CLASS: Mapping[type[OrchestratorError], tuple[int, str, str]] = {
    PrivacyError: (403, "permission_error", "private"),
    NoCandidateError: (400, "invalid_request_error", "no_candidate"),
    PolicyError: (400, "invalid_request_error", "invalid_policy"),
    InputError: (400, "invalid_request_error", "invalid_value"),
    RegistryError: (503, "server_error", "no_models"),
    MemoryStoreError: (503, "server_error", "memory"),
}


class RefusedError(Exception):
    """A request that is turned away before anything is asked.

    Args:
        status: Of HTTP.
        message: What is wrong, and the way out.
        code: In OpenAI's words where there is one.
        param: The field of the request.
        kind: OpenAI's `type`.
    """

    def __init__(
        self, status: int, message: str, *, code: str, param: str | None = None, kind: str = "invalid_request_error"
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.param, self.kind = status, code, param, kind


@dataclass(frozen=True, slots=True)
class Problem:
    """What a caller is told.

    Attributes:
        body: In OpenAI's shape.
    """

    status: int
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)


def problem_of(error: Exception) -> Problem:
    """What a caller is told of an exception; of one that is not ours nothing but that there was one.

    >>> problem_of(PolicyError("policy.explore = 2: too much")).body["error"]["param"]
    'policy.explore'
    """
    if isinstance(error, RefusedError):
        headers = {"www-authenticate": "Bearer"} if error.status == 401 else {}
        return Problem(error.status, _body(str(error), error.kind, error.param, error.code), headers)
    if isinstance(error, AnswerError):
        return _unanswered(error)
    found = next((told for kind, told in BY_CLASS.items() if isinstance(error, kind)), None)
    if found is None:
        message = str(error) if isinstance(error, OrchestratorError) else "something went wrong in the server"
        return Problem(500, _body(message, "server_error", None, "internal_error"))
    status, kind, code = BY_CLASS[PrivacyError] if _for_privacy(error) else found
    named = PARAM.match(str(error))
    return Problem(status, _body(str(error), kind, named[1] if named else None, code))


def _for_privacy(error: Exception) -> bool:
    """Whether the only model that was asked for may not have the text."""
    why = list(error.excluded.values()) if isinstance(error, NoCandidateError) else []
    left = [told for told in why if not told.startswith("pin:")]
    return bool(left) and all(told.startswith("private:") for told in left)


def _unanswered(error: AnswerError) -> Problem:
    failure = error.failure
    status, kind, code = BY_KIND.get(failure.kind, (502, "server_error", failure.kind))
    if failure is NOBODY:  # a user's dear answers of this hour are used up
        status, kind, code = 429, "rate_limit_error", "rate_limit_exceeded"
    wait = failure.retry_after_s
    headers = {} if wait is None else {"retry-after": str(math.ceil(wait))}
    return Problem(status, _body(str(error), kind, None, code), headers)


def _body(message: str, kind: str, param: str | None, code: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}
