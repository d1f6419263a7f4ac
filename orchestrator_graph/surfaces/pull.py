"""From chunks that are pushed as they come to a stream that is pulled, sync and async.

A caller who stops listening ends the call: the next chunk finds nobody, and nothing more is waited for.
"""

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from queue import SimpleQueue
from typing import Any, TypeVar

from orchestrator_graph.bounded import InnerCancelled
from orchestrator_graph.drive import drive

__all__ = ["apulled", "pulled"]

T = TypeVar("T")
Push = Callable[[Any], None]
Work = Callable[[Push], Coroutine[Any, Any, T]]
END = object()


def pulled(work: Work[T], ended: Callable[[T], None]) -> Iterator[Any]:
    """The chunks that sync work pushes; what it raises is raised here.

    Args:
        work: Given where to push; runs in a thread of its own, in this context.
        ended: Given the result, after the last chunk.
    """
    queue: SimpleQueue[Any] = SimpleQueue()
    gone, result, raised = threading.Event(), list[T](), list[BaseException]()

    def push(chunk: Any) -> None:
        if gone.is_set():
            raise InnerCancelled("nobody listens to the stream any more")
        queue.put(chunk)

    def body() -> None:
        try:
            result.append(drive(work(push)))
        except BaseException as error:  # noqa: BLE001 - it is raised again where the stream is pulled
            raised.append(error)
        finally:
            queue.put(END)

    # A daemon, as all that waits for a model: a call that hangs must not keep the process from ending.
    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(body,), name="orchestrator-stream", daemon=True).start()
    try:
        while (chunk := queue.get()) is not END:
            yield chunk
    finally:
        gone.set()
    if raised:
        raise raised[0]
    ended(result[0])


async def apulled(work: Work[T], ended: Callable[[T], None]) -> AsyncIterator[Any]:
    """`pulled`, async: the work is a task of this loop, and is cancelled where nobody listens any more."""
    loop, here = asyncio.get_running_loop(), threading.get_ident()
    queue: asyncio.Queue[Any] = asyncio.Queue()

    def push(chunk: Any) -> None:
        if threading.get_ident() == here:
            queue.put_nowait(chunk)
        else:
            loop.call_soon_threadsafe(queue.put_nowait, chunk)

    task = asyncio.ensure_future(work(push))
    # By way of the loop, so that it comes after what other threads have pushed.
    task.add_done_callback(lambda _: loop.call_soon(queue.put_nowait, END))
    try:
        while (chunk := await queue.get()) is not END:
            yield chunk
        ended(await task)
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # looked at: nobody else does where the stream was left
