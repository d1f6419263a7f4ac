"""`ChatOrchestrator`: the whole pool as one LangChain chat model, which says on each answer who gave it and why.

Works wherever a chat model does: LCEL, `batch`, `with_structured_output`, `with_fallbacks`, `create_agent`, caches.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import LangSmithParams, LanguageModelInput
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
from orchestrator_graph.surfaces.identity import identity_of
from orchestrator_graph.surfaces.kept import Kept
from orchestrator_graph.surfaces.privacy import stays_here
from orchestrator_graph.surfaces.pull import apulled, pulled
from orchestrator_graph.surfaces.structured import structured
from orchestrator_graph.surfaces.turn import LENGTHS, Turn, tool_schema
from orchestrator_graph.surfaces.untraced import Untraced
from orchestrator_graph.surfaces.whole import answered_by_graph

if TYPE_CHECKING:
    from orchestrator_graph.assembly import Models

__all__ = ["ChatOrchestrator"]


class ChatOrchestrator(Untraced):
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
        temperature, max_tokens, stop: Of each call that does not say otherwise; each provider is told in its words.

    Raises:
        PolicyError: A field of the policy is unknown or out of range.
    """

    orchestrator: Any = None
    policy: Any = None
    mode: Literal["route", "full"] = "route"
    temperature: float | None = None
    max_tokens: int | None = None
    stop: list[str] | None = None
    _choice: Choice | None = PrivateAttr(default=None)
    _kept: Kept | None = PrivateAttr(default=None)

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
        return {**identity_of(self.orchestrator, self.policy), "mode": self.mode, "choice": choice, **self._defaults}

    @property
    def _defaults(self) -> dict[str, Any]:
        told = {"temperature": self.temperature, "max_tokens": self.max_tokens, "stop": self.stop}
        return {name: value for name, value in told.items() if value is not None}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        found = super()._get_ls_params(stop=stop, **kwargs)
        return {**found, "ls_provider": "orchestrator", "ls_model_name": kwargs.get("model") or "orchestrator"}

    def _turn(self, messages: list[BaseMessage], stop: list[str] | None, given: dict[str, Any]) -> Turn:
        bounds = {} if any(name in given for name in LENGTHS) else {"max_tokens": self.max_tokens}
        return Turn.of(messages, stop or self.stop, {"temperature": self.temperature, **bounds, **given})

    def chosen(self, choice: Choice) -> "ChatOrchestrator":
        """This model with a decision that was made before."""
        copy = self.model_copy()
        copy._choice = choice
        return copy

    def keeping(self, kept: Kept) -> "ChatOrchestrator":
        """This model as a part of an agent's run, which keeps what its calls decide and spend."""
        copy = self.model_copy()
        copy._kept = kept
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
            method: `None` = by JSON Schema, or by a tool call where more models of the pool have tools.
            kwargs: Bound to the model.
        """
        return structured(self, schema, include_raw=include_raw, method=method, **kwargs)

    def is_private(self, messages: Sequence[BaseMessage]) -> bool:
        """Whether the conversation stays here."""
        made = any(decided is not None and decided.private for decided in (self._choice, self._kept))
        return made or stays_here(self.orchestrator.policy.overlaid(self.policy), messages)

    def _exchange(self, turn: Turn) -> Exchange:
        own: Orchestrator = self.orchestrator
        policy = own.policy.overlaid(self.policy)
        if turn.model is not None:  # asked for by name: what was decided before does not matter
            return Exchange(own.services, policy.overlaid(Policy(pin=turn.model)), None, self._kept)
        return Exchange(own.services, policy, self._choice, self._kept)

    async def _answer(
        self, fx: Effects, turn: Turn, run_manager: Any, push: Callable[[Any], None] | None = None
    ) -> AIMessage:
        exchange = self._exchange(turn)
        with kept_here(private=self.is_private(turn.messages)):
            if self.mode == "full" and turn.plain:
                return await answered_by_graph(fx, self.orchestrator, turn, exchange.policy, run_manager)
            return await exchange.run(fx, turn, push)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        turn = self._turn(messages, stop, kwargs)
        return ChatResult(generations=[ChatGeneration(message=drive(self._answer(SYNC, turn, run_manager)))])

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        turn = self._turn(messages, stop, kwargs)
        return ChatResult(generations=[ChatGeneration(message=await self._answer(ASYNC, turn, run_manager))])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        turn, chunks = self._turn(messages, stop, kwargs), Chunks()
        for chunk in pulled(lambda push: self._answer(SYNC, turn, run_manager, push), chunks.ended):
            yield chunks.passed(chunk)
        yield chunks.last()

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        turn, chunks = self._turn(messages, stop, kwargs), Chunks()
        async for chunk in apulled(lambda push: self._answer(ASYNC, turn, run_manager, push), chunks.ended):
            yield chunks.passed(chunk)
        yield chunks.last()
