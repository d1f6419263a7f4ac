"""When an answer under way may be given up: once its probability cannot lead to acceptance any more.

The probability of the tokens so far only falls as tokens come, and the whole answer's is no greater. An answer that
would not be accepted even if all else turned out at its best is not worth the rest of its tokens where another would be
asked next: to stop there accepts nothing else, and needs no labels beyond those of the calibration. Knows nothing of
streams; the gateway does the watching.
"""

from collections.abc import Callable, Mapping

__all__ = ["give_up_below"]

STEPS = 24
BELOW = (0.0, 0.01, 0.1, 0.5, 0.9)
"""Where, as shares of what was found, it is looked whether an answer might be accepted after all."""
ROUNDED, HALF_DIGIT = 1e-3, 5e-5
"""Signals and confidences are kept to four digits: an answer that rounding would lift to the threshold is heard out."""


def give_up_below(
    threshold: float, confidence: Callable[[Mapping[str, float]], float], longest: int | None = None
) -> float | None:
    """The raw probability below which an answer under way cannot be accepted any more; `None` = hear it out.

    Found by bisection. What the answer's mean token may still become lies between its whole probability p and
    p^(1 / longest); the better of the two counts. `None` too where nothing that the model says would be accepted: then
    its answer is wanted for another reason, and giving it up at its first token would be a waste.

    Args:
        threshold: Confidence from which an answer is accepted.
        confidence: Confidence of an answer with these signals (`probability`, `mean`), all else that may yet speak for
            it at its best; one that falls as they grow is never given up.
        longest: Tokens that the answer has at most; `None` = any number.

    >>> round(give_up_below(0.8, lambda signals: signals["probability"] ** 0.5), 2)
    0.64
    >>> give_up_below(0.8, lambda signals: 0.5 + signals["mean"] / 4) is None
    True
    """

    def best(probability: float) -> float:
        mean = 1.0 if longest is None else probability ** (1 / longest)
        return max(confidence({"probability": probability, "mean": value}) for value in (probability, mean))

    threshold -= HALF_DIGIT
    if not best(0.0) < threshold <= best(1.0):
        return None
    low, high = 0.0, 1.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if best(middle) < threshold else (low, middle)
    falls = any(best(low * share) >= threshold for share in BELOW)
    return None if falls else low * (1 - ROUNDED) or None
