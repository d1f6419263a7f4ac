"""The budget pacer: never past the ceiling, on target where the stream allows it, a price that follows spending."""

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_graph.routing.pacing import Pacer

FRONT = [(0.60, 1.0), (0.75, 5.0), (0.85, 20.0), (0.90, 80.0)]
"""(quality, cost) from cheap to dear, on a concave front."""


def pick(price: float) -> int:
    return max(range(len(FRONT)), key=lambda i: FRONT[i][0] - price * FRONT[i][1])


def spend(pacer: Pacer, requests: int, seed: int = 0, hard: bool = False) -> tuple[float, float]:
    """Total spent and mean quality of a stream with scattered costs, whose tasks differ in what a better one gains."""
    rng = np.random.default_rng(seed)
    total = quality = 0.0
    for _ in range(requests):
        gain, price = rng.uniform(0, 2), pacer.price()
        order = sorted(range(4), key=lambda i: gain * FRONT[i][0] - price * FRONT[i][1], reverse=True)
        worst = [4 * cost if hard else 0.0 for _, cost in FRONT]
        arm = next((i for i in order if not hard or pacer.reserve(worst[i])), None)
        if arm is None:
            continue
        cost = FRONT[arm][1] * min(4.0, rng.lognormal(0, 0.5))
        pacer.settle(worst[arm], cost)
        total, quality = total + cost, quality + gain * FRONT[arm][0] / requests
    return total, quality


@pytest.mark.parametrize("target", [3.0, 10.0, 40.0])
def test_a_paced_stream_spends_its_budget_and_hardly_more(target):
    shares = [spend(Pacer(target * 2000, 2000), 2000, seed)[0] / (target * 2000) for seed in range(5)]
    assert max(shares) <= 1.004
    assert min(shares) >= 0.95


@pytest.mark.parametrize("target", [2.0, 10.0])
def test_with_reservations_the_ceiling_is_never_passed(target):
    for seed in range(3):
        assert spend(Pacer(target * 500, 500), 500, seed, hard=True)[0] <= target * 500


def test_more_money_buys_more_quality():
    poor, middling, rich = (spend(Pacer(t * 2000, 2000), 2000)[1] for t in (3.0, 10.0, 40.0))
    assert poor < middling < rich


@given(st.lists(st.tuples(st.floats(0, 50), st.floats(0, 1)), max_size=60))
def test_what_is_reserved_and_spent_never_passes_the_budget(asks):
    pacer = Pacer(100, 50)
    for worst, share in asks:
        if pacer.reserve(worst):
            pacer.settle(worst, worst * share)
        assert pacer.spent <= 100 + 1e-9
        assert pacer.price() > 0


@given(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6))
def test_a_higher_price_moves_along_the_front_to_the_thriftier(one, other):
    low, high = sorted((one / 1e4, other / 1e4))
    assert FRONT[pick(high)][1] <= FRONT[pick(low)][1]


def test_parallel_reservations_share_one_ceiling():
    pacer, taken, gate = Pacer(100, 1000), list[bool](), threading.Barrier(8)

    def work() -> None:
        gate.wait()
        for _ in range(50):
            if pacer.reserve(1):
                taken.append(True)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 100
    for _ in taken:
        pacer.settle(1, 1)
    assert pacer.spent == 100
    assert not pacer.reserve(1)


def test_the_price_follows_what_is_spent():
    pacer = Pacer(1000, 100)
    prices = [pacer.price()]
    for spent in (20, 20, 0, 0, 0, 0):
        pacer.settle(0, spent)
        prices.append(pacer.price())
    assert prices[0] < prices[1] < prices[2]
    assert prices[6] < prices[2]


def test_a_slot_begins_anew_and_what_is_under_way_stays_reserved():
    now = [0.0]
    pacer = Pacer(100, 10, slot_s=60, clock=lambda: now[0])
    assert pacer.reserve(30)
    for _ in range(7):
        assert pacer.reserve(10)
        pacer.settle(10, 10)
    assert not pacer.reserve(10)
    now[0] = 61
    assert pacer.spent == 0
    assert not pacer.reserve(80)
    assert pacer.reserve(70)


@pytest.mark.parametrize("slot_s", [None, 86_400.0])
def test_another_process_goes_on_where_one_left_off(slot_s):
    now = [3 * 86_400.0 + 100]
    first = Pacer(1000, 100, slot_s=slot_s, clock=lambda: now[0])
    done = []
    for number in range(40):
        now[0] += 1000
        first.settle(0, number % 30)
        done.append((now[0], number % 30))
    second = Pacer(1000, 100, slot_s=slot_s, clock=lambda: now[0])
    second.resume(done)
    assert second.price() == pytest.approx(first.price())
    assert second.allowance() == pytest.approx(first.allowance())
    first.book(50)  # of a run that was cancelled
    second.resume([], first.spent)
    assert second.allowance() == pytest.approx(first.allowance())


def test_a_day_begins_at_midnight_whenever_the_process_does():
    now = [5 * 86_400.0 + 82_800]  # 23:00 UTC
    pacer = Pacer(100, 10, slot_s=86_400, clock=lambda: now[0])
    pacer.settle(0, 60)
    now[0] += 3_601
    assert pacer.spent == 0
    now[0] -= 7_200  # set back
    assert pacer.price() > 0


@settings(max_examples=25)
@given(st.integers(10, 60), st.integers(10, 60))
def test_energy_per_slot_adapts_to_how_many_requests_come(first, second):
    """Joules: the budget suffices for 20 joules a request at 30 requests; fewer may take more, more must take less."""
    now = [0.0]
    pacer = Pacer(600, 30, slot_s=60, clock=lambda: now[0])
    for slot, count in enumerate((first, first, second)):
        spent = 0.0
        for number in range(count):
            now[0] = 60 * slot + 60 * number / count
            worth = FRONT[pick(pacer.price())][1]
            if pacer.reserve(worth):
                pacer.settle(worth, worth)
                spent += worth
        assert spent <= 600


@pytest.mark.parametrize("bad", [{"budget": 0}, {"budget": float("nan")}, {"requests": 0}, {"slot_s": 0}])
def test_a_senseless_budget_is_refused(bad):
    with pytest.raises(ValueError, match=f"{next(iter(bad))}={next(iter(bad.values()))}"):
        Pacer(**{"budget": 1, "requests": 1, **bad})
