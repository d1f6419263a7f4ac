"""How a model is run under the caller's tracing: tags, and for private text no tracer that sends it elsewhere."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

__all__ = ["PART_OF_A_RUN", "RUN", "config_for", "kept_here", "local_handlers"]

PART_OF_A_RUN: ContextVar[bool] = ContextVar("PART_OF_A_RUN", default=False)
"""Set where the models' calls belong to one outer run, such as that of a `ChatOrchestrator`."""
RUN: ContextVar[str] = ContextVar("RUN", default="")
"""Id of the run that the call under way is made for."""

# Handlers of these packages hand events to the running graph or to the terminal. Any other may send them anywhere.
LOCAL_PACKAGES = frozenset({"langgraph", "langchain_core", "orchestrator_graph"})


def config_for(*, private: bool, stream: bool, **told: str) -> "RunnableConfig":
    """The run config of one call, below the caller's own.

    Args:
        private: The text must not leave the machine: only handlers of this process hear of the call at all.
        stream: Its tokens pass to LangGraph's message stream.
        told: What a tracer shows beside it (`purpose`, `subtask`, `model`): names only, never text.
    """
    from langchain_core.runnables.config import ensure_config

    facts = {"run_id": RUN.get(), **told}
    config: RunnableConfig = {
        "tags": [*([] if stream else ["nostream"]), "orchestrator"],
        "metadata": {f"orchestrator_{name}": value for name, value in facts.items() if value},
    }
    own = ensure_config()
    if stream:
        config["metadata"] |= _lifted(own.get("metadata") or {})
    if private:
        config["callbacks"] = local_handlers(own.get("callbacks"))
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
    """No LangSmith tracer and no handler from elsewhere, registered or of the run around, when the text is private."""
    if not private:
        yield
        return
    from langchain_core.tracers.context import tracing_v2_callback_var
    from langsmith.run_helpers import tracing_context

    token = tracing_v2_callback_var.set(None)
    try:
        with tracing_context(enabled=False), ExitStack() as stack:
            _silence(stack)
            _close_off(stack)
            yield
    finally:
        tracing_v2_callback_var.reset(token)


def _silence(stack: ExitStack) -> None:
    """Puts a handler that does nothing where an integration registered one of its own for every run."""
    from langchain_core.callbacks import BaseCallbackHandler
    from langchain_core.tracers.context import _configure_hooks

    for var, _, kind, _ in _configure_hooks:
        held: Any = var.get()
        foreign = kind is not None and kind.__module__.partition(".")[0] not in LOCAL_PACKAGES
        if foreign if held is None else not _stays(held):
            stack.callback(var.reset, var.set(BaseCallbackHandler()))


def _close_off(stack: ExitStack) -> None:
    """LangGraph, and models with something bound to them, add the handlers of the run around to those given them."""
    from langchain_core.runnables.config import var_child_runnable_config

    around = var_child_runnable_config.get()
    if around is not None and around.get("callbacks"):
        local = var_child_runnable_config.set({**around, "callbacks": local_handlers(around["callbacks"])})
        stack.callback(var_child_runnable_config.reset, local)


def local_handlers(callbacks: Any) -> Any:
    """Those of a run's callbacks that keep what they hear in this process."""
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
