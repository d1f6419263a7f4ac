"""The GenAI metrics of OpenTelemetry for one call, and what it cost. Knows no span.

By the semantic conventions for generative AI (github.com/open-telemetry/semantic-conventions-genai, 2026), bucket
boundaries included; `orchestrator.cost` is our own.
"""

from collections.abc import Mapping
from typing import Any

from orchestrator_graph.gateway.otel import meter
from orchestrator_graph.types import NANO, Attempt

__all__ = ["count", "count_outside", "error_of", "named", "present", "time_taken"]

Facts = dict[str, Any]

PROVIDERS = {
    "azure": "azure.ai.openai",
    "azureopenai": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "bedrockconverse": "aws.bedrock",
    "google_genai": "gcp.gemini",
    "googlegenerativeai": "gcp.gemini",
    "google_vertexai": "gcp.vertex_ai",
    "vertexai": "gcp.vertex_ai",
    "mistralai": "mistral_ai",
    "xai": "x_ai",
}
"""The conventions' names, where they are not LangChain's."""
SECONDS = [0.01 * 2**step for step in range(14)]
"""Bucket boundaries of `gen_ai.client.operation.duration`: 0.01 to 81.92 s."""
TOKENS = [4**step for step in range(14)]
"""Bucket boundaries of `gen_ai.client.token.usage`: 1 to 67,108,864."""


def count(counts: Any, about: Facts, attempt: Attempt) -> None:
    """Records time, tokens where the provider counted them, and cost.

    Args:
        counts: The app's meter; `None` = nothing is recorded.
        about: Operation, provider, model and server.
        attempt: How it went.
    """
    if counts is None:
        return
    labels, usage = about | present({"gen_ai.response.model": attempt.answered_by or None}), attempt.usage
    time_taken(counts, labels | present({"error.type": error_of(attempt)}), attempt.latency_s)
    if usage.measured:
        name, says = "gen_ai.client.token.usage", "Number of input and output tokens used."
        told = counts.create_histogram(name, "{token}", says, explicit_bucket_boundaries_advisory=TOKENS)
        for kind, number in (("input", usage.input_tokens), ("output", usage.output_tokens)):
            if number:
                told.record(number, {**labels, "gen_ai.token.type": kind})
    own = {"orchestrator.purpose": attempt.purpose, "orchestrator.billed": attempt.billed}
    cost = counts.create_counter("orchestrator.cost", "{USD}", "What calls to models cost, billed or not.")
    cost.add(attempt.cost_nusd / NANO, about | own)


def count_outside(attempt: Attempt) -> None:
    """The metrics of a call that did not go through the gateway: an embedder, a decision model."""
    counts = meter()
    if counts is not None:
        kind, _, name = attempt.model.partition(":")
        operation = "embeddings" if attempt.purpose == "embed" else "chat"
        count(counts, named(kind, name or kind, operation), attempt)


def time_taken(counts: Any, labels: Facts, seconds: float) -> None:
    """Records how long an operation took, where there is a meter."""
    if counts is not None:
        name, says = "gen_ai.client.operation.duration", "GenAI operation duration."
        told = counts.create_histogram(name, "s", says, explicit_bucket_boundaries_advisory=SECONDS)
        told.record(seconds, labels)


def named(provider: str, model: str, operation: str = "chat") -> Facts:
    """Operation, provider and model.

    >>> named("AzureChatOpenAI", "gpt-5")["gen_ai.provider.name"], named("ollama", "qwen3:4b")["gen_ai.provider.name"]
    ('azure.ai.openai', 'ollama')
    """
    word = provider.lower().replace("chat", "").replace("embeddings", "") or "other"
    return {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": PROVIDERS.get(word, word),
        "gen_ai.request.model": model,
    }


def error_of(attempt: Attempt) -> str | None:
    """The kind of failure; an answer that we gave up ourselves is none."""
    return attempt.failure.kind if attempt.failure and attempt.failure.kind != "early_exit" else None


def present(facts: Mapping[str, Any]) -> Facts:
    """What is known: attributes have no empty values.

    >>> present({"a": 1, "b": None})
    {'a': 1}
    """
    return {name: value for name, value in facts.items() if value is not None}
