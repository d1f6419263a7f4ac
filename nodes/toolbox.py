"""The tools that models may call: their schemas, and LangGraph's own node that runs them."""

import inspect
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator_graph.errors import InputError
from orchestrator_graph.policy import Policy

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool
    from langgraph.prebuilt import ToolNode

__all__ = ["Toolbox", "one_model", "toolbox_of"]

NAME = re.compile(r"^[A-Za-z0-9_-]{1,64}$")
"""What OpenAI and Anthropic take as a name."""
ENSEMBLES = frozenset({"best_of_n", "consensus", "fusion"})


@dataclass(frozen=True, slots=True)
class Toolbox:
    """Tools that were given; false where there are none.

    Attributes:
        schemas: As a model is told of them, in OpenAI's form; what a provider runs itself stays as it came.
        node: Runs the user's own ones; `None` where there are none.
        direct: Names of those whose output is the answer (`return_direct`).
        readers: Names of those that may want to see the state.
    """

    schemas: tuple[Mapping[str, Any], ...] = ()
    node: "ToolNode | None" = None
    direct: frozenset[str] = frozenset()
    readers: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.schemas)

    def known(self, name: str) -> str:
        """The name of one of these; a name that a model made up may hold anything, and is not repeated."""
        return name if self.node is not None and name in self.node.tools_by_name else "(unknown)"


def toolbox_of(given: Any) -> Toolbox:
    """The tools of a list of functions, LangChain tools, and dicts that name what a provider runs itself.

    Raises:
        InputError: Names the place, the value and the way out.
    """
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        raise InputError(f"tools = {given!r}: give a list of functions or of LangChain tools")
    items = list(given)
    if not items:
        return Toolbox()
    from langchain_core.utils.function_calling import convert_to_openai_tool
    from langgraph.prebuilt import ToolNode

    read = [_read(place, item) for place, item in enumerate(items)]
    own = [tool for _, tool in read if not isinstance(tool, Mapping)]
    _check_names([name for name, _ in read])
    return Toolbox(
        tuple(tool if isinstance(tool, Mapping) else convert_to_openai_tool(tool) for _, tool in read),
        # Every error is told to the model: of the user's own code nothing may end a run that was paid for.
        ToolNode(own, handle_tool_errors=True) if own else None,
        frozenset(tool.name for tool in own if tool.return_direct),
        frozenset(tool.name for tool in own if _reads(tool)),
    )


def one_model(policy: Policy) -> tuple[Policy, list[str]]:
    """The policy of a run with tools, and notes: one model answers each subtask, for what tools do is done once."""
    single = policy.overlaid(Policy(ensemble="never"))
    if policy.strategy not in ENSEMBLES:
        return single, []
    note = f"with tools each subtask is answered by one model: policy.strategy = {policy.strategy!r} was not followed"
    return single.overlaid(Policy(strategy="auto")), [note]


def _read(place: int, item: Any) -> "tuple[str, BaseTool | Mapping[str, Any]]":
    from langchain_core.tools import BaseTool, tool

    where = f"tools[{place}] = {item!r:.200}"
    if isinstance(item, BaseTool):
        return item.name, item
    if isinstance(item, Mapping):
        if item.get("type", "function") in ("function", "custom"):
            raise InputError(f"{where} describes a tool without its code: give the function or a LangChain tool")
        return str(item.get("name") or item["type"]), item
    if isinstance(item, type) or not callable(item):
        raise InputError(f"{where} is a {type(item).__name__}: give a function, or a LangChain tool (`as_tool()`)")
    try:
        made: BaseTool = tool(item)
    except Exception as error:
        raise InputError(f"{where}: {error} LangChain's @tool(description=...) says it elsewhere.") from error
    return made.name, made


def _reads(tool: "BaseTool") -> bool:
    """Whether it takes anything that no model fills in: the state, the runtime, or who knows what."""
    from langchain_core.utils.function_calling import convert_to_openai_tool

    told = convert_to_openai_tool(tool).get("function", {}).get("parameters", {}).get("properties", {})
    code = getattr(tool, "func", None) or getattr(tool, "coroutine", None)
    fields = getattr(tool.get_input_schema(), "model_fields", {"?": None})  # of Pydantic 1: not known
    taken = {*fields, *(inspect.signature(code).parameters if code else ())}
    return not taken <= {*told, "config", "callbacks", "run_manager"}


def _check_names(names: list[str]) -> None:
    for place, name in enumerate(names):
        if not NAME.match(name):
            raise InputError(
                f"tools[{place}]: its name {name!r} is none that models take; use up to 64 letters, digits, _ and -"
            )
        if name in names[:place]:
            raise InputError(f"tools[{place}]: the name {name!r} is taken by tools[{names.index(name)}]; rename one")
