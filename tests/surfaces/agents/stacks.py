"""Agents with stacks of LangChain's own middlewares, with ours in each place and without it, and what they do."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain.agents import create_agent
from langchain.agents.middleware import (
    AgentMiddleware,
    ClearToolUsesEdit,
    ContextEditingMiddleware,
    HumanInTheLoopMiddleware,
    LLMToolSelectorMiddleware,
    ModelCallLimitMiddleware,
    ModelFallbackMiddleware,
    ModelRetryMiddleware,
    PIIMiddleware,
    SummarizationMiddleware,
    TodoListMiddleware,
    ToolCallLimitMiddleware,
    ToolRetryMiddleware,
)
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from orchestrator_graph import ModelSpec, Orchestrator, OrchestratorMiddleware, Price, Prior
from tests.surfaces.agents.chat_server import ChatServer

__all__ = ["BUILT_INS", "OURS", "Ran", "World", "ask", "ran"]

OURS = "Orchestrator"
ABLE = frozenset({"chat", "tools", "json"})
HISTORY: list[BaseMessage] = [
    HumanMessage("add 1 and 1"),
    AIMessage("It is 2"),
    HumanMessage("add 2 and 2"),
    AIMessage("It is 4"),
]
TASK = HumanMessage("Please add 2 and 3, I am ann@example.com")


@dataclass
class World:
    """The server, and the models on it that belong to nobody's pool."""

    server: ChatServer
    models: dict[str, ChatOpenAI] = field(default_factory=dict)

    def chat(self, name: str) -> ChatOpenAI:
        """A bare model of LangChain; one object a name."""
        if name not in self.models:
            options: Any = {"base_url": self.server.api, "api_key": "none", "use_responses_api": False}
            self.models[name] = ChatOpenAI(model=name, max_retries=0, **options)
        return self.models[name]

    def spec(self, name: str, quality: float = 0.8, price: float = 1.0, **fields: Any) -> ModelSpec:
        """A model of a pool."""
        told = {"capabilities": ABLE, "priors": {"*": Prior(quality, 50, "test")}, "price": Price(price, price)}
        return ModelSpec(f"openai:{name}", base_url=self.server.api, **{**told, **fields})


BUILT_INS: dict[str, Any] = {
    "ModelFallback": lambda world: ModelFallbackMiddleware(world.chat("fallback")),
    "ModelRetry": lambda _: ModelRetryMiddleware(
        max_retries=1, initial_delay=0.0, backoff_factor=0.0, jitter=False, on_failure="error"
    ),
    "Summarization": lambda world: SummarizationMiddleware(
        world.chat("summary"), trigger=("messages", 4), keep=("messages", 2)
    ),
    "PII": lambda _: PIIMiddleware("email", apply_to_input=True, apply_to_output=True),
    "HumanInTheLoop": lambda _: HumanInTheLoopMiddleware(interrupt_on={"add": True}),
    "ModelCallLimit": lambda _: ModelCallLimitMiddleware(run_limit=5),
    "ToolCallLimit": lambda _: ToolCallLimitMiddleware(run_limit=5),
    "ToolRetry": lambda _: ToolRetryMiddleware(max_retries=1, initial_delay=0.0, jitter=False),
    "TodoList": lambda _: TodoListMiddleware(),
    "ContextEditing": lambda _: ContextEditingMiddleware(edits=[ClearToolUsesEdit(trigger=10, keep=0)]),
    "LLMToolSelector": lambda world: LLMToolSelectorMiddleware(model=world.chat("selector"), max_tools=2),
}


def tools_of(*, fails_first: bool) -> list[Any]:
    """`add`, which fails once where something is there to try again."""
    left = [fails_first]

    @tool
    def add(a: int, b: int) -> int:
        """Adds two numbers."""
        if left.pop() if left else False:
            raise RuntimeError("the adder was asleep")
        return a + b

    @tool
    def look(where: str) -> str:
        """Looks somewhere."""
        return where

    return [add, look]


@dataclass(frozen=True)
class Ran:
    """What one run did.

    Attributes:
        answer: The last message's text; the error's name where it raised.
        calls: Model -> requests that the server counted.
        kept: Our key of the agent's state.
        decisions: How many are in the ledger; `None` without ours.
    """

    answer: str
    calls: dict[str, int]
    kept: dict[str, Any] | None
    decisions: int | None


def ask(agent: Any, mode: str, given: Any, config: Any, *, stream: bool = False, **options: Any) -> dict[str, Any]:
    """The agent's last values, once everything it asked a person for was approved."""
    while True:
        out = asyncio.run(_streamed(agent, given, config, stream, options)) if mode == "async" else None
        if out is None:
            modes = ["values", "messages"] if stream else ["values"]
            items = agent.stream(given, config, stream_mode=modes, **options)
            out = [item for name, item in items if name == "values"][-1]
        if not out.get("__interrupt__"):
            return dict(out)
        asked = out["__interrupt__"][0].value["action_requests"]
        given = Command(resume={"decisions": [{"type": "approve"}] * len(asked)})


async def _streamed(agent: Any, given: Any, config: Any, stream: bool, options: Any) -> Any:
    modes = ["values", "messages"] if stream else ["values"]
    items = agent.astream(given, config, stream_mode=modes, **options)
    return [item async for name, item in items if name == "values"][-1]


def ran(world: World, order: Sequence[str], mode: str, *, up: bool, stream: bool = False, decide: Any = "run") -> Ran:
    """One run of a stack; the agent's own model, or our pool's in its place, is up or down."""
    own = world.chat("own" if up or OURS in order else "down-own")
    orc = Orchestrator([world.spec("pool" if up else "down-pool")])
    stack: list[AgentMiddleware[Any, Any, Any]] = [
        OrchestratorMiddleware(orc, decide=decide) if name == OURS else BUILT_INS[name](world) for name in order
    ]
    tools = tools_of(fails_first="ToolRetry" in order)
    agent = create_agent(own, tools, middleware=stack, checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "1"}}
    world.server.reset()
    try:
        answer = ask(agent, mode, {"messages": [*HISTORY, TASK]}, config, stream=stream)["messages"][-1].text
    except Exception as error:  # noqa: BLE001 - how it fails is compared too
        answer = f"raised {type(error).__name__}"
    kept = agent.get_state(config).values.get("orchestrator")
    decisions = orc.memory.stats()["decisions"] if OURS in order else None
    orc.close()
    return Ran(str(answer), world.server.counts(), kept, decisions)
