"""The JSON of a request's body, read up to a bound."""

import json
import re
from typing import Any

from starlette.requests import ClientDisconnect, Request

from orchestrator_graph.surfaces.server.errors import RefusedError
from orchestrator_graph.surfaces.server.present import GoneError

__all__ = ["MOST_BYTES", "json_of"]

MOST_BYTES = 20_000_000
SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


async def json_of(request: Request) -> Any:
    """The body's JSON.

    Raises:
        RefusedError: 413, too large; 400, no JSON.
        GoneError: The caller hung up before all of it had come.
    """
    told = request.headers.get("content-length", "0")
    if told.isdigit() and int(told) > MOST_BYTES:
        raise _too_large()
    parts, size = list[bytes](), 0
    try:
        async for part in request.stream():
            parts.append(part)
            size += len(part)
            if size > MOST_BYTES:
                raise _too_large()
    except ClientDisconnect:
        raise GoneError("the caller went away") from None
    return _parsed(b"".join(parts))


def _parsed(data: bytes) -> Any:
    try:
        found = json.loads(data.decode("utf-8-sig"))  # nothing else: half a pair hides from SURROGATE in UTF-16
        if SURROGATE.search(data):
            json.dumps(found, ensure_ascii=False).encode()  # half of a pair is no text that any model could be sent
    except UnicodeEncodeError:
        raise RefusedError(400, "the body holds half of a surrogate pair", code="invalid_json") from None
    except (ValueError, RecursionError) as error:  # the error quotes no text, only where it is
        raise RefusedError(400, f"the body is not JSON: {error}", code="invalid_json") from None
    return found


def _too_large() -> RefusedError:
    return RefusedError(413, f"the body has more than {MOST_BYTES} bytes; shorten it", code="request_too_large")
