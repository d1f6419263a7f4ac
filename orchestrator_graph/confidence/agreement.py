"""What it says for an answer that several voices give it: Bayes, with voices that err alike counting for less."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from orchestrator_graph.confidence.collisions import Collisions, family

__all__ = ["ONE_RIGHT", "Collisions", "Voice", "comparable", "family", "posterior"]

ONE_RIGHT = frozenset({"number", "choice", "yes_no", "word", "set"})
"""Forms in which a question has one right answer, so that who says something else speaks against it."""
LEAST = 1e-9

Rate = Callable[[str, str], float]


@dataclass(frozen=True, slots=True, order=True)
class Voice:
    """One answer.

    Attributes:
        model: Who gave it.
        key: The normalised answer or its fingerprint; `""` = cannot be compared and is not heard.
        probability: That it is right, from its own evidence alone.
    """

    model: str
    key: str
    probability: float


def comparable(voices: Sequence[Voice], key: str, expects: str) -> tuple[Voice, ...]:
    """The voices that bear on the answer `key`: all where only one answer can be right, else those that share it.

    Two programs or two sentences may differ and both be right: there, only agreement says something.

    >>> comparable([Voice("a", "x", 0.5), Voice("b", "y", 0.5)], "x", "code")
    (Voice(model='a', key='x', probability=0.5),)
    """
    return tuple(v for v in voices if v.key and (v.key == key or expects in ONE_RIGHT))


def posterior(voices: Sequence[Voice], rate: Rate) -> dict[str, float]:
    """The probability of each answer to be the right one; what is missing to 1 is that none of them is.

    Exactly one of these is true: an answer is right and all the others are wrong, or all are wrong. Given what is
    true, voices err independently, except that wrong ones coincide: a group of k wrong voices with the same answer
    has probability prod c over the k - 1 strongest links that join them (the tree of Chow and Liu, 1968), and two
    wrong groups differ with probability 1 - c of their strongest link. Two voices: agreeing
    p1 p2 / (p1 p2 + c (1-p1)(1-p2)), differing p1 (1-p2) / (p1 (1-p2) + p2 (1-p1) + (1-p1)(1-p2)(1-c)).

    The order of voices does not matter. A voice is never dropped; the higher its `rate` with the others, the less it
    adds, and nothing at c = p / (1-p). Where rates depend on families only, a further agreeing voice of p >= 1/2 never
    lowers an answer's probability.

    Args:
        voices: Who says what, probabilities in [0, 1]; may be empty.
        rate: P(same answer | both wrong) of two models, in [0, 1], symmetric.

    Raises:
        ValueError: A probability or rate that is not in [0, 1].

    >>> round(posterior([Voice("a", "4", 0.7), Voice("b", "4", 0.7)], lambda a, b: 0.2)["4"], 3)
    0.965
    """
    groups: dict[str, list[Voice]] = {}
    for voice in sorted(v for v in voices if v.key):
        groups.setdefault(voice.key, []).append(voice)
    keys = list(groups)
    shared = {key: _coincide(group, rate) for key, group in groups.items()}
    apart = {
        (a, b): math.log(1 - max(_checked(rate(v.model, w.model), "rate") for v in groups[a] for w in groups[b]))
        for place, a in enumerate(keys)
        for b in keys[place + 1 :]
    }
    evidence = [_likelihood(right, groups, shared, apart) for right in [*keys, None]]
    highest = max(evidence)
    weights = [math.exp(value - highest) for value in evidence]
    total = math.fsum(weights)
    return {key: weight / total for key, weight in zip(keys, weights, strict=False)}


def _likelihood(
    right: str | None,
    groups: Mapping[str, Sequence[Voice]],
    shared: Mapping[str, float],
    apart: Mapping[tuple[str, str], float],
) -> float:
    """Natural logarithm of the probability of what was heard, given which answer is right (`None` = none)."""
    found = [
        math.log(chance if key == right else 1 - chance)
        for key, group in groups.items()
        for chance in (_checked(voice.probability, "probability") for voice in group)
    ]
    found += [value for key, value in shared.items() if key != right]
    found += [value for pair, value in apart.items() if right not in pair]
    return math.fsum(found)


def _coincide(group: Sequence[Voice], rate: Rate) -> float:
    """Log-probability that wrong voices all say the same: the strongest links that join them, by Prim's algorithm."""
    best = [_checked(rate(group[0].model, voice.model), "rate") for voice in group]
    left, total = set(range(1, len(group))), 0.0
    while left:
        nearest = max(left, key=lambda place: best[place])
        left.remove(nearest)
        total += math.log(best[nearest])
        for place in left:
            best[place] = max(best[place], _checked(rate(group[nearest].model, group[place].model), "rate"))
    return total


def _checked(value: float, what: str) -> float:
    if not 0 <= value <= 1:  # NaN, too
        raise ValueError(f"{what} {value} is not in [0, 1]")
    return min(1 - LEAST, max(LEAST, value))
