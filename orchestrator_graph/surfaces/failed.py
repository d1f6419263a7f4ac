"""What a chat model raises when nobody gave an answer: an error of LangChain's own tree, and of ours."""

from collections.abc import Sequence

from langchain_core.exceptions import ContextOverflowError, ModelError

from orchestrator_graph.errors import OrchestratorError
from orchestrator_graph.types import Attempt, Failure, FailureKind

__all__ = ["AnswerError", "TooLongError", "failed"]

PASSING: frozenset[FailureKind] = frozenset(
    {"rate_limited", "overloaded", "connection", "truncated_stream", "timeout", "bad_response", "empty"}
)
"""What may be over when the same is asked again later; a wrong key or an unknown model is not."""


class AnswerError(OrchestratorError, ModelError):
    """Every candidate that might be asked failed; the last failure is what is raised.

    Args:
        failure: The last one.
        told: Model and failure of each try, in order.

    Attributes:
        is_retryable: The same request may succeed later: one of the failures was of a kind that passes.
    """

    def __init__(self, failure: Failure, told: Sequence[tuple[str, Failure]] = ()) -> None:
        tries = "; ".join(f"{model}: {item.kind} ({item.message})" for model, item in told)
        super().__init__(f"no model gave an answer: {tries or failure.message}")
        self.failure = failure
        self.is_retryable = any(item.kind in PASSING for _, item in (*told, ("", failure)))


class TooLongError(AnswerError, ContextOverflowError):
    """The prompt fits no candidate's context."""


def failed(attempts: Sequence[Attempt], otherwise: Failure) -> AnswerError:
    """The error of an exchange in which all attempts failed."""
    told = [(attempt.model, attempt.failure) for attempt in attempts if attempt.failure is not None]
    last = told[-1][1] if told else otherwise
    return (TooLongError if last.kind == "context_overflow" else AnswerError)(last, told)
