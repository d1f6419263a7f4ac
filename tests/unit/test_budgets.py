"""Shared budgets as they are written down, and the pace that follows from them."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_graph.budgets import BudgetLimit, read_budget
from orchestrator_graph.nodes.pace import Pace, paces


def call(cost_nusd: int, energy_j: float | None = None) -> dict[str, Any]:
    return {"cost_nusd": cost_nusd, "energy_j": energy_j}


@given(
    st.floats(0, 1e6) | st.integers(0, 10**6),
    st.sampled_from(["day", "total"]),
    st.none() | st.integers(1, 10**6),
    st.none() | st.floats(1e-3, 1e9),
)
def test_what_makes_sense_is_read_as_it_stands(
    usd: float, per: Any, requests: int | None, joules: float | None
) -> None:
    joules = None if requests is None else joules
    table = {"max_usd": usd, "per": per, "requests": requests, "max_j": joules}
    written = {key: value for key, value in table.items() if value is not None}
    assert read_budget(written) == BudgetLimit(usd, per, requests, joules)
    money, energy = paces({"x": read_budget(written)}).of("x").prices()
    assert (money is not None) == (requests is not None and usd > 0)
    assert (energy is not None) == (joules is not None)
    assert all(price is None or price > 0 for price in (money, energy))


@pytest.mark.parametrize(
    ("table", "key", "problem"),
    [
        ({}, "max_usd", "None is no amount"),
        ({"max_usd": -1}, "max_usd", "-1 is no amount"),
        ({"max_usd": math.nan}, "max_usd", "nan is no amount"),
        ({"max_usd": math.inf}, "max_usd", "inf is no amount"),
        ({"max_usd": True}, "max_usd", "True is no amount"),
        ({"max_usd": 1, "per": "week"}, "per", "neither 'day' nor 'total'"),
        ({"max_usd": 1, "requests": 0}, "requests", "0 is no number of tasks"),
        ({"max_usd": 1, "requests": 2.5}, "requests", "2.5 is no number of tasks"),
        ({"max_usd": 1, "requests": True}, "requests", "True is no number of tasks"),
        ({"max_usd": 1, "max_j": 5}, "max_j", "needs `requests`"),
        ({"max_usd": 1, "requests": 9, "max_j": 0}, "max_j", "0 is no amount of joules"),
        ({"max_usd": 1, "requests": 9, "max_j": math.nan}, "max_j", "nan is no amount of joules"),
        ({"max_usd": 1, "requests": 9, "max_j": "many"}, "max_j", "'many' is no amount of joules"),
    ],
)
def test_what_makes_none_is_told_by_its_key(table: dict[str, Any], key: str, problem: str) -> None:
    with pytest.raises(ValueError, match=key) as caught:
        read_budget(table)
    assert caught.value.args[0] == key
    assert problem in caught.value.args[1]


def test_a_budget_without_requests_and_no_budget_have_no_price() -> None:
    made = paces({"hard": BudgetLimit(5.0)})
    for pace in (made.of("hard"), made.of("unknown"), made.of(None)):
        assert pace.prices() == (None, None)
        pace.settle({"a": call(10)})  # nothing to book on
    assert Pace() == made.of("hard")


def test_money_and_energy_are_paced_apart_and_budgets_too() -> None:
    made = paces({"one": BudgetLimit(1e-6, "total", 10, 100.0), "two": BudgetLimit(1e-6, "total", 10)})
    start = made.of("one").prices()
    assert start[0] == made.of("two").prices()[0]
    one = made.of("one")
    assert one.money is not None
    one.money.book(400)
    made.of("one").settle({"a": call(300, 1.0), "b": call(100, None)})  # 4 allowances of money, a tenth of energy
    money, energy = made.of("one").prices()
    assert (money or 0) > (start[0] or 0)
    assert (energy or 0) < (start[1] or 0)
    assert made.of("two").prices() == (start[0], None)


def test_a_total_budget_is_spread_over_its_requests() -> None:
    pace = paces({"x": BudgetLimit(1e-6, "total", 10)}).of("x")
    assert pace.money is not None
    assert pace.money.allowance() == pytest.approx(100)
    pace.money.book(550)
    pace.settle({"a": call(550)})
    assert pace.money.allowance() == pytest.approx(50)
