"""How a model is run under the caller's tracing: tags, and for private text no tracer that sends it elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

__all__ = ["PART_OF_A_RUN", "config_for", "kept_here"]

PART_OF_A_RUN: ContextVar[bool] = ContextVar("PART_OF_A_RUN", default=False)
"""Set where the models' calls belong to one outer run, such as that of a `ChatOrchestrator`."""

# Handlers of these packages hand events to the running graph or to the terminal. Any other may send them anywhere.
LOCAL_PACKAGES = frozenset({"langgraph", "langchain_core", "orchestrator_graph"})


def config_for(*, private: bool, stream: bool) -> "RunnableConfig":
    """The run config of one call, below the caller's own."""
    from langchain_core.runnables.config import ensure_config

    config: RunnableConfig = {"tags": [] if stream else ["nostream"]}
    own = ensure_config()
    if stream:
        config["metadata"] = _lifted(own.get("metadata") or {})
    if private:
        config["callbacks"] = _filtered(own.get("callbacks"))
    return config


def _lifted(metadata: dict[str, Any]) -> dict[str, Any]:
    """The namespace of the graph around the caller's: LangGraph shows a child graph's tokens only on request.

    >>> _lifted({"langgraph_checkpoint_ns": "solve:1|executor:2"})
    {'langgraph_checkpoint_ns': 'executor:2'}
    """
    *outer, _, node = ("|" + str(metadata.get("langgraph_checkpoint_ns", ""))).split("|")
    return {"langgraph_checkpoint_ns": "|".join([*filter(None, outer), node])} if node else {}


@contextmanager
def kept_here(*, private: bool) -> Iterator[None]:
    """No LangSmith tracer is added inside, whatever the environment says, when the text is private."""
    if not private:
        yield
        return
    from langchain_core.tracers.context import tracing_v2_callback_var
    from langsmith.run_helpers import tracing_context

    token = tracing_v2_callback_var.set(None)
    try:
        with tracing_context(enabled=False):
            yield
    finally:
        tracing_v2_callback_var.reset(token)


def _filtered(callbacks: Any) -> Any:
    if callbacks is None:
        return []
    if isinstance(callbacks, list):
        return [handler for handler in callbacks if _stays(handler)]
    copy = callbacks.copy()
    copy.handlers = [handler for handler in copy.handlers if _stays(handler)]
    copy.inheritable_handlers = [handler for handler in copy.inheritable_handlers if _stays(handler)]
    return copy


def _stays(handler: Any) -> bool:
    from langchain_core.tracers.langchain import LangChainTracer

    return not isinstance(handler, LangChainTracer) and type(handler).__module__.partition(".")[0] in LOCAL_PACKAGES
