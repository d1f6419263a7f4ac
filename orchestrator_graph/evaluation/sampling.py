"""Which tasks an audit looks at: by their ids, so that it looks at the same ones again."""

import hashlib

from orchestrator_graph.errors import InputError

__all__ = ["check_share", "sampled"]


def sampled(task_id: str, share: float) -> bool:
    """Whether a task is in the sample: the same ones each time, and with a larger share these and more.

    >>> [sampled(str(n), 0.5) for n in range(4)]
    [True, False, True, True]
    """
    return int(hashlib.sha256(f"audit {task_id}".encode()).hexdigest()[:13], 16) / 16**13 < share


def check_share(share: float) -> None:
    """Raises InputError unless the share is above 0 and at most 1."""
    if not 0 < share <= 1:
        raise InputError(f"audit: share = {share!r} is no share above 0 and at most 1, such as 0.1")
