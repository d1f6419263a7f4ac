"""Answers of a shape from a pool of models, of which some call tools, some only obey a JSON Schema."""

from operator import itemgetter
from typing import TYPE_CHECKING, Any

from langchain_core.output_parsers import JsonOutputParser, PydanticOutputParser
from langchain_core.output_parsers.openai_tools import JsonOutputKeyToolsParser, PydanticToolsParser
from langchain_core.runnables import Runnable, RunnableLambda, RunnableMap, RunnablePassthrough
from langchain_core.utils.function_calling import convert_to_openai_tool
from langchain_core.utils.pydantic import is_basemodel_subclass

from orchestrator_graph.errors import InputError

if TYPE_CHECKING:
    from langchain_core.language_models import LanguageModelInput

    from orchestrator_graph.surfaces.chat_model import ChatOrchestrator

__all__ = ["structured"]

METHODS = ("function_calling", "json_schema", "json_mode")


def structured(
    chat: "ChatOrchestrator", schema: Any, *, include_raw: bool, method: str | None, **kwargs: Any
) -> "Runnable[LanguageModelInput, Any]":
    """The chat model followed by a parser; see `ChatOrchestrator.with_structured_output`.

    Raises:
        InputError: An unknown method, or no schema.
    """
    if method not in (None, *METHODS):
        raise InputError(f"method = {method!r} is none of {', '.join(METHODS)}; leave it out to have one chosen")
    if schema is None:
        raise InputError("schema = None: give a Pydantic class, a TypedDict or a JSON Schema")
    tool = convert_to_openai_tool(schema)
    name = tool["function"]["name"]
    kwargs["ls_structured_output_format"] = {"kwargs": {"method": method or "auto"}, "schema": tool}
    is_class = is_basemodel_subclass(schema)
    if (method or _method(chat)) == "function_calling":
        bound: Any = chat.bind_tools([schema], tool_choice=name, **kwargs)
        parser: Any = (
            PydanticToolsParser(tools=[schema], first_tool_only=True)
            if is_class
            else JsonOutputKeyToolsParser(key_name=name, first_tool_only=True)
        )
    else:
        shape = {"type": "json_object"} if method == "json_mode" else _response_format(name, tool)
        bound = chat.bind(response_format=shape, **kwargs)
        parser = PydanticOutputParser(pydantic_object=schema) if is_class else JsonOutputParser()
    return _with_raw(bound, parser) if include_raw else bound | parser


def _method(chat: "ChatOrchestrator") -> str:
    """What more models of the pool can do; where as many can do both, the one that servers enforce."""
    specs = list(chat.orchestrator.portfolio().values())
    tools, shapes = (sum(spec.has(name) for spec in specs) for name in ("tools", "json"))
    return "function_calling" if tools > shapes else "json_schema"


def _response_format(name: str, tool: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": name, "schema": tool["function"]["parameters"]}}


def _with_raw(bound: Any, parser: Any) -> Runnable[Any, Any]:
    parsed = RunnablePassthrough.assign(parsed=itemgetter("raw") | parser, parsing_error=RunnableLambda(lambda _: None))
    nothing = RunnablePassthrough.assign(parsed=RunnableLambda(lambda _: None))
    return RunnableMap(raw=bound) | parsed.with_fallbacks([nothing], exception_key="parsing_error")
