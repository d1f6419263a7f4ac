"""A stand-in for a cloud: an OpenAI-compatible server that writes eight words, on loopback, in a process of its own.

It thinks nothing, so that what is measured in front of it is what was put there. `python -m benchmarks.stand_in PORT`.
"""

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

WORDS = [f"word{i} " for i in range(8)]
USAGE = {"prompt_tokens": 20, "completion_tokens": 8, "total_tokens": 28}


def app() -> Any:
    """The Starlette app."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse, Response, StreamingResponse
    from starlette.routing import Route

    def body(model: str, kind: str, choice: dict[str, Any], usage: Any) -> dict[str, Any]:
        return {"id": "x", "object": kind, "created": 1, "model": model, "choices": [choice], "usage": usage}

    async def pieces(model: str) -> AsyncIterator[str]:
        kind = "chat.completion.chunk"
        for number, word in enumerate(WORDS):
            delta = {"content": word, **({"role": "assistant"} if number == 0 else {})}
            choice = {"index": 0, "delta": delta, "finish_reason": None}
            yield f"data: {json.dumps(body(model, kind, choice, None))}\n\n"
        last = body(model, kind, {"index": 0, "delta": {}, "finish_reason": "stop"}, None)
        yield f"data: {json.dumps(last)}\n\n"
        yield f"data: {json.dumps({**last, 'choices': [], 'usage': USAGE})}\n\n"
        yield "data: [DONE]\n\n"

    async def complete(request: Request) -> Response:
        asked = await request.json()
        if asked.get("stream"):
            return StreamingResponse(pieces(asked["model"]), media_type="text/event-stream")
        message = {"role": "assistant", "content": "".join(WORDS)}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return JSONResponse(body(asked["model"], "chat.completion", choice, USAGE))

    return Starlette(routes=[Route("/v1/chat/completions", complete, methods=["POST"])])


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def child(*command: str, url: str, seconds: float = 60.0) -> Iterator[str]:
    """A server in a child process, once it answers at all at the URL, until the end."""
    with subprocess.Popen([sys.executable, *command]) as process:
        try:
            ends = time.monotonic() + seconds
            while not _answers(url):
                if process.poll() is not None or time.monotonic() > ends:
                    raise RuntimeError(f"{' '.join(command)} does not answer at {url}")
                time.sleep(0.1)
            yield url
        finally:
            process.terminate()


@contextmanager
def stand_in() -> Iterator[str]:
    """The stand-in's base URL, `http://127.0.0.1:PORT/v1`."""
    port = free_port()
    with child("-m", "benchmarks.stand_in", str(port), url=f"http://127.0.0.1:{port}/v1") as url:
        yield url


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=1).close()  # noqa: S310 - loopback
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


if __name__ == "__main__":
    import uvicorn

    uvicorn.run(app(), host="127.0.0.1", port=int(sys.argv[1]), log_level="error")
