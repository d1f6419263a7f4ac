"""A stand-in for providers, run as a child process: OpenAI's chat completions and Ollama's chat, slowly.

`GET /seen` tells, by model, how many requests began, ended, were hung up on, and are under way. Prints its port, ends
when its standard input closes. What a model does: `slow` streams 400 words in eight seconds, `steady` 75, `word` one,
`breaks` three and an error, `limited` says 429, `lost` 500, `quick` (Ollama) streams 600 words as fast as it is read.
"""

import asyncio
import contextlib
import json
import os
import sys
from collections import Counter, defaultdict

USAGE = {"prompt_tokens": 10, "completion_tokens": 400, "total_tokens": 410}
WORDS = {"slow": 400, "breaks": 3, "word": 1, "steady": 75}
PAUSE_S = 0.02
SEEN: dict[str, Counter[str]] = defaultdict(Counter)
SHOWN = {
    "capabilities": ["completion"],
    "model_info": {"general.architecture": "llama", "llama.context_length": 4096},
    "parameters": "num_ctx 2048",
}


async def handle(reader, writer):
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        path = head.split(" ")[1]
        length = next((int(row.split(":")[1]) for row in head.lower().split("\r\n") if "content-length:" in row), 0)
        body = json.loads(await reader.readexactly(length) or b"{}")
        await served(path, body, reader, writer)
    writer.close()


async def served(path, body, reader, writer):
    if path == "/seen":
        return await whole(writer, 200, SEEN)
    if path == "/api/tags":
        return await whole(writer, 200, {"models": [{"name": "quick:latest"}]})
    if path == "/api/show":
        return await whole(writer, 200, SHOWN)
    if path != "/v1/chat/completions" and path != "/api/chat":
        return await whole(writer, 200, {"models": []})
    model = body["model"].removesuffix(":latest")
    count = SEEN[model]
    count["begun"] += 1
    count["now"] += 1
    left = asyncio.ensure_future(reader.read(1))
    work = asyncio.ensure_future(answer(writer, path, model, body))
    await asyncio.wait({left, work}, return_when=asyncio.FIRST_COMPLETED)
    count["cut" if not work.done() else "ended"] += 1
    count["now"] -= 1
    for task in (left, work):
        task.cancel()
    return await asyncio.wait({left, work})


async def answer(writer, path, model, body):
    if model == "limited":
        return await whole(writer, 429, {"error": {"message": "slow down"}}, "Retry-After: 77\r\n")
    if model == "lost":
        return await whole(writer, 500, {"error": {"message": "boom"}})
    if path == "/api/chat":
        return await ollama(writer)
    if not body.get("stream"):
        await asyncio.sleep(WORDS[model] * PAUSE_S)
        message = {"role": "assistant", "content": "slowly"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        told = {"id": "1", "object": "chat.completion", "created": 1, "model": model, "choices": [choice]}
        return await whole(writer, 200, {**told, "usage": USAGE})
    return await openai(writer, model)


async def openai(writer, model):
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
    for number in range(WORDS[model]):
        await event(writer, model, [{"index": 0, "delta": {"content": f"w{number} "}, "finish_reason": None}])
        await asyncio.sleep(PAUSE_S)
    if model == "breaks":
        writer.write(b'data: {"error": {"message": "boom", "code": "server_error"}}\n\n')
        return await writer.drain()
    await event(writer, model, [{"index": 0, "delta": {}, "finish_reason": "stop"}])
    await event(writer, model, [], usage=USAGE)
    writer.write(b"data: [DONE]\n\n")
    return await writer.drain()


async def event(writer, model, choices, **more):
    told = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": model, "choices": choices, **more}
    writer.write(f"data: {json.dumps(told)}\n\n".encode())
    await writer.drain()


async def ollama(writer):
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nConnection: close\r\n\r\n")
    for number in range(600):
        await line(writer, f"w{number} ")
        await asyncio.sleep(0.001)
    await line(writer, "", done=True, done_reason="stop", prompt_eval_count=20, eval_count=600)


async def line(writer, text, **more):
    message = {"role": "assistant", "content": text}
    told = {"model": "quick", "created_at": "x", "message": message, "done": False, **more}
    writer.write(json.dumps(told).encode() + b"\n")
    await writer.drain()


async def whole(writer, status, payload, extra=""):
    data = json.dumps(payload).encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n{extra}"
    writer.write(f"{head}Connection: close\r\n\r\n".encode() + data)
    await writer.drain()


async def main():
    listener = await asyncio.start_server(handle, "127.0.0.1", 0, backlog=512)
    print(listener.sockets[0].getsockname()[1], flush=True)  # noqa: T201
    await asyncio.to_thread(sys.stdin.read)
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main())
