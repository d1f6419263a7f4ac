"""Asks one client once: parameters, tracing, the deadline in the context, streaming. Knows nothing of money."""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from orchestrator_graph.drive import Effects
from orchestrator_graph.gateway.answer import read_logprobs
from orchestrator_graph.gateway.clients import Clients
from orchestrator_graph.gateway.parameters import Flavour, flavour_of, parametrised
from orchestrator_graph.gateway.tracing import PART_OF_A_RUN, config_for, kept_here
from orchestrator_graph.gateway.transport import BOUNDS, Bounds
from orchestrator_graph.gateway.watcher import Watcher
from orchestrator_graph.registry.spec import ModelSpec
from orchestrator_graph.types import Request

__all__ = ["Ask", "Heard", "says"]

ENDED = ("finish_reason", "done_reason", "done")
"""What the last chunk says: there is nothing left to save, and the whole answer is there."""


class GivenUp(Exception):  # noqa: N818
    """The answer so far is too improbable: the rest is not waited for."""


class TooLate(Exception):  # noqa: N818
    """A chunk arrived after the call had ended."""


class NothingSaid(Exception):  # noqa: N818
    """The server answered without a single piece of text."""


@dataclass(slots=True)
class Heard:
    """The chunks of a stream as they arrive, possibly in another thread.

    Attributes:
        on_token, on_chunk: Given the text of each chunk, each chunk itself.
        watcher: Says when the rest is not worth waiting for.
        given_up: Why the stream was ended before its end, if it was.
        held: Chunks without a word in them, not passed on yet.
        speaks: A chunk had something in it.
    """

    on_token: Callable[[str], None] | None
    on_chunk: Callable[[Any], None] | None = None
    watcher: Watcher | None = None
    began: float = field(default_factory=time.monotonic)
    chunks: list[Any] = field(default_factory=list)
    first_token_s: float | None = None
    stopped: bool = False
    given_up: str = ""
    held: list[Any] = field(default_factory=list)
    speaks: bool = False

    def take(self, chunk: Any) -> None:
        """Keeps a chunk and passes its text on.

        Raises:
            TooLate: The call has ended meanwhile: nothing more may be shown.
            GivenUp: The watcher says so, and the model has not ended by itself.
        """
        if self.stopped:
            raise TooLate
        self.chunks.append(chunk)
        text = str(chunk.text)
        if text and self.first_token_s is None:
            self.first_token_s = time.monotonic() - self.began
        if text and self.on_token is not None:
            self.on_token(text)
        if self.on_chunk is not None:
            self._pass_on(chunk)
        if self.watcher is not None:
            self._weigh(chunk.response_metadata, self.watcher)

    def _pass_on(self, chunk: Any) -> None:
        """Holds back what says nothing yet: another try, or model, may still begin the stream anew."""
        self.held.append(chunk)
        self.speaks = self.speaks or says(chunk)
        while self.speaks and self.held and self.on_chunk is not None:
            self.on_chunk(self.held.pop(0))

    def _weigh(self, meta: Mapping[str, Any], watcher: Watcher) -> None:
        why = watcher.hopeless(read_logprobs(meta.get("logprobs")))
        if why and not any(meta.get(name) for name in ENDED):
            self.given_up = why
            raise GivenUp

    @property
    def text(self) -> str:
        """What arrived so far."""
        return "".join(str(chunk.text) for chunk in list(self.chunks))

    @property
    def shown(self) -> bool:
        """Whether something went out that cannot be taken back: text, or of whole chunks anything said."""
        return self.speaks if self.on_chunk is not None else any(chunk.text for chunk in list(self.chunks))

    def message(self) -> Any:
        """All chunks as one message."""
        return self.chunks[0] + self.chunks[1:] if len(self.chunks) > 1 else self.chunks[0]


def says(chunk: Any) -> bool:
    """Whether there is anything in a chunk that a reader would see: text, thoughts, media, a piece of a tool call."""
    content = chunk.content.strip() if isinstance(chunk.content, str) else chunk.content
    return bool(content or getattr(chunk, "tool_call_chunks", None) or any(chunk.additional_kwargs.values()))


@dataclass(frozen=True, slots=True)
class Ask:
    """One request to one client; call it with the effects to use.

    Attributes:
        seconds: What is left of the call's time.
        pins: Host -> checked address, for private text.
        plain: Leave out optional parameters.
    """

    clients: Clients
    spec: ModelSpec
    request: Request
    heard: Heard
    seconds: float
    max_tokens: int | None = None
    plain: bool = False
    pins: Mapping[str, str] = field(default_factory=dict)

    @property
    def streams(self) -> bool:
        """Whether tokens are wanted as they come."""
        heard = self.heard
        return self.request.stream or any(h is not None for h in (heard.on_token, heard.on_chunk, heard.watcher))

    @property
    def blocks(self) -> bool:
        """Whether the client is a user's object without an async half of its own: it needs a thread anyway."""
        from langchain_core.language_models import BaseChatModel

        kind = type(self.spec.model)
        if not issubclass(kind, BaseChatModel) or kind._agenerate is not BaseChatModel._agenerate:
            return False
        return not self.streams or kind._astream is BaseChatModel._astream

    async def __call__(self, fx: Effects) -> tuple[Any, Flavour]:
        """The client's message, and what kind of client it is."""
        BOUNDS.set(Bounds(time.monotonic() + self.seconds, self.pins))
        loop = asyncio.get_running_loop() if fx.is_async else None
        lease = await fx.offload(lambda: self.clients.borrow(self.spec, loop))
        try:
            flavour = flavour_of(lease.client)
            with kept_here(private=self.request.private):
                return await self._invoke(fx, lease.client), flavour
        except ValueError as error:
            # The only sign of an answer that says just `done_reason: "load"`: LangChain drops that chunk.
            if flavour == "ollama" and type(error) is ValueError:
                raise NothingSaid(str(error)) from error
            raise
        finally:
            self.clients.give_back(lease)

    async def _invoke(self, fx: Effects, client: Any) -> Any:
        request = self.request
        chat, kwargs = parametrised(client, self.spec, request, self.max_tokens, plain=self.plain)
        messages = list(request.messages)
        told = {"purpose": request.purpose, "subtask": request.subtask_id, "model": self.spec.id}
        config = config_for(private=request.private, stream=request.stream, **told)
        if PART_OF_A_RUN.get():
            from orchestrator_graph.gateway.direct import Direct

            chat = Direct.of(chat)
        if not self.streams:
            return await fx.run(
                lambda: chat.invoke(messages, config, **kwargs), lambda: chat.ainvoke(messages, config, **kwargs)
            )
        if not self.plain and getattr(client, "stream_usage", True) is None:
            kwargs["stream_usage"] = True  # a ChatOpenAI for another server leaves the counts out of its streams
        with suppress(GivenUp):
            await fx.each(
                lambda: chat.stream(messages, config, **kwargs),
                lambda: chat.astream(messages, config, **kwargs),
                self.heard.take,
            )
        return self.heard.message()
