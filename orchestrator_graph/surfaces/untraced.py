"""The outer run of a private call: tracers, handlers from elsewhere and foreign caches are not told of it.

LangChain begins that run, and tells everybody, before a chat model's own code is reached.
"""

from abc import abstractmethod
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from typing import Any, Self

from langchain_core._api.beta_decorator import suppress_langchain_beta_warning
from langchain_core.caches import BaseCache
from langchain_core.globals import get_llm_cache
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import LLMResult
from langchain_core.runnables import RunnableConfig

from orchestrator_graph.gateway.quiet import awalked, local_config, walked
from orchestrator_graph.gateway.tracing import kept_here, local_handlers

__all__ = ["Untraced"]


class Untraced(BaseChatModel):
    """A chat model of whose private calls only this process hears; a subclass says which those are.

    Handlers of langchain_core and langgraph, such as a usage counter or a message stream, hear of all calls. What a
    caller's own chain or agent tells its tracers of itself is not ours to keep.
    """

    @abstractmethod
    def is_private(self, messages: Sequence[BaseMessage]) -> bool:
        """Whether this conversation must not leave the machine."""

    def generate(
        self, messages: list[list[BaseMessage]], stop: list[str] | None = None, callbacks: Any = None, **kwargs: Any
    ) -> LLMResult:
        """LangChain's `generate`; of private conversations only this process hears."""
        if not any(self.is_private(conversation) for conversation in messages):
            return super().generate(messages, stop, callbacks, **kwargs)
        with kept_here(private=True):
            return BaseChatModel.generate(self._quiet(), messages, stop, local_handlers(callbacks), **kwargs)

    async def agenerate(
        self, messages: list[list[BaseMessage]], stop: list[str] | None = None, callbacks: Any = None, **kwargs: Any
    ) -> LLMResult:
        """`generate`, async."""
        if not any(self.is_private(conversation) for conversation in messages):
            return await super().agenerate(messages, stop, callbacks, **kwargs)
        with kept_here(private=True):
            return await BaseChatModel.agenerate(self._quiet(), messages, stop, local_handlers(callbacks), **kwargs)

    def stream(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Iterator[AIMessageChunk]:
        """LangChain's `stream`; of a private conversation only this process hears."""
        if not self._is_private(input):
            yield from super().stream(input, config, **kwargs)
        else:
            yield from walked(BaseChatModel.stream(self._quiet(), input, local_config(config), **kwargs))

    async def astream(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncIterator[AIMessageChunk]:
        """`stream`, async."""
        kept = self._is_private(input)
        plain: Any = super().astream(input, config, **kwargs)
        if kept:
            plain = awalked(BaseChatModel.astream(self._quiet(), input, local_config(config), **kwargs))
        async with aclosing(plain) as chunks:
            async for chunk in chunks:
                yield chunk

    # Behind `stream_events(version="v3")`, which begins a run of its own.
    def _chat_model_stream_v3(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        private = self._is_private(input)
        model, config = (self._quiet(), local_config(config)) if private else (self, config)
        with kept_here(private=private), suppress_langchain_beta_warning():
            return BaseChatModel._chat_model_stream_v3(model, input, config, **kwargs)

    async def _achat_model_stream_v3(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        private = self._is_private(input)
        model, config = (self._quiet(), local_config(config)) if private else (self, config)
        with kept_here(private=private), suppress_langchain_beta_warning():
            return await BaseChatModel._achat_model_stream_v3(model, input, config, **kwargs)

    def _is_private(self, given: LanguageModelInput) -> bool:
        return self.is_private(self._convert_input(given).to_messages())

    def _quiet(self) -> Self:
        """This model without handlers from elsewhere, and without a cache that may lie elsewhere."""
        cache = self.cache if isinstance(self.cache, BaseCache) else get_llm_cache()
        ours = cache is None or type(cache).__module__.startswith("langchain_core.")
        told = {"callbacks": local_handlers(self.callbacks), "cache": self.cache if ours else False}
        return self.model_copy(update=told)
