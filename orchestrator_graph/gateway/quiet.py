"""Streams of which only this process hears: no tracer and no handler from elsewhere, while they are walked.

In a context of its own: what is set in a generator would else be set for its caller, too, between two items.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, suppress
from contextvars import Context, copy_context
from typing import Any

from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import ensure_config

from orchestrator_graph.gateway.tracing import kept_here, local_handlers

__all__ = ["awalked", "local_config", "walked"]

END: Any = object()


def local_config(config: RunnableConfig | None) -> RunnableConfig:
    """The caller's config with those handlers only that keep what they hear in this process."""
    own = ensure_config(config)
    return {**own, "callbacks": local_handlers(own.get("callbacks"))}


def walked(stream: Any) -> Iterator[Any]:
    """The items of a generator that was not begun yet."""
    context, stack = _kept()
    try:
        while (item := context.run(next, stream, END)) is not END:
            yield item
    finally:
        context.run(stream.close)
        context.run(stack.close)


async def awalked(stream: Any) -> AsyncIterator[Any]:
    """`walked`, async."""
    context, stack = _kept()
    loop = asyncio.get_running_loop()

    async def step() -> Any:
        return await anext(stream, END)

    async def close() -> None:
        with suppress(RuntimeError):  # a loop that ends closes all generators at once: then this one is being closed
            await stream.aclose()

    try:
        while (item := await loop.create_task(step(), context=context)) is not END:
            yield item
    finally:
        try:
            await loop.create_task(close(), context=context)
        finally:
            context.run(stack.close)


def _kept() -> tuple[Context, ExitStack]:
    context, stack = copy_context(), ExitStack()
    context.run(stack.enter_context, kept_here(private=True))
    return context, stack
