"""Cascade routing: what was seen so far -> stop, or whom to ask next. Pure; knows neither models nor money.

After Dekoninck, Baader and Vechev, "A Unified Approach to Routing and Cascading for LLMs" (ICML 2025): after each
answer all candidates are estimated anew, and what is done maximises E[max quality] - cost. More samples of a model, a
vote or a fusion are candidates like any other. Plain routing is the case of confidences that tell nothing (resolution
0). A plain threshold cascade is the case where only the next level is offered: it goes on below a confidence in hand
that depends on nothing but that level, its reservation value.

`greedy` goes beyond the paper's greedy variant, which compares one more answer with none: it takes the candidate with
the greatest reservation value (Weitzman's index), which counts that one may stop after it. `full` is the paper's:
the best of all sets of candidates, of which that with the greatest reservation value is asked first.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from orchestrator_graph.confidence.expected_best import Array, expected_best, reservations

__all__ = ["MOST", "next_step"]

MOST = 12
"""Candidates, the most promising ones, among which `full` looks at every set (4,096 of them)."""

Lookahead = Literal["greedy", "full"]


def next_step(
    quality: Array, resolution: Array, costs: Array, in_hand: float | None, lookahead: Lookahead = "greedy"
) -> int | None:
    """Which candidate to ask next; `None` = stop.

    Args:
        quality: Shape (k,): what is believed of each candidate that was not asked, given what was heard.
        resolution: Shape (k,), in [0, 1]: how far the confidence in its answer will tell right from wrong.
        costs: Shape (k,), in points of quality, at least 0.
        in_hand: Probability that the best answer in hand is right; `None` where nobody was asked: then somebody is.
        lookahead: One candidate ahead, or every set of them.

    >>> q, c = np.array([0.6, 0.8]), np.array([0.02, 0.1])
    >>> next_step(q, np.array([0.0, 0.0]), c, None), next_step(q, np.array([0.5, 0.5]), c, None)
    (1, 0)
    >>> next_step(q[1:], np.array([0.5]), c[1:], 0.95), next_step(q[1:], np.array([0.5]), c[1:], 0.3)
    (None, 0)
    """
    if not len(quality):
        return None
    index = reservations(quality, resolution, costs)
    best = int(np.argmax(index))
    if lookahead == "greedy":
        return best if in_hand is None or index[best] > in_hand else None
    among = np.argsort(-index, kind="stable")[:MOST]
    chosen = _best_set(quality[among], resolution[among], costs[among], in_hand)
    # `among` is in the order of the index.
    return None if not chosen.any() else int(among[int(np.argmax(chosen))])


def _best_set(quality: Array, resolution: Array, costs: Array, in_hand: float | None) -> NDArray[np.bool_]:
    worth = expected_best(quality, resolution, in_hand or 0.0) - _sums(costs)
    if in_hand is None:
        worth[0] = -np.inf
    # Of equals the smallest comes first, so that nothing is bought for nothing.
    return np.array(int(np.argmax(worth)) >> np.arange(len(quality)) & 1, bool)


def _sums(costs: Array) -> Array:
    """The cost of every set, in the order of `expected_best`."""
    sums = np.zeros(1)
    for cost in costs:
        sums = np.concatenate([sums, sums + cost])
    return sums
