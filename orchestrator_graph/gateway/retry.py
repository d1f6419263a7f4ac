"""What to do after a failure: the fixed table, and how long to wait before the same again."""

import secrets
from dataclasses import dataclass
from typing import Literal

from orchestrator_graph.types import Failure, FailureKind

__all__ = ["NEXT", "NextAction", "Retry", "next_action"]

NextAction = Literal["same_again", "other_candidate", "larger_context", "stop"]

NEXT: dict[FailureKind, NextAction] = {
    "rate_limited": "same_again",
    "overloaded": "same_again",
    "connection": "same_again",
    "truncated_stream": "same_again",
    "timeout": "other_candidate",
    "bad_response": "other_candidate",
    "empty": "other_candidate",
    "refusal": "other_candidate",
    "content_filtered": "other_candidate",
    "length": "other_candidate",
    "early_exit": "other_candidate",
    "not_found": "other_candidate",
    "auth": "other_candidate",
    "invalid_request": "other_candidate",
    "context_overflow": "larger_context",
    "budget": "other_candidate",  # a cheaper or local one may still fit
    "privacy": "other_candidate",  # one that stays on this machine
    "cancelled": "stop",
}


def next_action(kind: FailureKind) -> NextAction:
    """What makes sense after a failure of this kind.

    >>> next_action("context_overflow"), next_action("cancelled")
    ('larger_context', 'stop')
    """
    return NEXT[kind]


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and how patiently one model is asked again.

    Attributes:
        attempts: Requests in all.
        base_s: Upper bound of the first wait; doubled each time, with full jitter.
        longest_s: Bound of a wait that the provider did not ask for.
        patience_s: Bound of a wait that it did ask for (`Retry-After`): beyond it another candidate is quicker.
    """

    attempts: int = 3
    base_s: float = 0.25
    longest_s: float = 5.0
    patience_s: float = 20.0

    def wait_s(self, failure: Failure, tries: int, left_s: float) -> float | None:
        """Seconds to wait before the same model is asked again; `None` = do not."""
        if next_action(failure.kind) != "same_again" or tries >= self.attempts:
            return None
        bound = min(self.base_s * 2 ** (tries - 1), self.longest_s)
        wait = secrets.SystemRandom().uniform(bound / 2, bound)
        if failure.retry_after_s is not None:
            if failure.retry_after_s > self.patience_s:
                return None
            wait = failure.retry_after_s + wait / 10
        return wait if wait < left_s else None
