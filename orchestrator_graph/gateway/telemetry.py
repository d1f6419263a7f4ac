"""What OpenTelemetry is told of a call to a model: one span and the GenAI metrics. Names, counts and times, never text.

By the semantic conventions for generative AI (github.com/open-telemetry/semantic-conventions-genai, 2026); what they
have no name for is under `orchestrator.`. Messages of errors may quote a prompt: only the kind of a failure is told.
"""

import asyncio
import time
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from orchestrator_graph.gateway.call_metrics import count, error_of, named, present, time_taken
from orchestrator_graph.gateway.classify import is_bubble
from orchestrator_graph.gateway.otel import meter, tracer
from orchestrator_graph.gateway.run_span import end_run
from orchestrator_graph.gateway.tracing import RUN
from orchestrator_graph.registry.spec import ModelSpec
from orchestrator_graph.types import NANO, Attempt, Request

if TYPE_CHECKING:
    from orchestrator_graph.gateway.budget import Lease

__all__ = ["watched"]

Facts = dict[str, Any]

PORTS = {"http": 80, "https": 443}


async def watched(call: Awaitable[Attempt], spec: ModelSpec, request: Request, lease: "Lease") -> Attempt:
    """The call's attempt; a span over all its tries and the metrics where the app has set providers.

    The span's parent is the run's span while that is open, else the caller's current one; HTTP spans become its
    children.
    """
    token = RUN.set(lease.task_id)
    try:
        spans, counts = tracer(), meter()
        if spans is None and counts is None:
            return await call
        return await _told(call, spec, request, lease, spans, counts)
    finally:
        RUN.reset(token)


async def _told(
    call: Awaitable[Attempt], spec: ModelSpec, request: Request, lease: "Lease", spans: Any, counts: Any
) -> Attempt:
    from opentelemetry.trace import NoOpTracer, SpanKind, set_span_in_context, use_span

    about, began = _about(spec), time.monotonic()
    parent = None if lease.span is None else set_span_in_context(lease.span)
    name = f"chat {about['gen_ai.request.model']}"
    known = about | _asked(spec, request, lease)
    span = (spans or NoOpTracer()).start_span(name, parent, SpanKind.CLIENT, known)
    try:
        with use_span(span, record_exception=False, set_status_on_exception=False):
            attempt = await call
        _show(span, _answered(attempt), error_of(attempt))
        count(counts, about, attempt)
    except BaseException as error:
        if not is_bubble(error):
            kind = "cancelled" if isinstance(error, asyncio.CancelledError) else type(error).__name__
            _show(span, {}, kind)
            time_taken(counts, {**about, "error.type": kind}, time.monotonic() - began)
            end_run(lease, "cancelled" if kind == "cancelled" else "failed", kind)
        raise
    finally:
        span.end()
    return attempt


def _about(spec: ModelSpec) -> Facts:
    """Who is asked: what spans and metrics share, known before the call."""
    own = spec.model
    if isinstance(own, str):
        known = named(spec.provider, spec.name)
    else:
        name = getattr(own, "model_name", None) or getattr(own, "model", None) or spec.name
        known = named(type(own).__name__, str(name))
    return known | _server(spec.base_url)


def _server(url: str | None) -> Facts:
    """Host and port, without what else a URL may hold.

    >>> _server("https://user:secret@gpu-box/v1")
    {'server.address': 'gpu-box', 'server.port': 443}
    """
    try:
        parts = urlsplit(url or "")
        port = parts.port or PORTS.get(parts.scheme, 443)
    except ValueError:  # no address: the call itself will fail, and say why
        return {}
    return {"server.address": parts.hostname, "server.port": port} if parts.hostname else {}


def _asked(spec: ModelSpec, request: Request, lease: "Lease") -> Facts:
    facts: Facts = {
        "gen_ai.request.max_tokens": request.max_tokens,
        "gen_ai.request.stream": True if request.stream else None,
        "gen_ai.output.type": "json" if request.json_schema else None,
        "orchestrator.run_id": lease.task_id,
        "orchestrator.subtask": request.subtask_id,
        "orchestrator.purpose": request.purpose,
        "orchestrator.model": spec.id,
        "orchestrator.private": request.private,
    }
    return present(facts)


def _answered(attempt: Attempt) -> Facts:
    """What is known after the call; tokens only where the provider counted them."""
    usage = attempt.usage
    measured = usage.measured and bool(usage.input_tokens or usage.output_tokens)
    facts: Facts = {
        "gen_ai.response.model": attempt.answered_by or None,
        "gen_ai.response.finish_reasons": [attempt.finish] if attempt.finish else None,
        "gen_ai.response.time_to_first_chunk": attempt.first_token_s,
        "gen_ai.usage.input_tokens": usage.input_tokens if measured else None,
        "gen_ai.usage.output_tokens": usage.output_tokens if measured else None,
        "gen_ai.usage.cache_read.input_tokens": usage.cached_tokens or None,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning_tokens or None,
        "orchestrator.call_id": attempt.id,
        "orchestrator.tries": attempt.tries,
        "orchestrator.queued_s": attempt.queued_s,
        "orchestrator.cost_usd": attempt.cost_nusd / NANO,
        "orchestrator.cost_measured": attempt.cost_measured,
        "orchestrator.billed": attempt.billed,
    }
    return present(facts)


def _show(span: Any, facts: Facts, error: str | None) -> None:
    from opentelemetry.trace import StatusCode

    span.set_attributes(facts | present({"error.type": error}))
    if error:
        span.set_status(StatusCode.ERROR)
