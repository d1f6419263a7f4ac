"""Work for a caller only as long as the caller is there."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from orchestrator_graph.gateway.door import Gateway
from orchestrator_graph.gateway.watcher import SLOW_S
from orchestrator_graph.registry.portfolio import Portfolio

__all__ = ["GoneError", "must_finish", "while_there"]

T = TypeVar("T")


class GoneError(Exception):
    """The caller went away before the answer was there."""


async def while_there(
    receive: Callable[[], Awaitable[Any]], work: Coroutine[Any, Any, T], finish: Callable[[], bool]
) -> T:
    """The result of the work, which is cancelled when the caller hangs up.

    Args:
        receive: Of ASGI, after the body was read.
        work: What is done for the caller.
        finish: Whether the work has to come to its end although nobody waits for it any more.

    Raises:
        GoneError: The caller hung up; the work has ended, one way or the other.
    """
    task, gone = asyncio.ensure_future(work), asyncio.ensure_future(_gone(receive))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        if not finish():
            task.cancel()
        await asyncio.wait({task})
        raise GoneError("the caller went away") from (None if task.cancelled() else task.exception())
    finally:
        gone.cancel()
        task.cancel()
        await asyncio.wait({task, gone})


def must_finish(model: str, portfolio: Portfolio, gateway: Gateway) -> bool:
    """Whether an answer of this model is read to its end though nobody wants it.

    A quick model of Ollama: hanging up between two tokens of the same instant blocks it in Ollama 0.24 for ever
    (`gateway.watcher`), and there is next to nothing to save. Also where its pace is not known yet.
    """
    spec = portfolio.get(model)
    if spec is None or spec.provider != "ollama":
        return False
    measured = gateway.seconds_per_call(model)
    pace = spec.seconds_per_token if measured is None else measured[1]
    return pace is None or pace < SLOW_S


async def _gone(receive: Callable[[], Awaitable[Any]]) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
