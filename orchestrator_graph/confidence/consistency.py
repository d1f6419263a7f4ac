"""Self-consistency: how far several answers to one question scatter. Equal by form, free text by its meaning."""

import math
from collections import Counter
from collections.abc import Sequence

from orchestrator_graph.confidence.normalise import normalise

__all__ = ["clusters", "entropy"]

ALIKE = 0.85
"""Cosine from which two free texts count as saying the same, where the caller sets none."""


def clusters(
    texts: Sequence[str],
    expects: str = "text",
    vectors: Sequence[Sequence[float]] | None = None,
    threshold: float = ALIKE,
) -> tuple[int, ...]:
    """A cluster number for each text, in order of first appearance: those that say the same share one.

    Equal normalised answers share one; free text also where a chain of pairs of at least `threshold` cosine joins it,
    so that the order of the texts does not matter.

    Args:
        texts: n answers to the same question.
        expects: The answers' form.
        vectors: n embeddings of any length, for `expects="text"`; without them texts are compared word for word.
        threshold: Cosine in [-1, 1].

    Raises:
        ValueError: Another number of vectors than of texts.

    >>> clusters(["4", "The answer is 4.", "5"], "number")
    (0, 0, 1)
    >>> clusters(["a cat sat", "there sat a cat", "no"], "text", [(1, 0), (0.99, 0.1), (0, 1)])
    (0, 0, 1)
    """
    keys = [normalise(text, expects) for text in texts]
    number = {key: place for place, key in reversed(list(enumerate(keys)))}
    member = [number[key] for key in keys]
    if vectors is not None and expects == "text":
        if len(vectors) != len(texts):
            raise ValueError(f"{len(vectors)} vectors for {len(texts)} texts: one for each is needed")
        unit = [_unit(vector) for vector in vectors]
        for i in range(len(unit)):
            for j in range(i):
                if member[i] != member[j] and _dot(unit[i], unit[j]) >= threshold:
                    old, new = max(member[i], member[j]), min(member[i], member[j])
                    member = [new if number == old else number for number in member]
    places = {old: new for new, old in enumerate(dict.fromkeys(member))}
    return tuple(places[old] for old in member)


def entropy(labels: Sequence[int]) -> float:
    """Shannon entropy of the clusters in [0, 1]: 0 = all answers say the same, 1 = each says something else.

    Over clusters of meaning rather than words as in Kuhn, Gal and Farquhar (ICLR 2023), divided by its maximum, the
    logarithm of the number of answers; 0 for a single one, of which nothing is known.

    >>> entropy([0, 0, 0]), entropy([0, 1]), round(entropy([0, 0, 1]), 3)
    (0.0, 1.0, 0.579)
    """
    n = len(labels)
    if n < 2:
        return 0.0
    shares = [count / n for count in Counter(labels).values()]
    return abs(min(1.0, -sum(share * math.log(share) for share in shares) / math.log(n)))


def _unit(vector: Sequence[float]) -> list[float]:
    length = math.sqrt(sum(value * value for value in vector))
    return [value / length if length else 0.0 for value in vector]


def _dot(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))
