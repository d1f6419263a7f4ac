"""Figures as Markdown: each method's metric, and its difference to the fair zero router or random mix."""

from collections.abc import Iterator

import numpy as np

from benchmarks.routing.measure import Draws
from benchmarks.routing.metrics import apgr, share_for

__all__ = ["table"]


def table(draws: Draws, *, binary: bool) -> Iterator[str]:
    """One table; differences with the 2.5 % and 97.5 % points of the paired bootstrap over prompts."""
    values = {name: apgr(found) if binary else found for name, found in draws.items()}
    base = "random mix" if binary else "zero router (fair)"
    head = ["method", "APGR" if binary else "AIQ", f"minus {base} [95 %]", "minus default [95 %]"]
    yield "| " + " | ".join([*head, "CPT50", "CPT80"] if binary else head) + " |"
    yield "|---|" + "---|" * (len(head) - 1 + 2 * binary)
    for name, found in sorted(values.items(), key=lambda item: -item[1][0]):
        cells = [name, f"{found[0]:.4f}", _gap(found - values[base]), _gap(found - values["default"])]
        if binary:
            cells += [f"{share_for(draws[name][0], level):.0f}" for level in (0.5, 0.8)]
        yield "| " + " | ".join(cells) + " |"


def _gap(difference: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> str:
    low, high = np.percentile(difference[1:], [2.5, 97.5])
    return f"{difference[0]:+.4f} [{low:+.4f}, {high:+.4f}]"
