"""Full mode: a task in words goes through the graph, and its answer comes back as one message of one run."""

from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage

from orchestrator_graph.drive import Effects
from orchestrator_graph.gateway.tracing import PART_OF_A_RUN
from orchestrator_graph.policy import Policy
from orchestrator_graph.surfaces.loop import RECORD
from orchestrator_graph.surfaces.turn import Turn
from orchestrator_graph.types import new_id

if TYPE_CHECKING:
    from orchestrator_graph.orchestrator import Orchestrator

__all__ = ["answered_by_graph"]


async def answered_by_graph(fx: Effects, orchestrator: "Orchestrator", turn: Turn, policy: Policy) -> AIMessage:
    """The graph's answer; its usage is the sum over all calls, judging and failed ones included."""
    graph: Any = orchestrator.graph
    asked: dict[str, Any] = {"input": {"messages": list(turn.messages)}, "context": policy}
    asked["config"] = {"configurable": {"thread_id": new_id()}}  # a checkpointer wants one: each call has its own
    token = PART_OF_A_RUN.set(True)
    try:
        out = await fx.run(lambda: graph.invoke(**asked), lambda: graph.ainvoke(**asked))
    finally:
        PART_OF_A_RUN.reset(token)
    return _message(out)


def _message(out: dict[str, Any]) -> AIMessage:
    message, bill, results = out["messages"][-1], out["bill"], out["results"]
    sent = sum(line["input_tokens"] for line in bill["lines"])
    made = sum(line["output_tokens"] for line in bill["lines"])
    first = next(iter(results.values()))
    record = {
        "run_id": bill["run_id"],
        "decision_id": first["decision"]["id"] if first["decision"] else "",
        "why": first["why"],
        "private": any(step["private"] for step in out["plan"]),
        "proved": bill["proved"],
        "certificate": bill["certificate"],
        "status": {name: result["status"] for name, result in results.items()},
        "confidence": {name: result["confidence"] for name, result in results.items()},
        "answered_by": {name: result["candidate"] for name, result in results.items()},
        "bill": bill,
    }
    models = list(dict.fromkeys(result["candidate"] for result in results.values() if result["candidate"]))
    meta = {**message.response_metadata, "model_name": ", ".join(models) or "orchestrator", RECORD: record}
    counted = {"input_tokens": sent, "output_tokens": made, "total_tokens": sent + made}
    return AIMessage(message.content, id=message.id, response_metadata=meta, usage_metadata=counted)
