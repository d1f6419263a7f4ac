"""The composition root: models, memory and policy in; a compiled graph out. Constructors only store."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from orchestrator_graph.drive import ASYNC, SYNC, Effects, drive
from orchestrator_graph.gateway.door import Gateway
from orchestrator_graph.gateway.tracing import kept_here
from orchestrator_graph.memory import Memory
from orchestrator_graph.policy import Policy
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.registry.spec import ModelSpec
from orchestrator_graph.routing.decide import default_estimators
from orchestrator_graph.routing.estimator import Estimator, Learner
from orchestrator_graph.types import Decision, new_id
from orchestrator_graph.wiring import gateway_of, memory_of

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings
    from langchain_core.language_models import BaseChatModel
    from langgraph.graph.state import CompiledStateGraph

    from orchestrator_graph.config import Config
    from orchestrator_graph.nodes.io import Services

    Models = Sequence[str | BaseChatModel | ModelSpec] | str | None
    Graph = CompiledStateGraph[Any, Any, Any, Any]

__all__ = ["Orchestrator"]


class Orchestrator:
    """Models, memory and policy behind one graph. Also a (sync and async) context manager.

    Args:
        models: `"provider:name"` strings, LangChain chat models or `ModelSpec`s; `"pocket"` for the embedded ones;
            `None` = what is found (Ollama, cloud keys) at first use.
        memory: `None` = in RAM; a folder = kept there; or a `Memory`.
        embedder: `None` = the built-in one; any LangChain `Embeddings`; or `"ollama:all-minilm"`.
        policy: The default for every call; a call's own fields are laid over it.
        config: As read from `orchestrator.toml`; explicit arguments win over it.
        system_prompt: Put before every subtask's prompt.
        estimators: Replaces the default estimators; any callable of that shape will do.
        compile_options: `checkpointer, store, cache, name, debug`, passed to LangGraph.
    """

    def __init__(
        self,
        models: "Models" = None,
        *,
        memory: "str | Path | Memory | None" = None,
        embedder: "Embeddings | str | None" = None,
        policy: Policy | dict[str, Any] | None = None,
        config: "Config | None" = None,
        system_prompt: str = "",
        estimators: Sequence[Estimator] = (),
        **compile_options: Any,
    ) -> None:
        self._models = models
        self._memory = memory
        self._embedder = embedder
        self._policy = policy
        self._config = config
        self._system_prompt = system_prompt
        self._estimators = tuple(estimators)
        self._compile_options = compile_options

    @cached_property
    def policy(self) -> Policy:
        """The default policy: the call's own fields over those of the file."""
        own = Policy.parse(self._policy)
        return own if self._config is None else self._config.policy.overlaid(own)

    @cached_property
    def gateway(self) -> Gateway:
        """The door to all models."""
        return gateway_of(self._models, self._config)

    @cached_property
    def memory(self) -> Memory:
        """What is remembered."""
        memory = memory_of(self._memory, self._embedder, self._config, self.gateway)
        for estimator in self.estimators:
            if isinstance(estimator, Learner):
                memory.taught(estimator.learn)
        return memory

    @cached_property
    def estimators(self) -> tuple[Estimator, ...]:
        """What beliefs are made by."""
        return self._estimators or default_estimators()

    @cached_property
    def services(self) -> "Services":
        """What the nodes are bound to."""
        from orchestrator_graph.nodes.io import Services

        budgets = {} if self._config is None else self._config.budgets
        return Services(
            gateway=self.gateway,
            memory=self.memory,
            policy=self.policy,
            system_prompt=self._system_prompt,
            estimators=self.estimators,
            budgets={name: (round(limit * 1e9), per) for name, (limit, per) in budgets.items()},
        )

    @cached_property
    def graph(self) -> "Graph":
        """The compiled graph; `invoke`, `ainvoke`, `stream`, and a node of any other graph."""
        from orchestrator_graph.graph import build_graph

        return build_graph(self.services, **self._compile_options)

    def portfolio(self) -> Portfolio:
        """The models that one may choose from; `RegistryError` where a named one, or any, is missing."""
        return drive(self.gateway.portfolio(SYNC))

    def decide(self, text: str, policy: Policy | dict[str, Any] | None = None) -> Decision:
        """The decision for the task as a whole. Calls no model; refuses what `run` would refuse."""
        return drive(self._advice(SYNC, text, policy))

    async def adecide(self, text: str, policy: Policy | dict[str, Any] | None = None) -> Decision:
        """`decide`, async."""
        return await self._advice(ASYNC, text, policy)

    async def _advice(self, fx: Effects, text: str, policy: Policy | dict[str, Any] | None) -> Decision:
        from orchestrator_graph.advice import advise

        return await advise(fx, self.services, text, self._over(policy))

    def run(self, text: str, policy: Policy | dict[str, Any] | None = None) -> dict[str, Any]:
        """The graph's output for one task: `messages, plan, results, bill`."""
        with self._traced(policy) as wanted:
            return dict(self.graph.invoke(**self._ask(text, wanted)))

    async def arun(self, text: str, policy: Policy | dict[str, Any] | None = None) -> dict[str, Any]:
        """`run`, async."""
        with self._traced(policy) as wanted:
            return dict(await self.graph.ainvoke(**self._ask(text, wanted)))

    def stream(self, text: str, policy: Policy | dict[str, Any] | None = None) -> Iterator[tuple[str, Any]]:
        """`(mode, chunk)` as it happens: `custom` events, `messages` tokens, `values`."""
        with self._traced(policy) as wanted:
            stream: Any = self.graph.stream(**self._ask(text, wanted), **self._streamed)
            yield from stream

    async def astream(self, text: str, policy: Policy | dict[str, Any] | None = None) -> AsyncIterator[tuple[str, Any]]:
        """`stream`, async."""
        with self._traced(policy) as wanted:
            stream: Any = self.graph.astream(**self._ask(text, wanted), **self._streamed)
            async with aclosing(stream):
                async for item in stream:
                    yield item

    def _ask(self, text: str, policy: Policy) -> dict[str, Any]:
        # A checkpointer wants a thread: each of these runs has its own. For conversations there is `graph`.
        thread = {"configurable": {"thread_id": new_id()}} if self._compile_options.get("checkpointer") else None
        return {"input": {"messages": [{"role": "user", "content": text}]}, "config": thread, "context": policy}

    @property
    def _streamed(self) -> dict[str, Any]:
        return {"stream_mode": ["custom", "messages", "values"], "output_keys": self.graph.output_channels}

    def _over(self, policy: Policy | dict[str, Any] | None) -> Policy:
        return self.policy.overlaid(Policy.parse(policy))

    @contextmanager
    def _traced(self, policy: Policy | dict[str, Any] | None) -> Iterator[Policy]:
        """The call's policy; no LangSmith tracing around a private task, whatever the environment says."""
        with kept_here(private=self._over(policy).private):
            yield Policy.parse(policy)

    def route(self, text: str, policy: Policy | dict[str, Any] | None = None) -> dict[str, Any]:
        """One routed call: the task is left whole and nothing is escalated."""
        return self.run(text, Policy.parse(policy).overlaid(Policy(strategy="route", decompose="never")))

    def cascade(self, text: str, policy: Policy | dict[str, Any] | None = None) -> dict[str, Any]:
        """Small, medium, large: the next level is asked while an answer is not sure enough."""
        return self.run(text, Policy.parse(policy).overlaid(Policy(strategy="cascade", decompose="never")))

    def close(self) -> None:
        """Closes clients and memory; what was acknowledged is kept."""
        for name in ("memory", "gateway"):
            if name in self.__dict__:
                getattr(self, name).close()

    async def aclose(self) -> None:
        """`close`, async."""
        for name in ("memory", "gateway"):
            if name in self.__dict__:
                await getattr(self, name).aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
