"""A budget that several processes draw on: what each sets aside is in the ledger, so they never pass it together.

One writing transaction reads the sum and adds to it. One row per budget and period holds all that was settled; each
call under way has a row of its own, which counts as spent until it is settled or, if its process died, expires.
"""

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, and_, delete, func, or_, select, update

from orchestrator_graph.errors import MemoryStoreError
from orchestrator_graph.memory import schema
from orchestrator_graph.memory.ledger import Ledger
from orchestrator_graph.types import new_id

__all__ = ["EXPIRE_S", "LedgerBudget"]

EXPIRE_S = 900.0
"""Seconds after which a reservation that nobody settled is given back: longer than any call takes."""
DAY_S = 86_400.0

_rows, _calls = schema.reservations, schema.calls


@dataclass(frozen=True, slots=True)
class _Open:
    """A reservation of this process that is not settled."""

    id: str
    period: float
    nusd: int


class LedgerBudget:
    """A shared budget, kept in the ledger. Safe for any number of threads and processes.

    Args:
        limit_nusd: Nano-dollars per period.
        per: `day` (UTC) or `total`.
        expire_s: How long a dead process's reservation counts as spent.

    Attributes:
        away: Why the ledger could not be asked last; then nothing is granted. `""` when it could.
    """

    def __init__(
        self,
        ledger: Ledger,
        name: str,
        limit_nusd: int,
        per: str,
        *,
        expire_s: float = EXPIRE_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name, self.limit_nusd, self.away = name, limit_nusd, ""
        self._ledger, self._per, self._expire_s, self._clock = ledger, per, expire_s, clock
        self._open: list[_Open] = []
        self._due: list[tuple[_Open, int]] = []
        self._owed = 0
        self._guard = threading.Lock()

    @property
    def held_nusd(self) -> int:
        """Set aside for calls of this process that are under way."""
        with self._guard:
            return sum(item.nusd for item in self._open)

    def so_far(self) -> tuple[int, list[tuple[float, int, float]]]:
        """Nano-dollars settled in this period, and (when it ended, nano-dollars, joules) of each remembered run.

        Raises:
            MemoryStoreError: The ledger cannot be read.
        """
        period, cost, ended = self._period(), func.sum(_calls.c.cost_nusd), func.max(_calls.c.created_at)
        here = and_(_rows.c.budget == self.name, _rows.c.period == period, _rows.c.settled)
        runs = (
            select(ended, cost, func.coalesce(func.sum(_calls.c.energy_j), 0.0))
            .where(_calls.c.budget == self.name, _calls.c.created_at >= period)
            .group_by(_calls.c.run_id)
            .order_by(ended)
        )
        with self._ledger.read(f"reading budget {self.name!r}") as connection:
            settled = connection.execute(select(func.coalesce(func.sum(_rows.c.nusd), 0)).where(here)).scalar_one()
            found = [(float(at), int(nusd), float(joules)) for at, nusd, joules in connection.execute(runs)]
        return int(settled), found

    def reserve(self, nusd: int) -> bool:
        """Sets the amount aside; False when it does not fit, or the ledger cannot be written (`away`)."""
        if nusd == 0:
            return True
        mine = _Open(new_id(), self._period(), nusd)
        fits = self._written(lambda connection: self._placed(connection, mine))
        if fits:
            with self._guard:
                self._open.append(mine)
        return bool(fits)

    def settle(self, reserved: int, spent: int) -> None:
        """Gives the reserved amount back and books what was spent.

        What cannot be written now is written with the next; until then the reservation counts. An amount that was
        not reserved here is not booked: whoever reserved it did that, or `book` is meant.
        """
        with self._guard:
            held = next((item for item in self._open if item.nusd == reserved), None)
            if held is None:
                return
            self._open.remove(held)
            self._due.append((held, spent))
        self._written(lambda _: True)

    def book(self, nusd: int) -> None:
        """Books what was spent without being set aside before, also above the limit; now, or with what is next."""
        with self._guard:
            self._owed += nusd
        self._written(lambda _: True)

    def _written(self, work: Callable[[Connection], bool]) -> bool:
        """Books what is due, and does the work, in one transaction; False where it could not be written."""
        with self._guard:
            due, owed, self._owed = list(self._due), self._owed, 0
        try:
            with self._ledger.write(f"writing budget {self.name!r}") as connection:
                for held, spent in due:
                    self._book(connection, held, spent)
                if owed:
                    self._more(connection, self._period(), owed)
                done = work(connection)
        except MemoryStoreError as error:
            with self._guard:
                self._owed += owed
            self.away = str(error)
            return False
        self.away = ""
        with self._guard:
            self._due = [item for item in self._due if item not in due]
        return done

    def _book(self, connection: Connection, held: _Open, spent: int) -> None:
        # The own row says whether it was booked before: by another thread, or by a commit whose answer was lost.
        if connection.execute(delete(_rows).where(_rows.c.id == held.id)).rowcount:
            self._more(connection, held.period, spent)

    def _more(self, connection: Connection, period: float, nusd: int) -> None:
        total = self._total(connection, period)
        connection.execute(update(_rows).where(_rows.c.id == total).values(nusd=_rows.c.nusd + nusd))

    def _placed(self, connection: Connection, mine: _Open) -> bool:
        now, here = self._clock(), (_rows.c.budget == self.name, _rows.c.period == mine.period)
        self._total(connection, mine.period)
        alive = or_(_rows.c.settled, _rows.c.expires_at > now)
        taken = connection.execute(select(func.coalesce(func.sum(_rows.c.nusd), 0)).where(*here, alive)).scalar_one()
        if int(taken) + mine.nusd > self.limit_nusd:
            return False
        dead = and_(~_rows.c.settled, _rows.c.expires_at < now - DAY_S)
        # A day's sum may be asked for by a late bill; that of `total` (period 0) for ever.
        past = and_(_rows.c.settled, _rows.c.period > 0, _rows.c.period < now - 7 * DAY_S)
        connection.execute(delete(_rows).where(_rows.c.budget == self.name, or_(dead, past)))
        self._add(connection, mine.id, mine.period, mine.nusd, now + self._expire_s)
        return True

    def _total(self, connection: Connection, period: float) -> str:
        """The id of the row that holds the period's sum; the budget's very first begins with what old calls cost."""
        row = hashlib.sha256(f"{self.name}\0{period}".encode("utf-8", "replace")).hexdigest()
        if connection.execute(select(_rows.c.id).where(_rows.c.id == row)).first() is None:
            known = connection.execute(select(_rows.c.id).where(_rows.c.budget == self.name).limit(1)).first()
            before = select(func.coalesce(func.sum(_calls.c.cost_nusd), 0)).where(
                _calls.c.budget == self.name, _calls.c.created_at >= period
            )
            spent = 0 if known else int(connection.execute(before).scalar_one())
            self._add(connection, row, period, spent, None)
        return row

    def _add(self, connection: Connection, row: str, period: float, nusd: int, expires_at: float | None) -> None:
        connection.execute(
            _rows.insert().values(
                id=row, budget=self.name, period=period, nusd=nusd, created_at=self._clock(),
                expires_at=expires_at or 0.0, settled=expires_at is None,
            )
        )  # fmt: skip

    def _period(self) -> float:
        return self._clock() // DAY_S * DAY_S if self._per == "day" else 0.0  # UTC
