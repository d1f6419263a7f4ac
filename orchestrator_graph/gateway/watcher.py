"""Watches an answer's probability while it comes, and says when to give it up. Knows nothing of streams or money."""

import math
import string
from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator_graph.registry.spec import ModelSpec
from orchestrator_graph.types import Request, TokenLogprob

__all__ = ["Watcher", "watcher_for"]

LAYOUT = string.whitespace + ".,:;!?*#\"'`"
MARKS = "<[`"
SLOW_S = 0.002
"""Seconds per token from which a stream of Ollama may be closed."""


@dataclass(slots=True)
class Watcher:
    """The running probability of one answer: it only falls, and the whole answer's is never above it.

    So it is made of no more tokens than the whole answer's: white space and punctuation are left out, and what may be
    a template's mark or open a fence, with the token behind it.

    Attributes:
        give_up_below: Probability below which the answer is given up.
        log_probability: Natural log of that of the tokens so far.
    """

    give_up_below: float
    log_probability: float = 0.0
    marked: bool = False

    def hopeless(self, tokens: Iterable[TokenLogprob]) -> str:
        """Takes more tokens; why the answer should be given up now, or nothing.

        >>> watcher = Watcher(0.8)
        >>> watcher.hopeless([TokenLogprob("4", -0.2)]), watcher.hopeless([TokenLogprob("2", -0.3)])
        ('', 'its probability had fallen to 0.61, below 0.8')
        """
        for token in tokens:
            text = token.token.strip()
            mark, after = text.startswith(tuple(MARKS)), self.marked
            self.marked = mark
            if not mark and not after and text.strip(LAYOUT) and math.isfinite(token.logprob):
                self.log_probability += token.logprob
        probability = math.exp(min(0.0, self.log_probability))
        hopeless = probability < self.give_up_below
        return f"its probability had fallen to {probability:.2g}, below {self.give_up_below:.2g}" if hopeless else ""


def watcher_for(spec: ModelSpec, request: Request, seconds_per_token: float | None = None) -> Watcher | None:
    """The watcher of a request; `None` without a limit or log-probabilities, and where what is shown stays shown.

    `None` also for a model of Ollama that is quick, or of whose pace nothing is known: there is nothing to save, and
    closing the stream between two tokens of the same instant blocks that model in Ollama 0.24 for ever (its handler
    leaves, and a token that nobody takes holds the only slot; docs/early-exit.md).

    Args:
        spec: The model.
        request: What is asked of it.
        seconds_per_token: As measured in its calls here; `None` = what the spec says.
    """
    blind = not request.logprobs or (spec.capabilities is not None and "logprobs" not in spec.capabilities)
    pace = spec.seconds_per_token if seconds_per_token is None else seconds_per_token
    quick = spec.provider == "ollama" and (pace is None or pace < SLOW_S)
    limit = request.give_up_below
    return None if limit is None or blind or quick or request.stream else Watcher(limit)
