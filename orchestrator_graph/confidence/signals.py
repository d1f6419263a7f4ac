"""Signals that were already paid for: log-probabilities of the answer, agreement between answers."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from orchestrator_graph.confidence.checks import normalise
from orchestrator_graph.types import Attempt, Evidence

__all__ = ["agreement", "logprob_evidence", "summarise"]

SHORT_ANSWER_TOKENS = 32
"""Up to here the probability of the whole sequence is used, not the mean: docs/decisions/0005 says why."""


def summarise(attempt: Attempt) -> dict[str, Any] | None:
    """Sum, mean and minimum natural-log probability and the token count, or None where there are none."""
    values = [token.logprob for token in attempt.logprobs if token.token.strip() or len(attempt.logprobs) == 1]
    if not values:
        return None
    end = attempt.end_logprob if attempt.end_logprob is not None else 0.0
    return {"sum": sum(values) + end, "mean": sum(values) / len(values), "min": min(values), "tokens": len(values)}


def logprob_evidence(summary: dict[str, Any] | None) -> Evidence | None:
    """Probability of the whole answer when it is short, of its mean token when it is long."""
    if summary is None:
        return None
    short = summary["tokens"] <= SHORT_ANSWER_TOKENS
    value = math.exp(summary["sum"] if short else summary["mean"])
    kind = "sequence" if short else "mean token"
    return Evidence("log-probability", min(1.0, value), f"{kind} probability over {summary['tokens']} tokens")


def agreement(texts: Sequence[str], expects: str) -> tuple[int, float]:
    """Index of the first text of the largest group of equal answers, and that group's share.

    >>> agreement(["4", "5", "four is 4"], "number")
    (0, 0.6666666666666666)
    """
    keys = [normalise(text, expects) for text in texts]
    winner, count = Counter(keys).most_common(1)[0]
    return keys.index(winner), count / len(keys)
