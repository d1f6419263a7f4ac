"""JSON Schemas as small servers can take them. Whoever asked checks the answer against the whole schema anyway.

The runner of Ollama 0.24 (llama.cpp's grammars), on `/v1` too, dies of a SIGSEGV, and takes every call under way with
it, on a `pattern` with a class such as backslash-d, and on `maxLength: 4000`.
"""

from collections.abc import Mapping
from typing import Any

__all__ = ["without_limits"]

LIMITS = frozenset({"pattern", "minLength", "maxLength", "maxItems"})
BY_NAME = frozenset({"properties", "$defs", "definitions"})
VALUES = frozenset({"enum", "const", "default", "examples"})


def without_limits(schema: Any) -> Any:
    """The schema without patterns and without limits on lengths; names of properties and constants stay.

    >>> without_limits({"properties": {"pattern": {"type": "string", "pattern": "^[a-z]+$"}}})
    {'properties': {'pattern': {'type': 'string'}}}
    """
    if isinstance(schema, list):
        return [without_limits(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    return {key: _below(key, value) for key, value in schema.items() if key not in LIMITS}


def _below(key: str, value: Any) -> Any:
    if key in VALUES:
        return value
    if key in BY_NAME and isinstance(value, Mapping):
        return {name: without_limits(item) for name, item in value.items()}
    return without_limits(value)
