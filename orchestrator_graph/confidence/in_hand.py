"""How sure each of several answers in hand is, once all of them were heard."""

from collections.abc import Callable, Sequence

from orchestrator_graph.confidence.agreement import Voice, comparable, posterior

__all__ = ["in_hand"]


def in_hand(voices: Sequence[Voice], expects: str, rate: Callable[[str, str], float]) -> tuple[float, ...]:
    """The probability that each voice's answer is right, given what all the others say; in their order.

    Where a question has one right answer, agreement and disagreement count; else only agreement does. An answer that
    cannot be compared (key "") is as sure as its own evidence makes it.

    Args:
        voices: Who says what, with the probability by each one's own evidence.
        expects: Form of the answers.
        rate: P(same answer | both wrong) of two models.

    >>> said = [Voice("a", "4", 0.6), Voice("b", "4", 0.7), Voice("c", "5", 0.8)]
    >>> [round(p, 2) for p in in_hand(said, "number", lambda a, b: 0.1)]
    [0.88, 0.88, 0.1]
    """
    if len(voices) == 1:
        return (voices[0].probability,)
    sure: dict[str, float] = {}
    for key in {voice.key for voice in voices if voice.key}:
        sure[key] = posterior(comparable(voices, key, expects), rate)[key]
    return tuple(sure.get(voice.key, voice.probability) for voice in voices)
