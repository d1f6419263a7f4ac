"""Ids and JSON for all values."""

import dataclasses
import functools
import os
import secrets
from typing import Any

__all__ = ["NANO", "known", "new_id", "to_json"]

NANO = 1_000_000_000
"""Nano-dollars in a dollar."""
_SCALARS = frozenset({str, int, float, bool, type(None)})
_spare_ids: list[str] = []
# A forked child must not hand out its parent's ids.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_spare_ids.clear)


def new_id() -> str:
    """A random 128-bit id, 32 hexadecimal digits.

    The system's randomness is fetched for 64 ids at a time: on a virtual machine one fetch costs half a millisecond.
    """
    try:
        return _spare_ids.pop()
    except IndexError:
        block = secrets.token_hex(16 * 64)
        _spare_ids.extend(block[i : i + 32] for i in range(32, len(block), 32))
        return block[:32]


def to_json(value: Any) -> Any:
    """Dataclasses, tuples and sets as plain JSON values.

    >>> to_json(Candidate.single("ollama:qwen3:4b"))["members"][0]["samples"]
    1
    """
    kind = type(value)
    if kind in _SCALARS:
        return value
    if kind in (tuple, list, set, frozenset):
        return [to_json(item) for item in value]
    if isinstance(value, dict):
        return {str(key): to_json(item) for key, item in value.items()}
    if dataclasses.is_dataclass(kind):
        fields = [(name, getattr(value, name)) for name in _field_names(kind)]
        # Most fields are scalars; not calling for them halves the time of a decision.
        return {name: item if type(item) in _SCALARS else to_json(item) for name, item in fields}
    return value


@functools.cache
def _field_names(kind: type) -> tuple[str, ...]:
    return tuple(f.name for f in dataclasses.fields(kind))


def known(cls: type, data: dict[str, Any]) -> dict[str, Any]:
    """The entries that are fields of the class."""
    return {name: data[name] for name in _field_names(cls) if name in data}
