"""Generates bytes from a network, one at a time. Knows no messages, streams or callbacks.

A prompt is fed as `prompt + newline`, after a begin token; each further token is one byte of the answer, until the end
token. Probabilities are those of the model itself, whatever the temperature.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import numpy.typing as npt

from orchestrator_graph.pocket.network import Network

BOS, EOS, FIRST_BYTE = 1, 2, 3
END_TEXT = "</s>"
LEAST_TEMPERATURE = 1e-6  # dividing by less overflows, and nothing but the likeliest token is left long before

FinishReason = Literal["stop", "length", "cancelled"]


class ContextOverflow(ValueError):  # noqa: N818 - the public name says what happened
    """The prompt is longer than the model's context; nothing was cut, and nothing was generated."""

    def __init__(self, prompt_tokens: int, context: int) -> None:
        self.prompt_tokens, self.context = prompt_tokens, context
        super().__init__(
            f"The prompt is {prompt_tokens} tokens long (bytes, with its begin and newline) and must leave room for an "
            f"answer in a context of {context}. Shorten it, or use a model with a larger context."
        )


@dataclass(frozen=True, slots=True)
class Step:
    """One generated token, its log-probability, and the likeliest ones at its place."""

    token: int
    logprob: float
    top: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How to choose among tokens; temperature 0 takes the likeliest, whatever the seed."""

    temperature: float = 0.0
    seed: int | None = None
    max_tokens: int | None = None
    top: int = 5


def encode(prompt: str) -> list[int]:
    """Token ids of a prompt as the models were trained to read it.

    >>> encode("a")
    [1, 100, 13]
    """
    return [BOS, *(byte + FIRST_BYTE for byte in f"{prompt}\n".encode())]


def token_bytes(token: int) -> bytes:
    """The byte that a token stands for; none for the special tokens.

    >>> token_bytes(100), token_bytes(EOS)
    (b'a', b'')
    """
    byte = token - FIRST_BYTE
    return bytes([byte]) if 0 <= byte < 256 else b""


def log_softmax(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Log-probabilities in double precision, so that each is at most 0."""
    wide = logits.astype(np.float64)
    wide -= wide.max()
    shifted: npt.NDArray[np.float64] = wide - np.log(np.exp(wide).sum())
    return shifted


class Generation(Iterator[Step]):
    """The tokens of one answer, computed as they are asked for; the end token is a step too.

    `finish_reason` is set when the iteration is over: "stop" after an end token, "length" when max_tokens or the
    context is used up, "cancelled" when `should_stop` said so.
    """

    def __init__(
        self,
        network: Network,
        prompt: str,
        sampling: Sampling | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> None:
        """Takes the prompt in; nothing is computed before the first step.

        Raises:
            ContextOverflow: The prompt leaves no room for an answer.
        """
        self.prompt_tokens = encode(prompt)
        if len(self.prompt_tokens) >= network.context:
            raise ContextOverflow(len(self.prompt_tokens), network.context)
        self.finish_reason: FinishReason | None = None
        self.steps = 0
        self._network, self._cache = network, network.cache()
        self._sampling = sampling or Sampling()
        self._should_stop = should_stop or (lambda: False)
        self._pending = self.prompt_tokens
        self._random = np.random.default_rng(self._sampling.seed)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Step:
        self.finish_reason = self.finish_reason or self._ended()
        if self.finish_reason:
            raise StopIteration
        logprobs = log_softmax(self._network.advance(self._cache, self._pending))
        token = self._choose(logprobs)
        self._pending = [token]
        self.steps += 1
        if token == EOS:
            self.finish_reason = "stop"
        best = np.argsort(-logprobs, kind="stable")[: self._sampling.top]
        return Step(token, float(logprobs[token]), tuple((int(i), float(logprobs[i])) for i in best))

    def _ended(self) -> FinishReason | None:
        if self._should_stop():
            return "cancelled"
        limit = self._sampling.max_tokens
        full = self._cache.length + len(self._pending) > self._network.context
        return "length" if full or (limit is not None and self.steps >= limit) else None

    def _choose(self, logprobs: npt.NDArray[np.float64]) -> int:
        if self._sampling.temperature <= 0:
            return int(logprobs.argmax())
        scaled = np.exp((logprobs - logprobs.max()) / max(self._sampling.temperature, LEAST_TEMPERATURE))
        return int(self._random.choice(len(scaled), p=scaled / scaled.sum()))


def complete(network: Network, prompt: str, sampling: Sampling | None = None) -> str:
    """The whole answer at once; bytes that are no UTF-8 become U+FFFD."""
    return b"".join(token_bytes(step.token) for step in Generation(network, prompt, sampling)).decode(errors="replace")
