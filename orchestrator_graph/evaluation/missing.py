"""What a refused promise lacks: how many more labels of which kind, and what they would cost to collect."""

from collections.abc import Mapping
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray

from orchestrator_graph.confidence.bounds import labels_without_loss
from orchestrator_graph.confidence.certificate import Refusal
from orchestrator_graph.evaluation.walk import LEARN
from orchestrator_graph.types.history import History

__all__ = ["missing"]

Array = NDArray[np.float64]

POWER = 0.84
"""Standard deviations for passing four times of five."""
SEEN = 10.0
"""A mean of so few losses is only half believed."""
HOPELESS = 100_000
"""More labels than that are no advice."""


def missing(
    history: History,
    reference: str,
    prices: Mapping[str, float],
    max_loss: float,
    error: float,
    early: Array | None = None,
) -> Refusal:
    """The refusal.

    Args:
        history: What there is.
        reference: Candidate id.
        prices: Candidate id -> expected cost of a task.
        max_loss: Points that may be lost.
        error: Probability of a promise that is not kept.
        early: Losses of the steps that could be promised, shape (steps, n), as far as they are known.
    """
    least = ceil(labels_without_loss(max_loss, error) / (1 - LEARN))
    cheaper = [name for name, price in prices.items() if price < prices.get(reference, 0.0)]
    if not cheaper:
        return Refusal(f"nothing can be saved: no candidate is cheaper than {reference}")
    known = history.trusted
    at = {name: place for place, name in enumerate(history.candidates)}
    if early is None:
        return _too_few(reference, cheaper, known, at, least, prices)
    losses = early.sum(axis=1) / (early.shape[1] + SEEN)
    n, needed = len(history), _needed(losses, early.std(axis=1), max_loss, error, least)
    compared = sorted((name for name in cheaper if name in at and known[:, at[name]].all()), key=lambda x: prices[x])
    if needed is None:
        lost = float(losses.min()) * 100
        reason = f"{' and '.join(compared)} lose too much against {reference} wherever they could save: the safest step"
        near = f"is believed to lose {lost:.1f} points, too near to or above the {max_loss * 100:g} that are allowed"
        return Refusal(f"{reason} {near}", n=n)
    more = max(ceil(n / 4), needed - n)  # who falls short by chance, and tests again for a few more, uses up attempts
    cost = more * (prices[reference] + sum(prices[name] for name in compared))
    kind = f"pairs: {reference} and {', '.join(compared)} scored on the same task"
    return Refusal(f"{n} paired labels, about {more} more are needed", {kind: more}, round(cost), n)


def _too_few(
    reference: str,
    cheaper: list[str],
    known: NDArray[np.bool_],
    at: Mapping[str, int],
    least: int,
    prices: Mapping[str, float],
) -> Refusal:
    """Too few tasks to teach and test have both a label of the reference and one of something cheaper."""
    nobody = np.zeros(len(known), bool)
    labels = {name: known[:, at[name]] if name in at else nobody for name in (reference, *cheaper)}
    pairs = {name: int((labels[reference] & labels[name]).sum()) for name in cheaper}
    rival = max(cheaper, key=lambda name: (pairs[name], -prices[name]))
    more = least - pairs[rival]
    said = f"{pairs[rival]} tasks were scored for both {reference} and {rival}; at least {least} are needed"
    kind = f"pairs: {reference} and {rival} scored on the same task"
    return Refusal(said, {kind: more}, round(more * (prices[reference] + prices[rival])), pairs[rival])


def _needed(losses: Array, spreads: Array, max_loss: float, error: float, least: int) -> int | None:
    """Labels that the step which needs fewest is expected to need; `None` where none seems to lose little enough."""
    z = sqrt(2 * np.log(1 / error)) * 0.8 + POWER
    room = max_loss - losses
    spread = np.maximum(spreads, sqrt(max_loss / 10))
    labels = np.where(room > max_loss / 20, (z * spread / np.maximum(room, 1e-9)) ** 2, np.inf)
    fewest = float(labels.min()) / (1 - LEARN)
    return None if fewest > HOPELESS else max(least, ceil(fewest))
