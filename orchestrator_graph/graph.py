"""The picture as code: the parent graph (plan, waves, answer) and the child graph (one subtask).

Knows the order of the nodes and nothing of what they do.
"""

from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from orchestrator_graph.nodes.analyzer import analyze
from orchestrator_graph.nodes.dispatch import dispatch
from orchestrator_graph.nodes.escalate import escalate
from orchestrator_graph.nodes.executor import execute
from orchestrator_graph.nodes.io import Services
from orchestrator_graph.nodes.judge import judge
from orchestrator_graph.nodes.person import person
from orchestrator_graph.nodes.quiet_graph import QuietGraph
from orchestrator_graph.nodes.router import route
from orchestrator_graph.nodes.step import Nested, Step
from orchestrator_graph.nodes.synthesizer import synthesize
from orchestrator_graph.nodes.tool_loop import converse
from orchestrator_graph.nodes.tool_run import run_tool
from orchestrator_graph.policy import Policy
from orchestrator_graph.state import Input, Output, ShapedOutput, ShapedState, SolveOutput, SolveState, State, ToolState

__all__ = ["build_graph", "build_solve"]

Graph = CompiledStateGraph[Any, Any, Any, Any]


def build_solve(services: Services) -> Graph:
    """The child graph: router -> executor -> judge -> (accept) end, or escalate -> executor | person | end.

    With tools also executor -> tools -> executor, until the model in use answers.
    """
    child: Any = StateGraph(SolveState, context_schema=Policy, output_schema=SolveOutput)
    child.add_node("router", Step("router", route, services, inner=True), input_schema=SolveState)
    _add_executor(child, services)
    child.add_node(
        "judge", Step("judge", judge, services, inner=True), input_schema=SolveState, destinations=("escalate", END)
    )
    child.add_node(
        "escalate",
        Step("escalate", escalate, services, inner=True),
        input_schema=SolveState,
        destinations=("executor", "person", END),
    )
    child.add_node("person", Step("person", person, services, inner=True), input_schema=SolveState, destinations=(END,))
    child.add_edge(START, "router")
    child.add_edge("router", "executor")
    compiled: Graph = child.compile(name="solve")
    return compiled


def _add_executor(child: Any, services: Services) -> None:
    if not services.toolbox:
        child.add_node("executor", Step("executor", execute, services, inner=True), input_schema=SolveState)
        child.add_edge("executor", "judge")
        return
    child.add_node(
        "executor",
        Step("executor", converse, services, inner=True),
        input_schema=SolveState,
        destinations=("tools", "judge"),
    )
    child.add_node("tools", Step("tools", run_tool, services, inner=True), input_schema=ToolState)
    child.add_edge("tools", "executor")


def build_graph(services: Services, **options: Any) -> Graph:
    """The parent graph: analyzer -> dispatch => solve per ready subtask => dispatch -> synthesizer.

    Args:
        services: Bound into every node.
        options: Passed to `StateGraph.compile`: `checkpointer, store, cache, name, debug`.
    """
    whole, output = (State, Output) if services.shape is None else (ShapedState, ShapedOutput)
    parent: Any = StateGraph(whole, context_schema=Policy, input_schema=Input, output_schema=output)
    parent.add_node("analyzer", Step("analyzer", analyze, services), input_schema=State)
    parent.add_node(
        "dispatch", Step("dispatch", dispatch, services), input_schema=State, destinations=("solve", "synthesizer")
    )
    parent.add_node("solve", Nested(build_solve(services)), input_schema=SolveState)
    parent.add_node("synthesizer", Step("synthesizer", synthesize, services), input_schema=State)
    parent.add_edge(START, "analyzer")
    parent.add_edge("analyzer", "dispatch")
    parent.add_edge("solve", "dispatch")
    parent.add_edge("synthesizer", END)
    return QuietGraph.of(parent.compile(**{"name": "orchestrator", **options}), services.policy)
