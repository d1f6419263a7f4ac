"""Budgets that tasks share, as `orchestrator.toml` describes them. Values only."""

import math
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, TypeGuard

__all__ = ["BudgetLimit", "read_budget"]


class BudgetLimit(NamedTuple):
    """What tasks may take together.

    Attributes:
        max_usd: US dollars per period, a hard limit.
        per: The period: a calendar day (UTC), or `total`.
        requests: How many tasks are expected in a period; then spending is paced to last that long.
        max_j: Joules per period that spending is paced to, as estimated; needs `requests`.
    """

    max_usd: float
    per: Literal["day", "total"] = "day"
    requests: int | None = None
    max_j: float | None = None


def read_budget(table: Mapping[str, Any]) -> BudgetLimit:
    """A budget from its table.

    Raises:
        ValueError: With the key and what is wrong with its value.
    """
    amount, per = table.get("max_usd"), table.get("per", "day")
    requests, joules = table.get("requests"), table.get("max_j")
    if not _number(amount) or not 0 <= amount < math.inf:
        raise ValueError("max_usd", f"{amount!r} is no amount of US dollars, 0 or more")
    if per not in ("day", "total"):
        raise ValueError("per", f"{per!r} is neither 'day' nor 'total'")
    if requests is not None and (not isinstance(requests, int) or isinstance(requests, bool) or requests < 1):
        raise ValueError("requests", f"{requests!r} is no number of tasks, 1 or more")
    if joules is None:
        return BudgetLimit(float(amount), per, requests)
    if not _number(joules) or not 0 < joules < math.inf:
        raise ValueError("max_j", f"{joules!r} is no amount of joules, above 0")
    if requests is None:
        raise ValueError("max_j", "pacing energy needs `requests`, the number of tasks that are expected")
    return BudgetLimit(float(amount), per, requests, float(joules))


def _number(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
