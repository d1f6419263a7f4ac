"""A user's own check of an answer, run so that nothing it does can end the run."""

import math
from collections.abc import Callable

from orchestrator_graph.types import Evidence

__all__ = ["Check", "run_scorer"]

Check = Callable[[str], float | bool | None]
"""An answer -> its score in [0, 1], right or wrong, or `None` where it cannot say."""


def run_scorer(name: str, scorer: Check, answer: str) -> Evidence:
    """What the check says: `True` and `False` are decisive as 1 and 0, a number between is evidence.

    One that raises, or gives NaN, something outside [0, 1] or no number at all, is value .5, not decisive, and the
    detail says what happened.

    >>> found = run_scorer("short", lambda answer: len(answer) < 5, "far too long")
    >>> found.name, found.value, found.decisive
    ('scorer: short', 0.0, True)
    >>> run_scorer("broken", lambda answer: 1 / 0, "x").detail
    'raised ZeroDivisionError: division by zero'
    """
    label = f"scorer: {name}"
    try:
        said = scorer(answer)
    except Exception as error:  # noqa: BLE001 - a stranger's code may raise anything, and the answer is paid for
        return Evidence(label, 0.5, f"raised {type(error).__name__}: {error}"[:300])
    if said is None:
        return Evidence(label, 0.5, "cannot say")
    try:
        value = float(said)
    except (TypeError, ValueError, OverflowError):
        return Evidence(label, 0.5, f"gave {type(said).__name__}, which is no number")
    if not (math.isfinite(value) and 0 <= value <= 1):
        return Evidence(label, 0.5, f"gave {value}, which is not in [0, 1]")
    return Evidence(label, value, f"says {value:g}", decisive=isinstance(said, bool) or value in (0.0, 1.0))
