"""The compiled graph, of whose private runs only this process hears.

LangGraph begins the outer run, and tells every tracer its input, before any node knows the policy.
"""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing
from typing import Any, Self

from langchain_core.messages import convert_to_messages
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import merge_configs
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import get_runtime

from orchestrator_graph.errors import PolicyError
from orchestrator_graph.gateway.quiet import awalked, local_config, walked
from orchestrator_graph.nodes.analyzer import in_force
from orchestrator_graph.nodes.personal import personal_in
from orchestrator_graph.policy import Policy

__all__ = ["QuietGraph"]


class QuietGraph(CompiledStateGraph[Any, Any, Any, Any]):
    """A `CompiledStateGraph` whose private runs are told to no tracer and no handler from elsewhere.

    Private by policy, by personal data that the policy looks for, or by an earlier private turn of the thread. What a
    parent graph or chain tells its tracers of itself is not ours to keep.

    Args:
        factory: The policy that a call's own is laid over.
        kwargs: As for `CompiledStateGraph`.
    """

    def __init__(self, *, factory: Policy, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factory = factory

    @classmethod
    def of(cls, graph: CompiledStateGraph[Any, Any, Any, Any], factory: Policy) -> Self:
        """The same graph, quiet where it has to be."""
        return cls(factory=factory, **graph.__dict__)

    def stream(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Iterator[Any]:
        """LangGraph's `stream`; `invoke` goes through it, too."""
        private = self._is_private(input, kwargs.get("context")) or self._was_private(config)
        if private:
            quiet: Any = super(QuietGraph, self._unbound())
            yield from walked(quiet.stream(input, self._local(config), **kwargs))
        else:
            yield from super().stream(input, config, **kwargs)

    def astream(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> AsyncIterator[Any]:
        """`stream`, async; LangGraph's own generator wherever that will do: each layer is one more to close."""
        if self._is_private(input, kwargs.get("context")):
            return self._akept(input, config, **kwargs)
        if self._remembers(config):
            return self._awatched(input, config, **kwargs)
        return super().astream(input, config, **kwargs)

    def _akept(self, input: Any, config: RunnableConfig | None, **kwargs: Any) -> AsyncIterator[Any]:
        quiet: Any = super(QuietGraph, self._unbound())
        return awalked(quiet.astream(input, self._local(config), **kwargs))

    async def _awatched(self, input: Any, config: RunnableConfig | None, **kwargs: Any) -> AsyncIterator[Any]:
        private = _private((await self.aget_state(merge_configs(self.config, config))).values)
        stream: Any = self._akept if private else super().astream
        async with aclosing(stream(input, config, **kwargs)) as items:
            async for item in items:
                yield item

    def _is_private(self, given: Any, context: Any) -> bool:
        told = _around() if context is None else context
        try:
            policy = in_force(told if context is None or isinstance(told, Policy) else Policy.parse(told), self.factory)
        except PolicyError:
            return True  # it will be refused; until then nobody need hear of it
        if policy.private or policy.pii == "ignore":
            return policy.private
        messages = (given.get("messages") or []) if isinstance(given, Mapping) else []
        several = messages if isinstance(messages, list) else [messages]  # as `add_messages` takes them
        return bool(personal_in(convert_to_messages(several), "human"))

    def _was_private(self, config: RunnableConfig | None) -> bool:
        return self._remembers(config) and _private(self.get_state(merge_configs(self.config, config)).values)

    def _remembers(self, config: RunnableConfig | None) -> bool:
        named = (merge_configs(self.config, config).get("configurable") or {}).get("thread_id")
        return bool(named) and self.checkpointer not in (None, False, True)

    def _unbound(self) -> Self:
        """This graph without the handlers that `with_config` bound to it."""
        bound: Any = self.config or {}
        return self.copy({"config": {**bound, "callbacks": None}}) if bound.get("callbacks") else self

    def _local(self, config: RunnableConfig | None) -> RunnableConfig:
        return local_config(merge_configs(self.config, config))


def _around() -> Any:
    """The context of the graph around this one."""
    try:
        return getattr(get_runtime(), "context", None)  # a runnable outside of any graph has a config without runtime
    except (KeyError, RuntimeError):
        return None


def _private(values: Any) -> bool:
    return bool((values.get("task") or {}).get("private")) if isinstance(values, Mapping) else False
