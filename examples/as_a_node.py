"""The graph as a node of your own graph; the parent hands its policy over under `orchestrator`."""

from typing import Any, TypedDict

from langchain_core.messages import HumanMessage
from langgraph.graph import END, START, MessagesState, StateGraph

from orchestrator_graph import create_orchestrator


class Context(TypedDict, total=False):
    """The parent's own context."""

    region: str
    orchestrator: dict[str, Any]


def main() -> None:
    """Builds a parent graph with one node of its own and ours, and runs it."""

    def shorten(state: MessagesState) -> dict[str, Any]:
        return {"messages": [("user", str(state["messages"][-1].content).strip())]}

    parent = StateGraph(MessagesState, context_schema=Context)
    parent.add_node("shorten", shorten)
    parent.add_node("orchestrator", create_orchestrator("pocket"))
    parent.add_edge(START, "shorten")
    parent.add_edge("shorten", "orchestrator")
    parent.add_edge("orchestrator", END)
    context: Context = {"region": "eu", "orchestrator": {"private": True}}
    given: MessagesState = {"messages": [HumanMessage("  Add 47 and 38 ")]}
    out = parent.compile().invoke(given, context=context)
    print(out["messages"][-1].content)


if __name__ == "__main__":
    main()
