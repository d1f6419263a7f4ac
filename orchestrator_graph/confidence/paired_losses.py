"""What audited tasks say was lost against the reference. Knows a policy as a function and nothing of certificates."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from orchestrator_graph.types.history import History

__all__ = ["paired_losses"]


Choose = Callable[[NDArray[np.float32], str], tuple[str, bool]]
"""(vector, task type) -> (candidate id, whether the task lies in the domain)."""


def paired_losses(
    history: History, reference: str, choose: Choose, since: float, deviates: float = 1.0
) -> NDArray[np.float64]:
    """Reference's score minus the policy's on tasks that are newer than `since` and labelled on both, oldest first.

    Only tasks on which the policy leaves the reference can lose anything, and only they need an audit. Each stands for
    1 / `deviates` requests of which the others lose nothing, so its loss counts by that share: the mean is then the one
    over all requests, however often who asked for the reference has voted.

    Args:
        history: What is remembered, oldest first.
        reference: Candidate id.
        choose: The policy.
        since: Seconds since the epoch; what was certified on must not be counted again.
        deviates: Share in (0, 1] of requests on which the policy leaves the reference.

    Returns:
        Shape (k,), in [-deviates, deviates].
    """
    column = {name: place for place, name in enumerate(history.candidates)}
    if reference not in column:
        return np.zeros(0)
    known = history.trusted
    losses = []
    for row in np.flatnonzero((history.times > since) & known[:, column[reference]]):
        choice, _ = choose(history.vectors[row], history.task_types[row])
        if choice != reference and choice in column and known[row, column[choice]]:
            losses.append(history.scores[row, column[reference]] - history.scores[row, column[choice]])
    return deviates * np.array(losses, dtype=float)
