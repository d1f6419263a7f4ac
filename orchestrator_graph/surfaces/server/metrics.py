"""Counters for Prometheus: requests, times, tokens, money, fail-overs. No text, no keys, a bounded set of labels."""

from collections.abc import Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

__all__ = ["GRAPH", "NOBODY", "Metrics"]

NOBODY = "none"
"""The label of requests that no model was asked for."""
GRAPH = "graph"
"""The label of tasks that went through the graph: several models may have had a part."""
SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)


class Metrics:
    """One server's counters, in a registry of its own. The label `model` is an id of the pool, `graph` or `none`."""

    CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self.in_flight = Gauge("orchestrator_in_flight", "Requests under way.", registry=registry)
        self._requests = Counter(
            "orchestrator_requests", "Requests; status 499: the caller hung up.", ["model", "status"], registry=registry
        )
        self._seconds = Histogram(
            "orchestrator_request_seconds", "Until the end.", ["model"], buckets=SECONDS, registry=registry
        )
        self._first = Histogram(
            "orchestrator_first_token_seconds",
            "Until a stream's first chunk.",
            ["model"],
            buckets=SECONDS,
            registry=registry,
        )
        self._tokens = Counter("orchestrator_tokens", "Tokens.", ["model", "direction"], registry=registry)
        self._cost = Counter("orchestrator_cost_usd", "US dollars.", ["model"], registry=registry)
        self._failed = Counter(
            "orchestrator_failovers", "Calls of a model that failed and were made good by another.", ["model"],
            registry=registry,
        )  # fmt: skip
        self._escalated = Counter(
            "orchestrator_escalations", "Steps of a tool loop that went to another model than the step before.",
            ["model"], registry=registry,
        )  # fmt: skip

    def ended(self, model: str, status: int, seconds: float) -> None:
        """A request came to its end."""
        self._requests.labels(model, str(status)).inc()
        self._seconds.labels(model).observe(seconds)

    def began(self, model: str, seconds: float) -> None:
        """A stream's first chunk is on its way."""
        self._first.labels(model).observe(seconds)

    def answered(self, record: Mapping[str, Any], before: str) -> None:
        """An answer's bill, line by line.

        Args:
            record: Ours of the answer.
            before: The candidate of the step before, in a tool loop.
        """
        for line in (record.get("bill") or {}).get("lines", ()):
            model = line["model"]
            self._tokens.labels(model, "input").inc(line["input_tokens"])
            self._tokens.labels(model, "output").inc(line["output_tokens"])
            self._cost.labels(model).inc(line["cost_nusd"] / 1e9)
            self._failed.labels(model).inc(line["failed"])
        if before and before != record.get("candidate"):
            self._escalated.labels(str(record.get("model", NOBODY))).inc()

    def text(self) -> bytes:
        """All of them in Prometheus' text format."""
        return generate_latest(self._registry)
