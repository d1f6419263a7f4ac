"""Signals that were already paid for: log-probabilities of the answer, agreement between answers."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from orchestrator_graph.confidence.normalise import normalise
from orchestrator_graph.types import Attempt, Evidence, TokenLogprob

__all__ = ["agreement", "logprob_evidence", "signals_of", "summarise"]

SHORT_ANSWER_TOKENS = 32
"""Up to here the probability of the whole sequence is used, not the mean: docs/decisions/0005 says why."""
TEMPLATE = re.compile(
    r"\s*(?:<\|[^|>]*\|>|<\uff5c[^\uff5c>]*\uff5c>|</?s>|<(?:eos|bos|pad|unk|start_of_turn|end_of_turn)>|\[/?INST\]"
    r"|<</?SYS>>|`{3,}[\w+-]*|[\s.,:;!?*#\"'`]*)\s*"
)
"""Whole tokens that chat templates, layout and fences put there: surely expected, so that they say nothing."""
OPENS = re.compile(r"\s*(?:<\|im_start\|>|<\|start_header_id\|>|<start_of_turn>|`{3,}(?!\s))")
"""A role or the name of a programming language follows these."""
BOILERPLATE = re.compile(r"\banswer\b(?: is|:)[\s*$(]*|####\s*|\\boxed\{", re.IGNORECASE)
LAST = re.compile(r"[\n}]|[.!?](?=\s|$)")
LOW = 0.1
"""The quantile of a long answer's token probabilities that tells of its weak places, apart from the weakest."""


def signals_of(attempt: Attempt) -> dict[str, float]:
    """What an answer tells of itself, each in [0, 1]; empty where the backend gave no log-probabilities.

    Template and stop tokens, fences and white space are left out; the end token counts in `probability` only.

    Returns:
        `probability` (of all tokens and the end), `mean` (geometric, per token), `least` (of the weakest token),
        `p10` (the quantile .1 of the tokens), `answer` (of the tokens after "the answer is", else of all) and, where
        runners-up are known, `margin`: the smallest share of an answer token in what it and its runner-up have (.5 =
        a tie).

    >>> signals_of(Attempt("1", "m", "execute", "8", logprobs=(TokenLogprob("8", -0.1, -2.5),)))["margin"]
    0.9168
    """
    kept = _telling(attempt.logprobs)
    values = [token.logprob for _, token in kept]
    if not values:
        return {}
    end = attempt.end_logprob if attempt.end_logprob is not None and math.isfinite(attempt.end_logprob) else 0.0
    first, last = _answer_places(attempt.logprobs)
    own = [token for place, token in kept if first <= place < last] or [token for _, token in kept]
    found = {
        "probability": math.exp(min(0.0, sum(values) + end)),
        "mean": math.exp(min(0.0, sum(values) / len(values))),
        "least": math.exp(min(0.0, *values)),
        "p10": math.exp(min(0.0, _quantile(values, LOW))),
        "answer": math.exp(min(0.0, sum(token.logprob for token in own))),
    }
    gaps = [token.logprob - token.runner_up for token in own if token.runner_up is not None]
    if real := [gap for gap in gaps if math.isfinite(gap)]:
        found["margin"] = 1 / (1 + math.exp(-max(-500.0, min(real))))
    return {name: float(f"{value:.4g}") for name, value in found.items()}  # small ones differ, too


def _telling(tokens: Sequence[TokenLogprob]) -> list[tuple[int, TokenLogprob]]:
    """The tokens that carry meaning, with their places."""
    found, before = [], ""
    for place, token in enumerate(tokens):
        if TEMPLATE.fullmatch(token.token) is None and OPENS.fullmatch(before) is None:
            found.append((place, token))
        before = token.token
    return [(place, token) for place, token in found if math.isfinite(token.logprob)]


def _answer_places(tokens: Sequence[TokenLogprob]) -> tuple[int, int]:
    """From which token to which the answer itself goes: after the last "the answer is", to the end of the sentence."""
    text = "".join(token.token for token in tokens)
    marks = list(BOILERPLATE.finditer(text))
    if not marks:
        return 0, len(tokens)
    begin = marks[-1].end()
    stop = LAST.search(text, begin)
    end = stop.start() if stop is not None else len(text)
    inside, at = [], 0
    for place, token in enumerate(tokens):
        if at < end and at + len(token.token) > begin:
            inside.append(place)
        at += len(token.token)
    return (inside[0], inside[-1] + 1) if inside else (0, len(tokens))


def _quantile(values: Sequence[float], share: float) -> float:
    """By linear interpolation."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def summarise(attempt: Attempt) -> dict[str, Any] | None:
    """Sum, mean and minimum natural-log probability and the token count, or None where there are none."""
    told = [token for token in attempt.logprobs if math.isfinite(token.logprob)]
    values = [token.logprob for token in told if token.token.strip() or len(told) == 1]
    if not values:
        return None
    end = attempt.end_logprob if attempt.end_logprob is not None and math.isfinite(attempt.end_logprob) else 0.0
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
