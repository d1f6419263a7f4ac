"""How long Ollama shall keep a model loaded, from what a user writes to what it takes."""

import re

from orchestrator_graph.errors import InputError

__all__ = ["keep_alive_of"]

DURATION = re.compile(r"-?\d+|-?(\d+(\.\d+)?(ms|s|m|h))+")


def keep_alive_of(text: str) -> int | str:
    """How long to keep a model, as Ollama takes it: seconds (negative = for ever) or a duration.

    >>> keep_alive_of("30m"), keep_alive_of("-1")
    ('30m', -1)

    Raises:
        InputError: It is neither, or it is no time at all.
    """
    if not isinstance(text, str) or not DURATION.fullmatch(text) or not re.search("[1-9]", text):
        raise InputError(f"keep_alive = {text!r} is no duration: write '30m', '2h', '300' (seconds) or '-1' (for ever)")
    return int(text) if re.fullmatch(r"-?\d+", text) else text
