"""Whether a noisy judge is worth its price before an answer is accepted or escalated: its value of information. Pure.

Howard 1966 (Information Value Theory), for a binary signal: what the better of two actions is worth once it was heard,
on average, less what it is worth now. Points of quality, as everywhere.
"""

from typing import NamedTuple

__all__ = ["PRIOR", "Accuracy", "believed_accuracy", "value_of_asking", "worth_asking"]

PRIOR_PAIRS = 10


class Accuracy(NamedTuple):
    """How often a judge calls right answers right, and wrong ones wrong."""

    sensitivity: float
    specificity: float


PRIOR = Accuracy(0.75, 0.75)
"""What an unmeasured judge is taken for: between the 66 % (with ties) and 85 % of agreement with people that Zheng et
al. (2023) found for GPT-4; a small model is worse, which its measured rates will say."""


def believed_accuracy(sensitivity: float, specificity: float, n: int) -> Accuracy:
    """Measured rates, drawn to the prior with the weight of ten measurements.

    >>> believed_accuracy(1.0, 1.0, 0), believed_accuracy(0.95, 0.55, 30).sensitivity
    (Accuracy(sensitivity=0.75, specificity=0.75), 0.9)
    """
    share = n / (n + PRIOR_PAIRS)
    seen = Accuracy(sensitivity, specificity)
    return Accuracy(*(round(share * own + (1 - share) * prior, 6) for own, prior in zip(seen, PRIOR, strict=True)))


def value_of_asking(confidence: float, threshold: float, accuracy: Accuracy = PRIOR) -> float:
    """Points of quality that hearing the judge is worth, price aside; never below 0.

    A threshold says what escalating is worth: as much as an answer that is right with that probability. An accepted
    answer is then worth `confidence - threshold` more than escalating.

    Args:
        confidence: Probability that the answer is right, by all that is known.
        threshold: From which confidence on it is accepted.
        accuracy: The judge's.

    >>> round(value_of_asking(0.75, 0.8, Accuracy(1.0, 1.0)), 3), value_of_asking(0.75, 0.8, Accuracy(0.5, 0.5))
    (0.15, 0.0)
    """
    gain, loss = confidence * (1 - threshold), (1 - confidence) * threshold
    heard_yes = max(0.0, gain * accuracy.sensitivity - loss * (1 - accuracy.specificity))
    heard_no = max(0.0, gain * (1 - accuracy.sensitivity) - loss * accuracy.specificity)
    return max(0.0, heard_yes + heard_no - max(0.0, gain - loss))


def worth_asking(confidence: float, threshold: float, accuracy: Accuracy, price_points: float) -> bool:
    """Whether the judge's word is worth more than it costs, money and time in points of quality.

    >>> worth_asking(0.75, 0.8, PRIOR, 0.01), worth_asking(0.75, 0.8, PRIOR, 0.1), worth_asking(0.99, 0.8, PRIOR, 0.0)
    (True, False, False)
    """
    return value_of_asking(confidence, threshold, accuracy) > price_points
