"""Streams tokens with log-probabilities as Ollama and OpenAI-compatible servers do, run as a child process.

The model's name says how sure it is of them and how many there are. Stops when the client goes away, as real servers
do. `GET /seen` tells, by model, how many tokens each request was sent and whether the client left early. Prints its
port, ends when its standard input closes.
"""

import asyncio
import contextlib
import json
import os
import sys

LENGTHS = {"sure": 20, "mute": 20, "slips": 20, "falls": 600}
PAUSE_S = 0.005
SURE, DOUBT = -0.001, -1.0
FALLS_AT = 4
"""The token, counted from one, with which `slips` and `falls` become improbable."""


TAGS = {"models": [{"name": f"{name}:latest"} for name in LENGTHS]}
SHOWN = {
    "capabilities": ["completion"],
    "model_info": {"general.architecture": "llama", "llama.context_length": 4096},
    "parameters": "num_ctx 2048",
}


class Stream:
    """One answer on its way out: whole lines, chunked, until the client leaves."""

    def __init__(self, reader, writer):
        self.writer = writer
        self.left = asyncio.ensure_future(reader.read(1))  # ends when the client closes its side

    async def begin(self, kind):
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n"
        self.writer.write(head.encode())

    async def line(self, text):
        data = text.encode()
        self.writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        await self.writer.drain()

    async def end(self):
        self.writer.write(b"0\r\n\r\n")
        await self.writer.drain()


def logprob_of(model, number):
    return DOUBT if model in ("slips", "falls") and number >= FALLS_AT else SURE


def entry(model, number):
    other = {"token": "x", "logprob": -5.0}
    return [{"token": f" w{number}", "logprob": logprob_of(model, number), "bytes": None, "top_logprobs": [other]}]


async def ollama(stream, model):
    await stream.begin("application/x-ndjson")
    async for number in counted(stream, model):
        extra = {} if model == "mute" else {"logprobs": entry(model, number)}
        message = {"role": "assistant", "content": f" w{number}"}
        line = {"model": model, "created_at": "x", "message": message, "done": False, **extra}
        await stream.line(json.dumps(line) + "\n")
        yield number
    message = {"role": "assistant", "content": ""}
    last = {"model": model, "created_at": "x", "message": message, "done": True, "done_reason": "stop"}
    await stream.line(json.dumps({**last, "prompt_eval_count": 20, "eval_count": LENGTHS[model]}) + "\n")


async def openai(stream, model):
    await stream.begin("text/event-stream")

    async def event(choices, **more):
        payload = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": model, "choices": choices}
        await stream.line(f"data: {json.dumps({**payload, **more})}\n\n")

    async for number in counted(stream, model):
        extra = {} if model == "mute" else {"logprobs": {"content": entry(model, number)}}
        delta = {"role": "assistant", "content": f" w{number}"}
        await event([{"index": 0, "delta": delta, "finish_reason": None, **extra}])
        yield number
    await event([{"index": 0, "delta": {}, "finish_reason": "stop"}])
    await event([], usage=usage(model))
    await stream.line("data: [DONE]\n\n")


async def counted(stream, model):
    for number in range(1, LENGTHS[model] + 1):
        if stream.left.done():
            raise ConnectionResetError
        yield number
        await asyncio.sleep(PAUSE_S)


def usage(model):
    return {"prompt_tokens": 20, "completion_tokens": LENGTHS[model], "total_tokens": 20 + LENGTHS[model]}


def whole(model):
    text = "".join(f" w{number}" for number in range(1, LENGTHS[model] + 1))
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    payload = {"id": "1", "object": "chat.completion", "created": 1, "model": model, "choices": [choice]}
    return {**payload, "usage": usage(model)}


async def reply(writer, payload):
    data = json.dumps(payload).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n"
    writer.write(f"{head}Connection: close\r\n\r\n".encode() + data)
    await writer.drain()


class Server:
    def __init__(self):
        self.seen = {}

    async def handle(self, reader, writer):
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await self.serve(reader, writer)
        finally:
            writer.close()

    async def serve(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        _, path, _ = head.split(" ", 2)
        rows = (row.lower().partition("content-length:") for row in head.split("\r\n"))
        raw = await reader.readexactly(next((int(value) for _, found, value in rows if found), 0))
        told = {"/seen": self.seen, "/api/tags": TAGS, "/api/show": SHOWN, "/api/ps": {"models": []}}
        if path in told:
            return await reply(writer, told[path])
        body = json.loads(raw)
        model = body["model"].removesuffix(":latest")
        record = {"sent": 0, "left": False, "over": False, "logprobs": bool(body.get("logprobs"))}
        self.seen.setdefault(model, []).append(record)
        if path != "/api/chat" and not body.get("stream"):
            record |= {"sent": LENGTHS[model], "over": True}
            return await reply(writer, whole(model))
        stream = Stream(reader, writer)
        try:
            async for number in (ollama if path == "/api/chat" else openai)(stream, model):
                record["sent"] = number
            await stream.end()
        except ConnectionError:
            record["left"] = True
        finally:
            record["over"] = True
            stream.left.cancel()


async def main():
    listener = await asyncio.start_server(Server().handle, "127.0.0.1", 0)
    print(listener.sockets[0].getsockname()[1], flush=True)  # noqa: T201
    await asyncio.to_thread(sys.stdin.read)
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main())
