"""Waiting in line: slots for calls in flight and a rate limit. First come, first served, threads and tasks mixed."""

import asyncio
import threading
from collections import deque
from concurrent.futures import Future

from orchestrator_graph.drive import Effects

__all__ = ["Rate", "Slots"]


class Slots:
    """So many at once. A slot may be given back from any thread."""

    def __init__(self, size: int) -> None:
        self._free = size
        self._line: deque[Future[None]] = deque()
        self._lock = threading.Lock()

    async def take(self, fx: Effects, seconds: float) -> bool:
        """Waits for a slot; False when none came free in time."""
        with self._lock:
            if self._free > 0:
                self._free -= 1
                return True
            if seconds <= 0:
                return False
            ticket: Future[None] = Future()
            self._line.append(ticket)
        try:
            await fx.run(
                lambda: ticket.result(seconds),
                lambda: asyncio.wait_for(asyncio.wrap_future(ticket), seconds),
            )
        except TimeoutError:
            return self._leave_line(ticket)
        except BaseException:
            if self._leave_line(ticket):
                self.give()
            raise
        return True

    def give(self) -> None:
        """Hands the slot to the next in line."""
        with self._lock:
            while self._line:
                ticket = self._line.popleft()
                # An async waiter that gave up has cancelled its ticket: skip it, else the slot would be lost.
                if ticket.set_running_or_notify_cancel():
                    ticket.set_result(None)
                    return
            self._free += 1

    def _leave_line(self, ticket: Future[None]) -> bool:
        """True when the slot was granted in the last moment."""
        with self._lock:
            if ticket in self._line:
                self._line.remove(ticket)
                return False
            return ticket.done() and not ticket.cancelled()


class Rate:
    """At most `per_minute` starts in any 60 seconds.

    >>> rate = Rate(2)
    >>> [rate.book(now=0.0, latest=100.0) for _ in range(3)], rate.book(now=1.0, latest=30.0)
    ([0.0, 0.0, 60.0], None)
    """

    def __init__(self, per_minute: int) -> None:
        self._starts: deque[float] = deque(maxlen=per_minute)
        self._lock = threading.Lock()

    def book(self, now: float, latest: float) -> float | None:
        """The moment at which one may start, or `None` (and nothing booked) when that is too late."""
        with self._lock:
            full = len(self._starts) == self._starts.maxlen
            start = max(now, self._starts[0] + 60.0) if full else now
            if start > latest:
                return None
            self._starts.append(start)
            return start
