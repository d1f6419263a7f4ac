"""Runs work for at most so many seconds, whatever it does: the promise that a deadline is kept in total.

Sync work runs in a thread of its own and is left behind when it is late; async work is cancelled, and left behind when
it does not obey. `on_end` is called when the work has really ended, so what it holds is given back then and not before.
"""

import asyncio
import contextvars
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from orchestrator_graph.drive import ASYNC, SYNC, Effects, drive

__all__ = ["InnerCancelled", "bounded", "within"]

T = TypeVar("T")
Work = Callable[[Effects], Coroutine[Any, Any, T]]

GRACE_S = 0.5
"""How long cancelled work may take to clean up before it is left behind."""


class InnerCancelled(Exception):  # noqa: N818
    """The work cancelled itself; nobody asked for it."""


async def bounded(fx: Effects, seconds: float, work: Work[T], on_end: Callable[[], None], *, threaded: bool) -> T:
    """The result of the work, whose exceptions pass through.

    Args:
        fx: Effects of the caller.
        seconds: Wall-clock bound.
        work: Given the effects that it must use.
        on_end: Called exactly once, from any thread, when the work has ended.
        threaded: The work blocks even when the caller is async: give it a thread.

    Raises:
        TimeoutError: It took longer; it may go on in the background.
    """

    async def in_thread() -> T:
        return await asyncio.wait_for(asyncio.wrap_future(_start(work, on_end)), seconds)

    try:
        return await fx.run(
            lambda: _start(work, on_end).result(seconds),
            in_thread if threaded else lambda: _in_task(seconds, work, on_end),
        )
    except TimeoutError as error:
        if str(error):
            raise
        raise TimeoutError(f"no answer within {seconds:.1f} s") from None


async def within(fx: Effects, seconds: float | None, work: Work[T]) -> T:
    """The result of the work, in at most so many seconds where there is a bound.

    Raises:
        TimeoutError: It took longer, or cancelled itself; it may go on in the background.
    """
    if seconds is None:
        return await work(fx)
    try:
        return await bounded(fx, seconds, work, lambda: None, threaded=False)
    except InnerCancelled as error:
        raise TimeoutError(str(error)) from None


def _start(work: Work[T], on_end: Callable[[], None]) -> Future[T]:
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()  # from here on nobody who gave up can cancel it
    context = contextvars.copy_context()

    def body() -> None:
        try:
            result = context.run(lambda: drive(work(SYNC)))
        except BaseException as error:  # noqa: BLE001 - it is raised again where the result is awaited
            on_end()
            future.set_exception(error)
        else:
            on_end()
            future.set_result(result)

    # A daemon: a call that hangs for ever must not keep the process from ending.
    threading.Thread(target=body, name="orchestrator-call", daemon=True).start()
    return future


async def _in_task(seconds: float, work: Work[T], on_end: Callable[[], None]) -> T:
    task = asyncio.ensure_future(work(ASYNC))
    task.add_done_callback(lambda done: _ended(done, on_end))
    try:
        await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        await _stop(task)
        raise
    if not task.done():
        await _stop(task)
        raise TimeoutError
    if task.cancelled():
        raise InnerCancelled("the client cancelled the call itself")
    return task.result()


def _ended(task: asyncio.Future[Any], on_end: Callable[[], None]) -> None:
    on_end()
    if not task.cancelled():
        task.exception()  # looked at, so that work which was left behind does not complain later


async def _stop(task: asyncio.Future[Any]) -> None:
    task.cancel()
    await asyncio.wait({task}, timeout=GRACE_S)
