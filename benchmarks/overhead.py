"""CPU per run of our graph against a bare LangGraph skeleton of the same shape, in the same process.

The skeleton plans, fans out over Send into a child graph of three nodes (route, execute, judge), joins and answers; it
decides nothing, remembers nothing and bills nothing; once with an empty executor, once asking the same scripted model
as ours does. Run order is interleaved; figures are medians of CPU milliseconds with the 5th and 95th percentile.
"""

import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, TypedDict

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langchain_core.runnables import RunnableLambda
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import Command, Send

from orchestrator_graph import ModelSpec, Orchestrator, Policy, Price, Prior
from orchestrator_graph.state import merge
from orchestrator_graph.testing import ScriptedChat

REPEATS, WARM_UP = 60, 10
COUNTS = (1, 5, 20)


class Parent(TypedDict, total=False):
    """The skeleton's parent state."""

    messages: Annotated[list[AnyMessage], add_messages]
    plan: list[str]
    results: Annotated[dict[str, str], merge]


class Child(TypedDict, total=False):
    """The skeleton's child state."""

    id: str
    answer: str
    results: Annotated[dict[str, str], merge]


class ChildOutput(TypedDict):
    """What the skeleton's child hands back."""

    results: Annotated[dict[str, str], merge]


def skeleton(model: ScriptedChat | None = None) -> Any:
    """The same nodes and edges as ours: empty bodies, or an executor that asks the same model as ours does."""
    child: Any = StateGraph(Child, output_schema=ChildOutput)

    def execute(state: Child) -> Any:
        return {"answer": "fine" if model is None else model.invoke([HumanMessage(state["id"])]).content}

    async def aexecute(state: Child) -> Any:
        return {"answer": "fine" if model is None else (await model.ainvoke([HumanMessage(state["id"])])).content}

    child.add_node("router", lambda _: {"answer": ""})
    child.add_node("executor", RunnableLambda(execute, aexecute))
    child.add_node("judge", lambda state: Command(goto=END, update={"results": {state["id"]: state["answer"]}}))
    child.add_edge(START, "router")
    child.add_edge("router", "executor")
    child.add_edge("executor", "judge")

    def dispatch(state: Parent) -> Command[Any]:
        left = [name for name in state["plan"] if name not in (state.get("results") or {})]
        return Command(goto=[Send("solve", {"id": name}) for name in left] if left else "synthesizer")

    parent: Any = StateGraph(Parent)
    parent.add_node("analyzer", lambda s: {"plan": [str(i) for i in range(s["messages"][-1].content.count("\n") + 1)]})
    parent.add_node("dispatch", dispatch, destinations=("solve", "synthesizer"))
    parent.add_node("solve", child.compile())
    parent.add_node("synthesizer", lambda state: {"messages": [AIMessage("\n".join(state["results"].values()))]})
    parent.add_edge(START, "analyzer")
    parent.add_edge("analyzer", "dispatch")
    parent.add_edge("solve", "dispatch")
    parent.add_edge("synthesizer", END)
    return parent.compile()


def orchestrator() -> Orchestrator:
    """Three scripted models with priors and prices; memory in RAM."""
    specs = [
        ModelSpec(
            ScriptedChat(model=name, script="fine"),
            alias=f"test:{name}",
            price=Price(price, price),
            priors={"*": Prior(quality, 50, "test")},
        )
        for name, quality, price in (("small", 0.7, 0.1), ("medium", 0.8, 1.0), ("large", 0.9, 10.0))
    ]
    return Orchestrator(specs, policy=Policy(tradeoff="balanced"))


def cpu_ms(work: Callable[[], Any]) -> float:
    """CPU milliseconds of all threads of this process."""
    began = time.process_time()
    work()
    return (time.process_time() - began) * 1000


def spread(values: list[float]) -> str:
    """Median and 5th to 95th percentile."""
    ranked = sorted(values)
    low, high = ranked[len(ranked) // 20], ranked[-1 - len(ranked) // 20]
    return f"{statistics.median(ranked):7.2f} ({low:.2f} .. {high:.2f})"


def compare(graph: Any, empty: Any, asking: Any, count: int, mode: str, settle: Callable[[], object]) -> None:
    """One row of the table."""
    text = "\n".join(f"{i + 1}. Name a thing number {i}" for i in range(count)) if count > 1 else "Name a thing"
    given = {"messages": [("user", text)]}
    runner = asyncio.Runner() if mode == "async" else None

    def invoke(target: Any) -> Any:
        return target.invoke(given) if runner is None else runner.run(target.ainvoke(given))

    rows: list[list[float]] = []
    for turn in range(REPEATS + WARM_UP):
        if turn == WARM_UP:
            settle()  # the one-time import of Chroma in the background belongs to no run
        row = [cpu_ms(partial(invoke, target)) for target in (graph, empty, asking)]
        if turn >= WARM_UP:
            rows.append(row)
    ours, bare, same = (list(column) for column in zip(*rows, strict=True))
    ratios = [[row[0] / row[other] for row in rows] for other in (1, 2)]
    cells = [spread(ours), spread(bare), spread(same), spread(ratios[0]), spread(ratios[1])]
    print(f"{count:9} {mode:6} " + " ".join(f"{cell:>25}" for cell in cells))
    if runner is not None:
        runner.close()


def imports() -> None:
    """Modules loaded and CPU time of `import orchestrator_graph`, and of building a graph, each in a fresh process."""
    code = (
        "import sys,time; a=set(sys.modules); c=time.process_time(); {}; "
        "print(len(set(sys.modules)-a), round((time.process_time()-c)*1000, 1))"
    )
    for name, statement in (
        ("import orchestrator_graph", "import orchestrator_graph"),
        ("from ... import Policy", "from orchestrator_graph import Policy"),
        ("from ... import create_orchestrator", "from orchestrator_graph import create_orchestrator"),
        ("from ... import ChatOrchestrator", "from orchestrator_graph import ChatOrchestrator"),
        ("from ... import OrchestratorMiddleware", "from orchestrator_graph import OrchestratorMiddleware"),
        ("import langchain.agents.middleware", "import langchain.agents.middleware"),
        ("create_orchestrator('pocket')", "from orchestrator_graph import create_orchestrator as c_; g = c_('pocket')"),
        ("import langgraph.graph", "import langgraph.graph"),
    ):
        runs = [
            subprocess.check_output([sys.executable, "-c", code.format(statement)], text=True).split() for _ in range(5)
        ]
        times = sorted(float(cpu) for _, cpu in runs)
        print(f"{name:38} {runs[0][0]:>6} modules {times[2]:8.1f} ms CPU ({times[0]:.1f} .. {times[-1]:.1f})")


def main() -> None:
    """Prints both tables."""
    os.environ.setdefault("LANGSMITH_TRACING", "false")
    imports()
    print(f"\nCPU ms per run, median (5 % .. 95 %) of {REPEATS} interleaved runs")
    names = ("orchestrator-graph", "bare, no model", "bare, same model", "ratio to no model", "ratio to same model")
    print(f"{'subtasks':>9} {'mode':6} " + " ".join(f"{name:>25}" for name in names))
    for mode in ("sync", "async"):
        for count in COUNTS:
            with orchestrator() as orc:
                asking = skeleton(ScriptedChat(script="fine"))
                compare(orc.graph, skeleton(), asking, count, mode, orc.memory.flush)


if __name__ == "__main__":
    main()
