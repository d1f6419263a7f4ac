"""Research, then write: a plan, a tool, a model for each step, and a second try where an answer is not good enough.

Runs on two stand-ins: one looks up and is short-spoken, the other writes. Meant for models that call tools:
    MODELS = ["ollama:qwen3:4b", "openai:gpt-5"]
"""

from typing import Any

from langchain_core.messages import AIMessage

from orchestrator_graph import ModelSpec, Policy, Price, Prior, create_orchestrator, format_bill
from orchestrator_graph.testing import ScriptedChat

SANDBY = "Sandby: fishing port; its lighthouse was built in 1871 by Ida Holm."
ENCYCLOPEDIA = {"sandby": SANDBY, "norder": "Norder: island; its lighthouse was built in 1904."}
TASK = "Look up Sandby, then write an article of at least 20 words about the result; meanwhile look up Norder"


def look_up(place: str) -> str:
    """What the encyclopedia says of a place."""
    return ENCYCLOPEDIA[place.lower()]


def short_spoken(messages: Any, tools: Any) -> Any:
    """A stand-in for a small model: looks up what it is told to, and writes no more than half a sentence."""
    told = messages[-1].text
    place = next((name for name in ENCYCLOPEDIA if f"look up {name}" in told.lower()), None)
    if tools and place:
        return AIMessage("", tool_calls=[{"name": "look_up", "args": {"place": place}, "id": place}])
    return told if messages[-1].type == "tool" else told.rpartition("; ")[2]


def writer(messages: Any, tools: Any) -> Any:  # noqa: ARG001
    """A stand-in for a large model: an article around what it was told."""
    facts = messages[-1].text.partition(" about ")[2]
    return f"Whoever comes along the coast should stop here. {facts} Few places of that size can say as much."


def stand_in(name: str, replies: Any, quality: float, usd: float) -> ModelSpec:
    """With dollars per million tokens and a guess of its quality, as the router needs them."""
    chat, can = ScriptedChat(model=name, replies=replies), frozenset({"chat", "tools"})
    return ModelSpec(chat, price=Price(usd, usd), priors={"*": Prior(quality, 20, "a guess")}, capabilities=can)


MODELS = [stand_in("small", short_spoken, 0.88, 0.1), stand_in("large", writer, 0.95, 10.0)]


def main() -> None:
    """Plans, researches and writes; prints each step with its models and tools, and the bill."""
    graph = create_orchestrator(MODELS, tools=[look_up], policy=Policy(tradeoff=0.3))
    out = graph.invoke({"messages": [("user", TASK)]})
    for step in out["plan"]:
        result = out["results"][step["id"]]
        print(f"{step['id']}. {step['brief']}  (needs {step['needs']})\n   {result['answer']}")
        print(f"   {result['candidate']}, tools: {len(result['tools'])}, calls: {result['tries']}: {result['why']}")
    print(format_bill(out))


if __name__ == "__main__":
    main()
