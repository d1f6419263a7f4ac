"""Asks a chat model as a part of the caller's own run: no run of its own, so that its usage is counted once.

LangChain counts usage, and tells callbacks, per run; a model inside a model would be counted and traced twice.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

__all__ = ["Direct"]


@dataclass(frozen=True, slots=True)
class Direct:
    """The four ways of asking a model, through the methods that LangChain's models implement.

    Attributes:
        chat: The model itself.
        bound: Keyword arguments that were bound to it.
    """

    chat: "BaseChatModel"
    bound: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, chat: Any) -> "Self | Any":
        """The model without its bindings; what is no chat model of LangChain's is left as it is."""
        from langchain_core.language_models import BaseChatModel
        from langchain_core.runnables import RunnableBinding

        bound: dict[str, Any] = {}
        while isinstance(chat, RunnableBinding):
            bound, chat = {**chat.kwargs, **bound}, chat.bound
        return cls(chat, bound) if isinstance(chat, BaseChatModel) else chat

    def invoke(self, messages: Sequence[Any], config: Any = None, **kwargs: Any) -> Any:  # noqa: ARG002
        """The whole message."""
        self._wait()
        return _whole(self.chat._generate(list(messages), **{**self.bound, **kwargs}))

    async def ainvoke(self, messages: Sequence[Any], config: Any = None, **kwargs: Any) -> Any:  # noqa: ARG002
        """The whole message."""
        await self._await()
        return _whole(await self.chat._agenerate(list(messages), **{**self.bound, **kwargs}))

    def stream(self, messages: Sequence[Any], config: Any = None, **kwargs: Any) -> Iterator[Any]:
        """Chunks as they come; the whole message as one where the model cannot stream."""
        if not self._streams(is_async=False):
            yield self.invoke(messages, config, **kwargs)
            return
        self._wait()
        for generation in self.chat._stream(list(messages), **{**self.bound, **kwargs}):
            yield _told(generation)

    async def astream(self, messages: Sequence[Any], config: Any = None, **kwargs: Any) -> AsyncIterator[Any]:
        """Chunks as they come; the whole message as one where the model cannot stream."""
        if not self._streams(is_async=True):
            yield await self.ainvoke(messages, config, **kwargs)
            return
        await self._await()
        async for generation in self.chat._astream(list(messages), **{**self.bound, **kwargs}):
            yield _told(generation)

    def _streams(self, *, is_async: bool) -> bool:
        from langchain_core.language_models import BaseChatModel

        kind, off = type(self.chat), self.chat.disable_streaming
        if off is True or (off == "tool_calling" and self.bound.get("tools")):
            return False
        own = kind._stream is not BaseChatModel._stream
        return own or (is_async and kind._astream is not BaseChatModel._astream)

    def _wait(self) -> None:
        if self.chat.rate_limiter is not None:
            self.chat.rate_limiter.acquire(blocking=True)

    async def _await(self) -> None:
        if self.chat.rate_limiter is not None:
            await self.chat.rate_limiter.aacquire(blocking=True)


def _whole(result: Any) -> Any:
    """The one message, with what the result says of the model (OpenAI's name of it, its fingerprint)."""
    message = _told(result.generations[0])
    message.response_metadata = {**(result.llm_output or {}), **message.response_metadata}
    return message


def _told(generation: Any) -> Any:
    """The message with what the generation says beside it, as LangChain's own methods return it."""
    message = generation.message
    message.response_metadata = {**(generation.generation_info or {}), **message.response_metadata}
    return message
