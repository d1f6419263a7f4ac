"""A budget that processes share: never passed, whoever dies; granted to nobody while the ledger is away."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator_graph.drive import SYNC, drive
from orchestrator_graph.memory import Memory, RunRecord
from orchestrator_graph.memory.ledger import Ledger
from orchestrator_graph.memory.reservations import DAY_S, LedgerBudget
from orchestrator_graph.types import Attempt, new_id
from tests.servers import Postgres

DRAWER = """
import random, sys, threading
from pathlib import Path
from orchestrator_graph.memory.ledger import Ledger
from orchestrator_graph.memory.reservations import LedgerBudget
place = sys.argv[1] if "://" in sys.argv[1] else Path(sys.argv[1])
budget = LedgerBudget(Ledger(place), "team", 1000, "total")
spent = []
def draw():
    for _ in range(4):
        amount = random.randint(10, 40)
        if budget.reserve(amount):
            paid = random.randint(0, amount)
            spent.append(paid)
            budget.settle(amount, paid)
threads = [threading.Thread(target=draw) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(sum(spent), len(spent))
"""


class Clock:
    def __init__(self) -> None:
        self.now = 10 * DAY_S + 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(params=["ram", "folder", "postgres"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    places: dict[str, Any] = {"ram": None, "folder": tmp_path}
    made = Ledger(places[request.param] if request.param in places else request.getfixturevalue("database"))
    yield made
    made.close()


@pytest.mark.parametrize("kind", ["folder", "postgres"])
def test_four_processes_of_eight_threads_never_pass_it(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    place = tmp_path if kind == "folder" else request.getfixturevalue("database")
    command = [sys.executable, "-c", DRAWER, str(place)]
    children = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    paid = [[int(word) for word in child.communicate()[0].split()] for child in children]
    assert [child.returncode for child in children] == [0] * 4
    ledger = Ledger(place)
    spent = sum(amount for amount, _ in paid)
    budget = LedgerBudget(ledger, "team", 1000, "total")
    assert 900 < spent <= 1000  # 128 draws of about 25 would like to have 1,600
    assert budget.reserve(1000 - spent)  # not a nano-dollar is lost
    assert not budget.reserve(1)
    ledger.close()


def test_what_a_dead_process_held_counts_until_it_expires(ledger: Ledger) -> None:
    clock = Clock()
    dead, alive = (LedgerBudget(ledger, "team", 100, "day", expire_s=60, clock=clock) for _ in range(2))
    assert dead.reserve(70)
    assert not alive.reserve(40)
    clock.now += 61
    assert alive.reserve(40)
    dead.settle(70, 55)  # it was only slow: what it spent is booked all the same
    assert not alive.reserve(10)
    alive.settle(40, 40)
    assert alive.reserve(5)


def test_a_day_begins_anew_and_a_late_bill_belongs_to_its_day(ledger: Ledger) -> None:
    clock = Clock()
    budget = LedgerBudget(ledger, "team", 100, "day", clock=clock)
    assert budget.reserve(100)
    clock.now += DAY_S
    assert budget.reserve(60)
    budget.settle(100, 100)
    assert budget.reserve(40)
    assert not budget.reserve(1)


def test_other_budgets_free_calls_and_repeated_bills_change_nothing(ledger: Ledger) -> None:
    budget, other = LedgerBudget(ledger, "team", 100, "total"), LedgerBudget(ledger, "other", 100, "total")
    assert budget.reserve(100)
    assert budget.reserve(0)
    assert other.reserve(100)
    budget.settle(100, 10)
    budget.settle(100, 10)
    budget.settle(0, 50)  # a resumed run: the process before has booked it
    assert budget.reserve(90)
    assert not budget.reserve(1)


def test_what_was_not_set_aside_is_booked_once_by_any_number_of_threads(ledger: Ledger) -> None:
    budget = LedgerBudget(ledger, "team", 100, "total")
    assert budget.reserve(10)
    threads = [threading.Thread(target=budget.book, args=(1,)) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    budget.settle(10, 5)
    assert budget.so_far()[0] == 45
    budget.book(70)  # also above the limit
    assert budget.so_far()[0] == 115
    assert not budget.reserve(1)


def test_it_begins_with_what_was_spent_before_there_were_reservations(database: str) -> None:
    memory = Memory(database)
    calls = (("", Attempt(new_id(), "m", "execute", cost_nusd=70)),)
    drive(memory.remember(SYNC, RunRecord(calls=calls, run_id="r", budget="team")))
    ledger = Ledger(database)
    budget = LedgerBudget(ledger, "team", 100, "day")
    assert not budget.reserve(31)
    assert budget.reserve(30)
    ledger.close()
    memory.close()


def test_nothing_is_granted_while_the_ledger_is_away_and_bills_are_kept(postgres: Postgres, database: str) -> None:
    ledger = Ledger(database)
    budget = LedgerBudget(ledger, "team", 100, "total")
    assert budget.reserve(50)
    postgres.stop()
    try:
        budget.settle(50, 20)
        budget.book(5)
        assert not budget.reserve(1)
        assert "refused" in budget.away
    finally:
        postgres.start()
    assert budget.reserve(75)
    assert not budget.reserve(1)
    assert budget.away == ""
    ledger.close()
