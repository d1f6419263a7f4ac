"""How probable a word was against the others that could have stood in its place, read off token log-probabilities."""

import math
from collections.abc import Iterable

from orchestrator_graph.types import TokenLogprob

__all__ = ["ONE_SAID", "word_probability"]

ONE_SAID = 2 / 3
"""What one observation leaves of even odds (rule of succession): a word without log-probabilities."""


def word_probability(word: str, tokens: Iterable[TokenLogprob]) -> float:
    """P(word) / (P(word) + P(other)), from the first of the tokens that begins the word.

    The runner-up stands for the other words: where it is another spelling of this one, too little is believed.

    >>> round(word_probability("yes", [TokenLogprob(" Yes", math.log(0.6), math.log(0.2))]), 3)
    0.75
    >>> word_probability("yes", [])
    0.6666666666666666
    """
    first = next((token for token in tokens if _begins(word, token.token)), None)
    if first is None:
        return ONE_SAID
    likely = math.exp(first.logprob)
    other = 1 - likely if first.runner_up is None else math.exp(first.runner_up)
    return likely / (likely + other) if likely + other > 0 else ONE_SAID


def _begins(word: str, token: str) -> bool:
    bare = token.strip(' \n"').lower()
    return bool(bare) and word.startswith(bare)
