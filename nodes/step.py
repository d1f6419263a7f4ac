"""How node logic and the child graph become nodes of LangGraph: one body behind `invoke` and `ainvoke`.

Knows nothing of what the logic does.
"""

from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda
from langgraph.runtime import get_runtime

from orchestrator_graph.drive import ASYNC, SYNC, drive
from orchestrator_graph.nodes.io import LENT, Io, Services

__all__ = ["Nested", "Step"]

Logic = Callable[[Any, Io], Awaitable[Any]]


class Step(Runnable[Any, Any]):
    """A node: one body of logic behind `invoke` and `ainvoke`. `inner` ones report through the parent's writer."""

    def __init__(self, name: str, logic: Logic, services: Services, *, inner: bool = False) -> None:
        self.name = name
        self._logic = logic
        self._services = services
        self._inner = inner

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:  # noqa: ARG002
        """Runs the logic without an event loop."""
        return drive(self._logic(input, Io(SYNC, self._services, self._inner, _run_of(input))))  # type: ignore[arg-type]

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:  # noqa: ARG002
        """Awaits the logic."""
        return await self._logic(input, Io(ASYNC, self._services, self._inner, _run_of(input)))


def _run_of(state: Any) -> str:
    return str((state.get("task") or {}).get("run_id", ""))


class Nested(RunnableLambda[Any, Any]):
    """A child graph as a node that lends it the parent's writer.

    LangGraph gives a child's events to the caller only with `subgraphs=True`; ours are for every caller of `custom`.
    A RunnableLambda by name only, so that LangGraph sees the child (pictures, resume): it adds no run of its own.
    """

    def __init__(self, child: Runnable[Any, Any]) -> None:
        super().__init__(child.invoke, child.ainvoke, name="solve")
        self._child = child

    @cached_property
    def deps(self) -> list[Runnable[Any, Any]]:
        """The child graph."""
        return [self._child]

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Invokes the child."""
        lent = LENT.set(get_runtime().stream_writer)
        try:
            return self._child.invoke(input, config, **kwargs)
        finally:
            LENT.reset(lent)

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Awaits the child."""
        lent = LENT.set(get_runtime().stream_writer)
        try:
            return await self._child.ainvoke(input, config, **kwargs)
        finally:
            LENT.reset(lent)
