"""Pools of scripted models for the surfaces' tests, and a script that fills in whatever schema it is given."""

import asyncio
import json
import re
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, BaseMessage

from orchestrator_graph import ModelSpec, Price, Prior
from orchestrator_graph.testing import ScriptedChat

__all__ = ["ABLE", "WAYS", "Told", "filled", "jotted", "said", "scripted", "summed", "used"]

ABLE = frozenset({"chat", "tools", "json"})
WAYS = ["invoke", "ainvoke", "stream", "astream"]


def scripted(model: str = "able", quality: float = 0.9, usd: float = 1.0, **fields: Any) -> ModelSpec:
    """A scripted model that is believed to be so good, at so many dollars a million tokens."""
    given = {name: fields.pop(name) for name in list(fields) if name in ScriptedChat.model_fields}
    known = {"capabilities": ABLE, "price": Price(usd, 2 * usd), **fields}
    return ModelSpec(ScriptedChat(model=model, **given), priors={"*": Prior(quality, 20, "test")}, **known)


def asked(messages: list[BaseMessage]) -> str:
    return next((str(m.text) for m in reversed(messages) if m.type == "human"), "")


def value(schema: dict[str, Any], words: str) -> Any:
    """Something of that type, taken from the words where they have it."""
    kind = schema.get("type")
    if "anyOf" in schema:
        return value(schema["anyOf"][0], words)
    if kind == "object":
        return {name: value(inner, words) for name, inner in schema.get("properties", {}).items()}
    if kind in ("integer", "number"):
        return int(next(iter(re.findall(r"\d+", words)), "1"))
    quoted = re.search(r"'([^']+)'", words)
    return quoted[1] if quoted else words


def used(messages: list[BaseMessage], tools: list[dict[str, Any]]) -> str | AIMessage:
    """Calls the first tool once, then says what it returned."""
    if messages[-1].type == "tool":
        return f"The tool says: {messages[-1].text}"
    if not tools:
        return f"You said: {asked(messages)}"
    function = tools[0]["function"]
    args = value({"type": "object", **function.get("parameters", {})}, asked(messages))
    return AIMessage("", tool_calls=[{"name": function["name"], "args": args, "id": "call_1", "type": "tool_call"}])


def filled(messages: list[BaseMessage], schema: dict[str, Any]) -> str:
    """JSON of that shape; where none is told, what the words ask for."""
    shape = schema if schema.get("properties") else {"properties": {name: {} for name in named(asked(messages))}}
    return json.dumps(value({"type": "object", **shape}, asked(messages)))


def named(words: str) -> list[str]:
    return re.findall(r"'(\w+)'", words)


def jotted(spec: ModelSpec) -> list[str]:
    """What the scripted model was asked, call by call."""
    seen: list[str] = spec.model.seen
    return seen


def said(chat: Any, way: str, given: Any, config: Any = None, **options: Any) -> Any:
    """The whole answer, asked for in one of LangChain's four ways; streams are summed up."""
    if way == "invoke":
        return chat.invoke(given, config, **options)
    if way == "stream":
        return summed(list(chat.stream(given, config, **options)))
    if way == "ainvoke":
        return asyncio.run(chat.ainvoke(given, config, **options))

    async def collected() -> list[Any]:
        return [chunk async for chunk in chat.astream(given, config, **options)]

    return summed(asyncio.run(collected()))


def summed(chunks: list[Any]) -> Any:
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    return whole


class Told(BaseCallbackHandler):
    """Counts the runs it is told of, and the usage of those that ended."""

    def __init__(self) -> None:
        self.started = self.ended = self.failed = self.tokens = 0
        self.texts: list[str] = []

    def on_chat_model_start(self, serialized: Any, messages: Any, **kwargs: Any) -> None:
        self.started += 1
        self.texts.append(str(messages))

    def on_llm_end(self, response: Any, **kwargs: Any) -> None:
        self.ended += 1
        self.tokens += response.generations[0][0].message.usage_metadata["total_tokens"]

    def on_llm_error(self, error: BaseException, **kwargs: Any) -> None:
        self.failed += 1
