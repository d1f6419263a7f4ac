"""One request on its way through the chat model: decided, asked, and sent as it comes."""

import json
import time
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from langchain_core.runnables import RunnableConfig
from starlette.responses import JSONResponse
from starlette.types import Send

from orchestrator_graph.surfaces.chat_model import ChatOrchestrator
from orchestrator_graph.surfaces.choice import Choice
from orchestrator_graph.surfaces.exchange import ASKED
from orchestrator_graph.surfaces.loop import Loop
from orchestrator_graph.surfaces.server.completions import Wanted
from orchestrator_graph.surfaces.server.errors import problem_of
from orchestrator_graph.surfaces.server.keys import Caller
from orchestrator_graph.surfaces.server.loops import Loops
from orchestrator_graph.surfaces.server.metrics import GRAPH, NOBODY, Metrics
from orchestrator_graph.surfaces.server.replies import Reply

__all__ = ["Answering"]

STREAM = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache", "x-accel-buffering": "no"}


@dataclass(slots=True)
class Answering:
    """What is known of one request while it is answered.

    Attributes:
        chat: With the policy of this request.
        model: Who was asked last; `none` before that.
        status: Of HTTP, as sent or as a stream's error says.
        started: The answer's head was sent.
    """

    chat: ChatOrchestrator
    wanted: Wanted
    caller: Caller
    loops: Loops
    metrics: Metrics
    reply: Reply
    began: float = field(default_factory=time.monotonic)
    model: str = NOBODY
    status: int = 200
    started: bool = False
    _choice: Choice | None = None

    async def send(self, send: Send) -> None:
        """Answers, as a whole or as a stream.

        Raises:
            OrchestratorError: Nobody answered, and nothing was sent yet.
        """
        ASKED.set(self._asked)
        messages = self.loops.recall(self.caller.name, self.wanted.messages)
        before = Loop.of(messages).candidate or ""
        config: RunnableConfig = {"run_name": "chat.completions", "metadata": dict(self.wanted.metadata)}
        if self.wanted.stream:
            await self._stream(send, messages, config)
        else:
            message = await self.chat.ainvoke(messages, config, **self.wanted.options)
            body = self.reply.whole(message)
            await _whole(send, body, self._headers())
        if self.reply.record:
            self.loops.keep(self.caller.name, self.reply.ids, self.reply.record)
            self.metrics.answered(self.reply.record, before)
            self.model = str(self.reply.record.get("model") or GRAPH)

    async def _stream(self, send: Send, messages: Any, config: RunnableConfig) -> None:
        try:
            stream: Any = self.chat.astream(messages, config, **self.wanted.options)
            async with aclosing(stream) as chunks:
                async for chunk in chunks:
                    deltas = list(self.reply.deltas(chunk))  # first: they tell whose they are
                    await self._begin(send)
                    for delta in deltas:
                        await _event(send, delta)
        except Exception as error:
            if not self.started:
                raise
            problem = problem_of(error)  # what was sent stays as it is: nobody else's words are put behind it
            self.status = problem.status
            await _event(send, problem.body)
        else:
            for delta in self.reply.last(counted=self.wanted.counted):
                await _event(send, delta)
            await _piece(send, b"data: [DONE]\n\n")
        await send({"type": "http.response.body", "body": b""})

    async def _begin(self, send: Send) -> None:
        """The head and the first chunk, once the first word is there: until then an error has a status of its own."""
        if self.started:
            return
        self.started = True
        model = GRAPH if self.model == NOBODY else self.model
        self.metrics.began(model, time.monotonic() - self.began)
        headers = {**STREAM, **self._headers()}
        await send({"type": "http.response.start", "status": 200, "headers": _raw(headers)})
        await _event(send, self.reply.first())

    def _asked(self, choice: Choice, model: str) -> None:
        self._choice, self.model, self.reply.model = choice, model, model

    def _headers(self) -> dict[str, str]:
        """Names and numbers only; the reasons are in the body."""
        record = self.reply.record
        choice = self._choice
        told: dict[str, Any] = {
            "run-id": record.get("run_id") or (choice and choice.run_id),
            "decision-id": record.get("decision_id") or (choice and choice.decision_id),
            "model": self.reply.model,
            "private": record.get("private", choice and choice.private),
            "proved": record.get("proved"),
            "cost-usd": (record.get("bill") or {}).get("total_usd"),
        }
        return {
            f"x-orchestrator-{name}": json.dumps(value).strip('"') for name, value in told.items() if value is not None
        }


async def _whole(send: Send, body: Mapping[str, Any], headers: Mapping[str, str]) -> None:
    response = JSONResponse(body, headers=headers)
    await send({"type": "http.response.start", "status": 200, "headers": response.raw_headers})
    await send({"type": "http.response.body", "body": response.body})


async def _event(send: Send, data: Mapping[str, Any]) -> None:
    await _piece(send, f"data: {json.dumps(data, ensure_ascii=False, separators=(',', ':'))}\n\n".encode())


async def _piece(send: Send, data: bytes) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": True})


def _raw(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
