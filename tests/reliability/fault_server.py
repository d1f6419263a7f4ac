"""A server with faults, run as a child process: speaks enough of OpenAI's and of Ollama's protocol.

The model's name is the fault. `GET /seen` tells what arrived. Prints its port, ends when its standard input closes.
"""

import asyncio
import contextlib
import json
import sys
from collections import Counter

ANSWER = "forty two"
USAGE = {"prompt_tokens": 20, "completion_tokens": 3, "total_tokens": 23}
STATUS = {
    "401": (401, {"error": {"message": "Incorrect API key provided: sk-secret-123456", "code": "invalid_api_key"}}),
    "404": (404, {"error": {"message": "The model does not exist", "code": "model_not_found"}}),
    "500": (500, {"error": {"message": "boom"}}),
    "529": (529, {"error": {"message": "overloaded"}}),
    "429-short": (429, {"error": {"message": "slow down"}}),
    "429-long": (429, {"error": {"message": "slow down"}}),
    "overflow": (400, {"error": {"message": "too long", "code": "context_length_exceeded"}}),
    "picky-400": (400, {"error": {"message": "logprobs are not supported", "code": "unsupported_parameter"}}),
    "invalid": (400, {"error": {"message": "no", "code": "invalid"}}),
    "quota": (429, {"error": {"message": "no money", "code": "insufficient_quota"}}),
}
RETRY_AFTER = {"429-short": "0.2", "429-long": "90"}


