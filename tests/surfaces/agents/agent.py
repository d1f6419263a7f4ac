"""An agent with ours at a place of its stack, for tests that look at single runs."""

from typing import Any

from langchain.agents import create_agent
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver

from orchestrator_graph import Orchestrator, OrchestratorMiddleware
from tests.surfaces.agents.stacks import World

__all__ = ["SUM", "THREAD", "add", "agent_of", "kept_of"]

THREAD: Any = {"configurable": {"thread_id": "1"}}
SUM: Any = {"messages": [("user", "add 2 and 3")]}


@tool
def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


def agent_of(world: World, orc: Orchestrator, *others: Any, tools: Any = (add,), **options: Any) -> Any:
    """An agent with a fresh checkpointer; `others` are (before, after) ours as `None` marks."""
    decide = options.pop("decide", "run")
    policy = options.pop("policy", None)
    ours = OrchestratorMiddleware(orc, decide=decide, policy=policy)
    stack = [ours if item is None else item for item in (others or (None,))]
    options.setdefault("checkpointer", InMemorySaver())
    return create_agent(world.chat("own"), list(tools), middleware=stack, **options)


def kept_of(agent: Any, config: Any = THREAD) -> dict[str, Any]:
    found: dict[str, Any] = agent.get_state(config).values["orchestrator"]
    return found
