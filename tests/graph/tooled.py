"""What the tests of tools share: models that call tools as told, and tools that count."""

from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage

from orchestrator_graph import ModelSpec, Price, Prior
from orchestrator_graph.testing import ScriptedChat

Replies = Callable[[list[BaseMessage], list[Any]], "str | AIMessage"]


def call(name: str, number: str = "c1", /, **args: Any) -> dict[str, Any]:
    """One tool call as a model gives it."""
    return {"name": name, "args": args, "id": number}


def calls(*made: dict[str, Any], text: str = "") -> AIMessage:
    """An answer that calls tools."""
    return AIMessage(text, tool_calls=list(made))


def results(messages: Sequence[BaseMessage]) -> list[ToolMessage]:
    """What tools returned so far."""
    return [message for message in messages if isinstance(message, ToolMessage)]


def caller(
    name: str, replies: Replies, quality: float = 0.8, price: float = 1.0, *, can: str = "chat tools json", **more: Any
) -> ModelSpec:
    """A scripted model that sees all messages and the tools, known as `test:<name>`."""
    return ModelSpec(
        ScriptedChat(model=name, replies=replies),
        alias=f"test:{name}",
        price=Price(price, price),
        priors={"*": Prior(quality, 50, "test")},
        capabilities=frozenset(can.split()),
        **more,
    )


class Desk:
    """Tools that count how often each was really run."""

    def __init__(self) -> None:
        self.ran: list[tuple[Any, ...]] = []

    def add(self, a: int, b: int) -> int:
        """Adds two numbers."""
        self.ran.append((a, b))
        return a + b

    def fail(self, why: str) -> str:
        """Fails."""
        self.ran.append((why,))
        raise RuntimeError(why)


def once(ask: AIMessage, then: str = "It is {}") -> Replies:
    """Asks for tools first, and answers with what the last one returned."""

    def replies(messages: list[BaseMessage], _: list[Any]) -> "str | AIMessage":
        told = results(messages)
        return then.format(told[-1].content) if told else ask

    return replies
