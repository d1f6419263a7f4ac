"""A pocket model as an ordinary LangChain chat model."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, ModelProfile
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import Field, field_validator, model_validator

from orchestrator_graph.pocket.answer import Answer
from orchestrator_graph.pocket.prompt import prompt_of
from orchestrator_graph.pocket.runtime import Generation, Sampling
from orchestrator_graph.pocket.weights import known, load_network, load_portfolio

MAX_TOP_LOGPROBS = 20


class PocketChat(BaseChatModel):
    """Answers the last human message with one of the shipped byte-level models, inside this process.

    Only that message's text is the prompt: these models know no chat, no system message and no tools. A prompt that
    does not fit raises `ContextOverflow`. Fields can be overridden per call (`invoke(..., temperature=1)` or `bind`).

    >>> PocketChat(model="text").invoke("Reverse lantern").content
    'nretnal'
    """

    model: str = "small"
    """small, medium, maths, text or logic."""
    temperature: float = Field(default=0.0, ge=0)
    seed: int | None = Field(default=None, ge=0)
    """For temperatures above 0: same seed, same answer. None draws differently at each call."""
    max_tokens: int | None = Field(default=None, ge=1)
    """Bytes of answer; one more is a finish_reason of "length"."""
    logprobs: bool = False
    """Put log-probabilities of each byte, and `end_logprob`, into `response_metadata`."""
    top_logprobs: int = Field(default=5, ge=0, le=MAX_TOP_LOGPROBS)
    stop: list[str] | None = None

    @field_validator("model")
    @classmethod
    def _model_exists(cls, name: str) -> str:
        return known(name)

    @model_validator(mode="after")
    def _describe(self) -> "PocketChat":
        if self.profile is None:
            self.profile = ModelProfile(
                name=f"pocket:{self.model}",
                max_input_tokens=load_portfolio()[self.model]["context"] - 1,
                text_inputs=True,
                text_outputs=True,
                tool_calling=False,
                structured_output=False,
            )
        return self

    @property
    def _llm_type(self) -> str:
        return "pocket"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        names = ("model", "temperature", "seed", "max_tokens", "logprobs", "top_logprobs", "stop")
        return {name: getattr(self, name) for name in names}

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002 - nothing to report before the end
        **kwargs: Any,
    ) -> ChatResult:
        return self._complete(self._answer(messages, stop, kwargs), kwargs)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002 - as above
        **kwargs: Any,
    ) -> ChatResult:
        abandoned = threading.Event()

        def work() -> ChatResult:
            return self._complete(self._answer(messages, stop, kwargs, abandoned.is_set), kwargs)

        try:
            return await asyncio.to_thread(work)
        finally:
            # A cancelled caller cannot stop the thread, but the thread looks here before each byte.
            abandoned.set()

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        for chunk in self._chunks(messages, stop, kwargs):
            if run_manager and chunk.text:
                run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        await asyncio.to_thread(load_network, self.model)
        for chunk in self._chunks(messages, stop, kwargs):
            if run_manager and chunk.text:
                await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk
            await asyncio.sleep(0)

    def _chunks(
        self, messages: list[BaseMessage], stop: list[str] | None, options: dict[str, Any]
    ) -> Iterator[ChatGenerationChunk]:
        answer = self._answer(messages, stop, options)
        logprobs, told = self._option("logprobs", options), 0
        yield ChatGenerationChunk(message=AIMessageChunk(content="", usage_metadata=_usage(answer)))
        for piece in answer.pieces():
            new = answer.content[told : answer.certain] if logprobs else []
            if piece or new:
                metadata = {"logprobs": {"content": new}} if new else {}
                yield ChatGenerationChunk(message=AIMessageChunk(content=piece, response_metadata=metadata))
            told += len(new)
        metadata = self._metadata(answer, options)
        if logprobs:
            metadata["logprobs"] = {"content": answer.content[told:]}  # what was streamed is not said again
        written = answer.generation.steps
        last = AIMessageChunk(
            content="",
            response_metadata=metadata,
            usage_metadata=UsageMetadata(input_tokens=0, output_tokens=written, total_tokens=written),
            chunk_position="last",
        )
        yield ChatGenerationChunk(message=last)

    def _answer(
        self,
        messages: Sequence[BaseMessage],
        stop: list[str] | None,
        options: dict[str, Any],
        should_stop: Callable[[], bool] | None = None,
    ) -> Answer:
        sampling = Sampling(
            temperature=self._option("temperature", options),
            seed=self._option("seed", options),
            max_tokens=self._option("max_tokens", options),
            top=self._option("top_logprobs", options) if self._option("logprobs", options) else 0,
        )
        generation = Generation(load_network(self.model), prompt_of(messages), sampling, should_stop)
        return Answer(generation, stop or self.stop or ())

    def _option(self, name: str, options: dict[str, Any]) -> Any:
        return options.get(name, getattr(self, name))

    def _complete(self, answer: Answer, options: dict[str, Any]) -> ChatResult:
        message = AIMessage(
            content="".join(answer.pieces()),
            response_metadata=self._metadata(answer, options),
            usage_metadata=_usage(answer),
        )
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _metadata(self, answer: Answer, options: dict[str, Any]) -> dict[str, Any]:
        metadata: dict[str, Any] = {
            "finish_reason": answer.finish_reason,
            "model_name": f"pocket:{self.model}",
            "model_provider": "pocket",
        }
        if self._option("logprobs", options):
            metadata["logprobs"] = {"content": answer.content}
            metadata["end_logprob"] = answer.end_logprob
        return metadata


def _usage(answer: Answer) -> UsageMetadata:
    """Tokens as they were computed: begin and newline are in the input, the end token is in the output."""
    read, written = len(answer.generation.prompt_tokens), answer.generation.steps
    return UsageMetadata(input_tokens=read, output_tokens=written, total_tokens=read + written)
