"""`ChatOrchestrator`: the whole pool as one LangChain chat model, which says on each answer who gave it and why.

Works wherever a chat model does: LCEL, `batch`, `with_structured_output`, `with_fallbacks`, `create_agent`, caches.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from pydantic import PrivateAttr

from orchestrator_graph.drive import ASYNC, SYNC, Effects, drive
from orchestrator_graph.gateway.tracing import kept_here
from orchestrator_graph.orchestrator import Orchestrator
from orchestrator_graph.policy import Policy
from orchestrator_graph.surfaces.choice import Choice
from orchestrator_graph.surfaces.chunks import Chunks
from orchestrator_graph.surfaces.exchange import Exchange
from orchestrator_graph.surfaces.pull import apulled, pulled
from orchestrator_graph.surfaces.structured import structured
from orchestrator_graph.surfaces.turn import Turn, tool_schema
from orchestrator_graph.surfaces.whole import answered_by_graph

if TYPE_CHECKING:
    from orchestrator_graph.assembly import Models

__all__ = ["ChatOrchestrator"]


class ChatOrchestrator(BaseChatModel):
    """A chat model that decides, call by call, which model of its pool answers.

    In route-only mode (`mode="route"`) one model is asked, as a part of this model's own run: tools, structured output,
    media and streaming pass through, usage is counted once. Inside a tool loop it stays with the model in use or moves
    up. In full mode a task in words alone goes through the graph (plan, cascade, judge); all else is routed.

    Args:
        orchestrator: An `Orchestrator`; or models, for one of its own: as `Orchestrator(models)` takes them.
        kwargs: The attributes below, and those of LangChain's chat models.

    Attributes:
        policy: Laid over the orchestrator's.
        mode: `route` or `full`.

    Raises:
        PolicyError: A field of the policy is unknown or out of range.
    """

    orchestrator: Any = None
    policy: Any = None
    mode: Literal["route", "full"] = "route"
    _choice: Choice | None = PrivateAttr(default=None)

    def __init__(self, orchestrator: "Orchestrator | Models" = None, **kwargs: Any) -> None:
        own = orchestrator if isinstance(orchestrator, Orchestrator) else Orchestrator(orchestrator)
        kwargs["policy"] = Policy.parse(kwargs.get("policy"))
        super().__init__(orchestrator=own, **kwargs)

    @property
    def _llm_type(self) -> str:
        return "orchestrator"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        """What an answer depends on, for caches and traces."""
        choice = None if self._choice is None else [c.id for c in self._choice.ranking]
        policy = self.orchestrator.policy.overlaid(self.policy).model_dump(mode="json", exclude_defaults=True)
        return {"models": self.orchestrator.named, "policy": policy, "mode": self.mode, "choice": choice}

    def chosen(self, choice: Choice) -> "ChatOrchestrator":
        """This model with a decision that was made before."""
        copy = self.model_copy()
        copy._choice = choice
        return copy

    def bind_tools(
        self, tools: Sequence[Any], *, tool_choice: Any = None, **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """This model with tools, kept in OpenAI's form: they are bound to whichever model is chosen."""
        choice = {} if tool_choice is None else {"tool_choice": tool_choice}
        return self.bind(tools=[tool_schema(tool) for tool in tools], **choice, **kwargs)

    def with_structured_output(
        self,
        schema: Any,
        *,
        include_raw: bool = False,
        method: Literal["function_calling", "json_schema", "json_mode"] | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """Answers of a shape.

        Args:
            schema: A Pydantic class, a TypedDict or a JSON Schema.
            include_raw: Give `raw`, `parsed` and `parsing_error` instead of the value alone.
            method: `None` = by a tool call where a model of the pool has tools, else by JSON Schema.
            kwargs: Bound to the model.
        """
        return structured(self, schema, include_raw=include_raw, method=method, **kwargs)

    def _exchange(self) -> Exchange:
        own: Orchestrator = self.orchestrator
        return Exchange(own.services, own.policy.overlaid(self.policy), self._choice)

    async def _answer(self, fx: Effects, turn: Turn, push: Callable[[Any], None] | None = None) -> AIMessage:
        exchange = self._exchange()
        with kept_here(private=exchange.policy.private):
            if self.mode == "full" and not turn.needs:
                return await answered_by_graph(fx, self.orchestrator, turn, exchange.policy)
            return await exchange.run(fx, turn, push)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,
    ) -> ChatResult:
        turn = Turn.of(messages, stop, kwargs)
        return ChatResult(generations=[ChatGeneration(message=drive(self._answer(SYNC, turn)))])

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,
    ) -> ChatResult:
        turn = Turn.of(messages, stop, kwargs)
        return ChatResult(generations=[ChatGeneration(message=await self._answer(ASYNC, turn))])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        turn, chunks = Turn.of(messages, stop, kwargs), Chunks()
        for chunk in pulled(lambda push: self._answer(SYNC, turn, push), chunks.ended):
            yield chunks.passed(chunk)
        yield chunks.last()

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        turn, chunks = Turn.of(messages, stop, kwargs), Chunks()
        async for chunk in apulled(lambda push: self._answer(ASYNC, turn, push), chunks.ended):
            yield chunks.passed(chunk)
        yield chunks.last()
