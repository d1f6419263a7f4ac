"""The pocket models answer the same in this process (NumPy) and in Ollama (llama.cpp), and are as sure of it.

Greedy decoding. This process computes in f32; llama.cpp keeps keys and values in f16 and adds in another order, so that
a near-tie can fall the other way: rare exceptions are allowed, counted and printed. Measured for the five, 60 prompts
each: 300 of 300 texts the same; the gap of a log-probability is 2.6e-5 in the median, 7.1e-3 at the 99th percentile,
1.4e-2 at most.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from orchestrator_graph.pocket import NAMES, PocketChat, generate

if TYPE_CHECKING:
    from real_server import OllamaServer

PROMPTS_EACH = 60
MOST_TOKENS = 24
LEAST_SAME = 0.99
USUAL_GAP, LARGEST_GAP = 2e-2, 5e-2  # nats: of 99 in 100 bytes, of every byte


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, and the log-probability of each of its bytes; the end token's is left out, as Ollama does."""

    text: str
    logprobs: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """One prompt and its two answers."""

    model: str
    prompt: str
    here: Reply
    there: Reply

    @property
    def same(self) -> bool:
        return self.here.text == self.there.text

    @property
    def gaps(self) -> list[float]:
        """How far the two log-probabilities of each byte lie apart, in nats."""
        return [abs(here - there) for here, there in zip(self.here.logprobs, self.there.logprobs, strict=True)]


def in_process(name: str, prompt: str) -> Reply:
    message = PocketChat(model=name, logprobs=True, top_logprobs=0, max_tokens=MOST_TOKENS).invoke(prompt)
    content = message.response_metadata["logprobs"]["content"]
    return Reply(message.text, tuple(token["logprob"] for token in content))


def in_ollama(server: OllamaServer, name: str, prompt: str) -> Reply:
    reply = server.post(
        "/api/chat",
        model=f"pocket-{name}",
        messages=[{"role": "user", "content": prompt}],
        options={"num_predict": MOST_TOKENS},
        stream=False,
        logprobs=True,
    )
    body = reply.raise_for_status().json()
    return Reply(body["message"]["content"], tuple(token["logprob"] for token in body.get("logprobs", [])))


@pytest.fixture(scope="module")
def pairs(ollama_server: OllamaServer) -> list[Pair]:
    """60 prompts for each of the five models, of all families and all phrasings: specialists also get foreign ones."""
    prompts = {name: generate("test", PROMPTS_EACH, seed, held_out=None) for seed, name in enumerate(NAMES)}
    return [
        Pair(name, task.prompt, in_process(name, task.prompt), in_ollama(ollama_server, name, task.prompt))
        for name, tasks in prompts.items()
        for task in tasks
    ]


def test_the_same_greedy_text(pairs: list[Pair]) -> None:
    other = [pair for pair in pairs if not pair.same]
    listing = "\n".join(f"{p.model}: {p.prompt!r} -> {p.here.text!r} here, {p.there.text!r} in Ollama" for p in other)
    sys.stdout.write(f"{len(pairs) - len(other)} of {len(pairs)} answers are the same.\n{listing}\n")
    assert len(pairs) >= 200
    assert len(other) <= (1 - LEAST_SAME) * len(pairs), listing


def test_the_same_log_probabilities(pairs: list[Pair]) -> None:
    gaps = sorted(gap for pair in pairs if pair.same for gap in pair.gaps)
    usual = gaps[len(gaps) * 99 // 100]
    sys.stdout.write(
        f"{len(gaps)} bytes: median {gaps[len(gaps) // 2]:.1e}, 99 % {usual:.1e}, most {gaps[-1]:.1e} nats.\n"
    )
    assert usual <= USUAL_GAP
    assert gaps[-1] <= LARGEST_GAP
