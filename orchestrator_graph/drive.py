"""One body of logic for sync and async: effects, and the driver that finishes a coroutine without an event loop.

Logic is written once as `async def f(..., fx)` and awaits only `fx`. `SyncEffects` never suspends, so one `send(None)`
runs the logic to its end, also inside a running loop. `AsyncEffects` really awaits. Knows nothing of what is run.
Measured: 0.1 us per effect, no more CPU per run than plain functions (docs/decisions/0002).
"""

import asyncio
import contextvars
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, Protocol, TypeVar

__all__ = ["ASYNC", "SYNC", "AsyncEffects", "Effects", "SyncEffects", "drive"]

T = TypeVar("T")


class Effects(Protocol):
    """What logic may await."""

    @property
    def is_async(self) -> bool:
        """True when an event loop runs underneath."""

    async def run(self, sync: Callable[[], T], async_: Callable[[], Awaitable[T]]) -> T:
        """The result of whichever half fits; exceptions pass through."""

    async def each(
        self,
        sync: Callable[[], Iterator[T]],
        async_: Callable[[], AsyncIterator[T]],
        visit: Callable[[T], None],
    ) -> None:
        """Calls `visit` on every item of whichever stream fits, and closes the stream."""

    async def offload(self, work: Callable[[], T]) -> T:
        """The result of blocking work, kept off the event loop."""

    async def sleep(self, seconds: float) -> None:
        """Waits."""

    async def gather(self, jobs: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
        """The results of all jobs in order, run side by side."""


class SyncEffects:
    """Effects that never suspend."""

    is_async = False

    async def run(self, sync: Callable[[], T], async_: Callable[[], Awaitable[T]]) -> T:  # noqa: ARG002
        """Calls the sync half."""
        return sync()

    async def each(
        self,
        sync: Callable[[], Iterator[T]],
        async_: Callable[[], AsyncIterator[T]],  # noqa: ARG002
        visit: Callable[[T], None],
    ) -> None:
        """Walks the sync stream."""
        stream = sync()
        try:
            for item in stream:
                visit(item)
        finally:
            close = getattr(stream, "close", None)
            if close is not None:
                close()

    async def offload(self, work: Callable[[], T]) -> T:
        """Calls it here: a sync caller has no loop to stall."""
        return work()

    async def sleep(self, seconds: float) -> None:
        """Blocks this thread."""
        time.sleep(seconds)

    async def gather(self, jobs: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
        """One thread per job, each in its own copy of the context (tracing, tags, runtime survive)."""
        if len(jobs) < 2:
            return [drive(job) for job in jobs]
        with ThreadPoolExecutor(max_workers=len(jobs)) as pool:
            futures = [pool.submit(contextvars.copy_context().run, drive, job) for job in jobs]
            wait(futures)
        return [future.result() for future in futures]


class AsyncEffects:
    """Effects that await."""

    is_async = True

    async def run(self, sync: Callable[[], T], async_: Callable[[], Awaitable[T]]) -> T:  # noqa: ARG002
        """Awaits the async half."""
        return await async_()

    async def each(
        self,
        sync: Callable[[], Iterator[T]],  # noqa: ARG002
        async_: Callable[[], AsyncIterator[T]],
        visit: Callable[[T], None],
    ) -> None:
        """Walks the async stream."""
        stream = async_()
        try:
            async for item in stream:
                visit(item)
        finally:
            close = getattr(stream, "aclose", None)
            if close is not None:
                await close()

    async def offload(self, work: Callable[[], T]) -> T:
        """Runs it in a worker thread."""
        return await asyncio.to_thread(work)

    async def sleep(self, seconds: float) -> None:
        """Suspends."""
        await asyncio.sleep(seconds)

    async def gather(self, jobs: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
        """Tasks side by side; if one raises, the others are cancelled and awaited before it is re-raised."""
        tasks = [asyncio.ensure_future(job) for job in jobs]
        try:
            return list(await asyncio.gather(*tasks))
        except BaseException:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise


SYNC: Effects = SyncEffects()
ASYNC: Effects = AsyncEffects()


def drive(logic: Coroutine[Any, Any, T]) -> T:
    """Runs logic that awaits only `SyncEffects` to its end.

    Raises:
        RuntimeError: The logic awaited something that suspends.

    >>> async def double(fx, x):
    ...     return 2 * await fx.offload(lambda: x)
    >>> drive(double(SYNC, 21))
    42
    """
    try:
        logic.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    logic.close()
    raise RuntimeError("logic awaited something other than its effects; sync callers have no event loop to wait on")