class Server:
    def __init__(self, elsewhere):
        self.elsewhere = elsewhere
        self.requests = Counter()
        self.now = Counter()
        self.most = Counter()
        self.bodies = []

    async def handle(self, reader, writer):
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):  # a client that went away
                await self.serve(reader, writer)
        finally:
            writer.close()

    async def serve(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        method, path, _ = head.split(" ", 2)
        length = next(
            (int(row.split(":")[1]) for row in head.split("\r\n") if row.lower().startswith("content-length")), 0
        )
        raw = await reader.readexactly(length)
        self.send = writer
        if path == "/seen":
            seen = {"requests": self.requests, "most": self.most, "now": self.now, "bodies": self.bodies}
            return await reply(writer, 200, seen)
        self.bodies.append({"line": f"{method} {path}", "body": raw.decode(errors="replace"), "head": head})
        if path == "/api/tags":
            names = [*STATUS, *OTHER, "elsewhere", "embedder"]
            rows = [{"name": f"{name}:latest"} for name in names]
            return await reply(writer, 200, {"models": rows})
        if path in ("/api/ps", "/v1/models"):
            return await reply(writer, 200, {"models": [], "data": [{"id": f"m{n}"} for n in range(5)]})
        body = json.loads(raw or b"{}")
        if path == "/api/show":
            return await reply(writer, 200, shown(body["model"]))
        model = body.get("model", "").removesuffix(":latest")
        self.requests[model] += 1
        self.now[model] += 1
        self.most[model] = max(self.most[model], self.now[model])
        try:
            await self.answer(writer, path, model, body)
        finally:
            self.now[model] -= 1

    async def answer(self, writer, path, model, body):
        if model.startswith("flaky"):
            model = "500" if self.requests[model] <= int(model.rpartition("-")[2]) else "ok"
        if model == "picky":
            model = "picky-400" if "logprobs" in body else "ok"
        if model in STATUS:
            await refuse(writer, path, model)
        elif model == "redirect":
            await reply(writer, 307, {}, f"Location: {self.elsewhere}{path}\r\n")
        elif model == "headdrip":
            await drip_head(writer)
        elif model == "html":
            await reply(writer, 200, "<html>login</html>", kind="text/html")
        else:
            await asyncio.sleep(DELAYS.get(model.partition("-")[0], 0))
            await (ollama if path == "/api/chat" else openai)(writer, model, body)


DELAYS = {"slow": 0.15, "hang": 30, "late": 2.5}
OTHER = [
    *("ok", "slow", "hang", "drip", "headdrip", "html", "truncated", "cut", "empty", "usage-negative", "redirect"),
    *("length", "error200", "filled", "thinking", "load"),
]


async def refuse(writer, path, model):
    code, payload = STATUS[model]
    if path == "/api/chat":
        payload = {"error": "the input length exceeds the context length" if model == "overflow" else "no"}
    extra = f"Retry-After: {RETRY_AFTER[model]}\r\n" if model in RETRY_AFTER else ""
    await reply(writer, code, payload, extra)


async def drip_head(writer):
    writer.write(b"HTTP/1.1 200 OK\r\n")
    for n in range(50):
        writer.write(f"X-Slow-{n}: y\r\n".encode())
        await writer.drain()
        await asyncio.sleep(0.2)


def shown(name):
    name = name.removesuffix(":latest")
    shown = {
        "capabilities": ["completion"],
        "model_info": {"general.architecture": "llama", "llama.context_length": 512},
    }
    if name == "elsewhere":
        shown["remote_host"] = "https://ollama.com"
    if name == "embedder":
        shown["capabilities"] = ["embedding"]
    return {**shown, "parameters": "num_ctx 256"}


async def reply(writer, code, payload, extra="", kind="application/json"):
    data = payload.encode() if isinstance(payload, str) else json.dumps(payload).encode()
    head = (
        f"HTTP/1.1 {code} X\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n{extra}Connection: close\r\n\r\n"
    )
    writer.write(head.encode() + data)
    await writer.drain()


async def chunk(writer, text):
    data = text.encode()
    writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
    await writer.drain()


async def begin(writer, kind):
    writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
    await writer.drain()


def usage_of(model):
    return {
        "usage-negative": {"prompt_tokens": -5, "completion_tokens": -1, "total_tokens": -6},
        "usage-absent": None,
        "usage-text": {"prompt_tokens": "many", "completion_tokens": "few", "total_tokens": "x"},
    }.get(model, USAGE)


def message_of(model):
    message = {"role": "assistant", "content": ANSWER}
    if model in ("empty", "thinking"):
        message["content"] = None if model == "empty" else ""
    if model == "refusal":
        message |= {"content": None, "refusal": "I will not"}
    if model == "badtool":
        call = {"index": 0, "id": "1", "type": "function", "function": {"name": "f", "arguments": "{broken"}}
        message |= {"content": None, "tool_calls": [call]}
    return message


def finish_of(model):
    return {"filter": "content_filter", "length": "length", "thinking": "length", "badtool": "tool_calls"}.get(
        model, "stop"
    )


async def openai(writer, model, body):
    if model == "error200":
        payload = {"error": {"message": "inner", "code": "server_error"}}
        if not body.get("stream"):
            return await reply(writer, 200, payload)
        await begin(writer, "text/event-stream")
        await chunk(writer, f"data: {json.dumps(payload)}\n\n")
        return await chunk(writer, "")
    return await (openai_stream if body.get("stream") else openai_whole)(writer, model)


LOGPROBS = {"content": [{"token": "forty", "logprob": -0.1, "bytes": None, "top_logprobs": []}]}


async def openai_whole(writer, model):
    message = message_of(model)
    choice = {"index": 0, "message": message, "finish_reason": finish_of(model), "logprobs": LOGPROBS}
    if model == "truncated":
        choice["finish_reason"] = None
    choices = [] if model == "nochoices" else [choice]
    payload = {"id": "1", "object": "chat.completion", "created": 1, "model": model, "choices": choices}
    if usage_of(model):
        payload["usage"] = usage_of(model)
    text = json.dumps(payload)
    if model == "cut":
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n{")
        return
    if model == "drip":
        writer.write(
            f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n".encode()
        )
        for letter in text:
            writer.write(letter.encode())
            await writer.drain()
            await asyncio.sleep(0.1)
        return
    await reply(writer, 200, payload)


async def openai_stream(writer, model):
    await begin(writer, "text/event-stream")

    async def event(choices, **more):
        payload = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": model, "choices": choices}
        await chunk(writer, f"data: {json.dumps({**payload, **more})}\n\n")

    message = message_of(model)
    if model != "nochoices":
        for piece in (message["content"] or "").split(" "):
            await event([{"index": 0, "delta": {"role": "assistant", "content": piece + " "}, "finish_reason": None}])
        extra = {key: value for key, value in message.items() if key in ("refusal", "tool_calls")}
        for _ in range(100 if model == "drip" else 0):
            await event([{"index": 0, "delta": {"content": "x"}, "finish_reason": None}])
            await asyncio.sleep(0.1)
        if model in ("truncated", "cut"):
            return await chunk(writer, "") if model == "truncated" else None
        delta = {"content": None, **extra}
        await event([{"index": 0, "delta": delta, "finish_reason": finish_of(model), "logprobs": LOGPROBS}])
    if usage_of(model):
        await event([], usage=usage_of(model))
    await chunk(writer, "data: [DONE]\n\n")
    return await chunk(writer, "")


async def ollama(writer, model, body):
    await begin(writer, "application/x-ndjson")

    async def line(content, **more):
        message = {"role": "assistant", "content": content}
        await chunk(
            writer, json.dumps({"model": model, "created_at": "x", "message": message, "done": False, **more}) + "\n"
        )

    if model == "error200":
        return await chunk(writer, json.dumps({"error": "runner crashed"}) + "\n") or await chunk(writer, "")
    pieces = [] if model in ("empty", "thinking", "load") else ["forty ", "two"]
    for piece in pieces:
        await line(
            piece, logprobs=[{"token": piece, "logprob": -0.2, "top_logprobs": [{"token": "x", "logprob": -3.0}]}]
        )
    if model == "drip":
        for _ in range(100):
            await line("x")
            await asyncio.sleep(0.1)
    if model in ("truncated", "cut"):
        return await chunk(writer, "") if model == "truncated" else None
    count = {"filled": body["options"]["num_ctx"], "usage-negative": -3, "usage-absent": None}.get(model, 20)
    counts = {} if count is None else {"prompt_eval_count": count, "eval_count": 3}
    reason = {"length": "length", "thinking": "length", "load": "load"}.get(model, "stop")
    await line("", done=True, done_reason=reason, prompt_eval_duration=1_000_000, load_duration=1_000_000, **counts)
    return await chunk(writer, "")


async def main():
    server = Server(sys.argv[1] if len(sys.argv) > 1 else "")
    listener = await asyncio.start_server(server.handle, "127.0.0.1", 0, backlog=512)
    print(listener.sockets[0].getsockname()[1], flush=True)  # noqa: T201
    await asyncio.to_thread(sys.stdin.read)
    sys.stdout.flush()
    import os

    os._exit(0)


asyncio.run(main())
