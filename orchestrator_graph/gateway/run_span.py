"""The span of one run, held by its lease: calls are its children while it is open. Knows nothing of what a run decides.

A run that waits for a person, is cancelled or abandoned ends its span; when it goes on, it begins another one. All of
them carry the run's id.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from orchestrator_graph.gateway.classify import is_bubble
from orchestrator_graph.gateway.otel import tracer

if TYPE_CHECKING:
    from orchestrator_graph.gateway.budget import Lease

__all__ = ["AGENT", "begin_run", "end_run", "paused"]

AGENT = "orchestrator"


def begin_run(lease: "Lease", started_at: float, *, private: bool) -> "Lease":
    """The lease, with an open span where the app traces.

    Args:
        lease: The run's.
        started_at: When the run began, in seconds since 1970; only its first span here begins then.
        private: Whether its words must stay here; they do anyway.
    """
    found = tracer() if lease.span is None else None
    if found is not None:
        from opentelemetry.trace import SpanKind

        known = {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.provider.name": "orchestrator_graph",
            "gen_ai.agent.name": AGENT,
            "orchestrator.run_id": lease.task_id,
            "orchestrator.private": private,
        }
        begun = None if lease.traced else round(started_at * 1e9)
        lease.span = found.start_span(f"invoke_agent {AGENT}", None, SpanKind.INTERNAL, known, start_time=begun)
        lease.traced = True
    return lease


def end_run(lease: "Lease | None", status: str, error: str = "") -> None:
    """Ends the run's open span, if there is one.

    Args:
        lease: The run's.
        status: How it ended: `accepted`, `unsure`, `failed`, `interrupted`, `cancelled`, `abandoned` or `released`.
        error: A short name of what went wrong, never a message; empty = nothing did.
    """
    if lease is None or lease.span is None:
        return
    span, lease.span = lease.span, None
    span.set_attribute("orchestrator.status", status)
    if error:
        from opentelemetry.trace import StatusCode

        span.set_attribute("error.type", error)
        span.set_status(StatusCode.ERROR)
    span.end()


@contextmanager
def paused(lease: "Lease | None") -> Iterator[None]:
    """Ends the span where LangGraph interrupts the run inside: whoever resumes it may be another process."""
    try:
        yield
    except Exception as error:
        if is_bubble(error):
            end_run(lease, "interrupted")
        raise
