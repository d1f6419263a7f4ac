"""Full mode: a task in words goes through the graph, and its answer comes back as one message of one run."""

from typing import TYPE_CHECKING, Any

from langchain_core.callbacks import AsyncCallbackManager, CallbackManager, CallbackManagerForLLMRun
from langchain_core.messages import AIMessage
from langchain_core.runnables.config import var_child_runnable_config

from orchestrator_graph.drive import Effects
from orchestrator_graph.gateway.tracing import PART_OF_A_RUN
from orchestrator_graph.policy import Policy
from orchestrator_graph.surfaces.failed import AnswerError
from orchestrator_graph.surfaces.loop import RECORD
from orchestrator_graph.surfaces.turn import Turn
from orchestrator_graph.types import Failure, new_id

if TYPE_CHECKING:
    from orchestrator_graph.orchestrator import Orchestrator

__all__ = ["answered_by_graph"]


async def answered_by_graph(
    fx: Effects, orchestrator: "Orchestrator", turn: Turn, policy: Policy, run_manager: Any = None
) -> AIMessage:
    """The graph's answer; its usage is the sum over all calls, judging and failed ones included.

    Args:
        fx: Effects.
        orchestrator: Whose graph.
        turn: What is wanted: words alone.
        policy: In force; nobody is there to be asked, so no person is.
        run_manager: Of the chat model's run, below which tracers see the graph.

    Raises:
        AnswerError: No part of the task was answered.
    """
    graph: Any = orchestrator.graph
    asked: dict[str, Any] = {"input": {"messages": list(turn.messages)}}
    asked["context"] = policy.overlaid(Policy(human="never"))
    # A checkpointer wants a thread: each call has its own.
    asked["config"] = {"configurable": {"thread_id": new_id()}, "callbacks": _below(run_manager)}
    part, apart = PART_OF_A_RUN.set(True), var_child_runnable_config.set(None)
    try:
        out = await fx.run(lambda: graph.invoke(**asked), lambda: graph.ainvoke(**asked))
    finally:
        var_child_runnable_config.reset(apart)
        PART_OF_A_RUN.reset(part)
    results = out["results"].values()
    if all(result["status"] == "failed" for result in results):
        raise AnswerError(Failure("empty", "; ".join(str(result["missing"]) for result in results)))
    return _message(out)


def _below(run_manager: Any) -> Any:
    """Callbacks for the graph: a parent graph's stream shows this model's answer, and not the steps to it."""
    if run_manager is None:
        return []
    kind = CallbackManager if isinstance(run_manager, CallbackManagerForLLMRun) else AsyncCallbackManager
    handlers = [h for h in run_manager.inheritable_handlers if not type(h).__module__.startswith("langgraph.")]
    child = kind(handlers, handlers, parent_run_id=run_manager.run_id)
    child.add_tags(run_manager.inheritable_tags)
    child.add_metadata(run_manager.inheritable_metadata)
    return child


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
