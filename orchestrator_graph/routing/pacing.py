"""Keeps a stream of requests within a budget: a price on money (or energy) that follows what is spent.

A utility `quality - price * cost` then picks along the Pareto front: thriftier while too much is spent, better while
too little is. Dual mirror descent with multiplicative steps (Balseiro, Lu & Mirrokni 2020; adaptive pacing: Balseiro
& Gur 2019), aimed at what is left for each request that is still to come. Knows nothing of models or providers; it has
the `reserve` and `settle` of a shared budget, and with them a ceiling that is never passed.
"""

import math
import threading
import time
from collections.abc import Callable, Iterable

__all__ = ["Pacer"]

STEP, SURPRISE = 0.05, 20.0
"""Step of the price's logarithm at a request of twice the allowance; one counts for at most so many allowances."""
FIRST_PRICE = 0.01
"""Quality points that one allowance is worth before anything is known."""
CHEAPEST, DEAREST = 1e-4, 10.0


class Pacer:
    """Price and ceiling for what a stream may take, in any unit (nano-dollars, joules). Safe from threads.

    Args:
        budget: For the whole stream, or for each slot.
        requests: How many are expected; with `slot_s` a first guess that arrivals replace.
        slot_s: Seconds after which the budget begins anew; `None` = it is for `requests` in all.
        clock: Seconds since the epoch: slots begin at whole multiples, days at midnight UTC.

    >>> pacer = Pacer(1000, 10); pacer.reserve(900), pacer.reserve(200)
    (True, False)
    >>> before = pacer.price(); pacer.settle(900, 400); pacer.price() > before
    True
    """

    def __init__(
        self,
        budget: float,
        requests: float,
        *,
        slot_s: float | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not (math.isfinite(budget) and budget > 0 and requests >= 1 and (slot_s is None or slot_s > 0)):
            raise ValueError(
                f"Pacer(budget={budget}, requests={requests}, slot_s={slot_s}): "
                "budget and slot_s must be above 0 and finite, requests at least 1"
            )
        self.budget = budget
        self._requests = requests
        self._slot_s = slot_s
        self._clock = clock
        self._now = clock()
        self._began = self._now if slot_s is None else self._now // slot_s * slot_s
        self._spent = self._held = 0.0
        self._served = 0
        self._worth = FIRST_PRICE
        self._lock = threading.Lock()

    @property
    def spent(self) -> float:
        """Booked in this slot, or so far."""
        with self._lock:
            self._turn()
            return self._spent

    def price(self) -> float:
        """Quality points that one unit costs now (per dollar: times 1e9 where the unit is the nano-dollar)."""
        with self._lock:
            self._turn()
            return self._worth / self._allowance()

    def allowance(self) -> float:
        """What a request may take on average from now on."""
        with self._lock:
            self._turn()
            return self._allowance()

    def reserve(self, amount: float) -> bool:
        """Sets the most that a request can take aside; False when it does not fit under the ceiling."""
        with self._lock:
            self._turn()
            if self._spent + self._held + amount > self.budget:
                return False
            self._held += amount
            return True

    def book(self, amount: float) -> None:
        """Books a part of what a request under way takes; it counts even if the request never ends."""
        with self._lock:
            self._turn()
            self._spent += amount

    def resume(self, requests: Iterable[tuple[float, float]], spent: float = 0.0) -> None:
        """Goes on where another process left off: (when, what it took) of this slot's requests, and the sum of all."""
        for at, amount in requests:
            self.settle(0, amount, at=at)
        with self._lock:
            self._spent = max(self._spent, spent)

    def settle(self, reserved: float, spent: float, booked: float = 0.0, at: float | None = None) -> None:
        """Gives back what was reserved (0: nothing was), books what was spent, and moves the price.

        Args:
            reserved: As in `reserve`.
            spent: By this request, in all.
            booked: How much of it `book` was told.
            at: When it ended; `None` = now.
        """
        with self._lock:
            self._turn(at)
            share = min(spent / self._allowance(booked), SURPRISE)
            self._held = max(0.0, self._held - reserved)
            self._spent += spent - booked
            self._served += 1
            self._worth = min(DEAREST, max(CHEAPEST, self._worth * math.exp(STEP * (share - 1))))

    def _allowance(self, booked: float = 0.0) -> float:
        return max(self.budget - self._spent + booked, self.budget * 1e-6) / max(self._to_come(), 1.0)

    def _to_come(self) -> float:
        if self._slot_s is None:
            return self._requests - self._served
        elapsed = max(0.0, self._now - self._began) / self._slot_s
        # A whole slot as it was last stands beside what arrived in this one.
        return (self._requests + self._served) / (1 + elapsed) * (1 - elapsed)

    def _turn(self, at: float | None = None) -> None:
        """Begins a new slot when the old one is over; what is under way keeps its reservation."""
        self._now = self._clock() if at is None else at
        if self._slot_s is None:
            return
        over = int((self._now - self._began) / self._slot_s)
        if over > 0:  # clocks are set back at times
            self._requests = max(1.0, float(self._served) if over == 1 else 1.0)
            self._began += over * self._slot_s
            self._spent, self._served = 0.0, 0
