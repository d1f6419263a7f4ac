"""`create_agent` with one line more: the middleware chooses the model of each run, and says who it was and why.

Needs the extra `agents`: pip install "orchestrator-graph[agents]". Runs on two stand-ins that call the tool for real.
Meant for models that call tools: MODELS = ["ollama:qwen3:4b", "openai:gpt-5"]
"""

import re
from typing import Any

from langchain.agents import create_agent
from langchain_core.messages import AIMessage

from orchestrator_graph import ModelSpec, Orchestrator, OrchestratorMiddleware, Price, Prior
from orchestrator_graph.testing import ScriptedChat

RATES = {"USD": 1.08, "SEK": 11.3}


def convert(euro: float, currency: str) -> float:
    """Euro in another currency, at today's rate."""
    return round(euro * RATES[currency], 2)


def cashier(messages: Any, tools: Any) -> Any:  # noqa: ARG001
    """A stand-in for a model: converts every sum in the question, then says what came out."""
    told = [message.text for message in messages if message.type == "tool"]
    if told:
        return "That is " + " and ".join(told)
    euro = re.findall(r"(\d+) euro", messages[-1].text)
    asked = [(sum_, currency) for sum_ in euro for currency in RATES if currency in messages[-1].text]
    calls = [{"name": "convert", "args": {"euro": float(s), "currency": c}, "id": f"{s} {c}"} for s, c in asked]
    return AIMessage("", tool_calls=calls)


def stand_in(name: str, quality: float, usd: float) -> ModelSpec:
    """With dollars per million tokens and a guess of its quality, as the router needs them."""
    chat, can = ScriptedChat(model=name, replies=cashier), frozenset({"chat", "tools"})
    return ModelSpec(chat, price=Price(usd, usd), priors={"*": Prior(quality, 20, "a guess")}, capabilities=can)


MODELS: Any = [stand_in("small", 0.85, 0.1), stand_in("large", 0.95, 5.0)]


def main() -> None:
    """The same agent, thrifty and demanding."""
    with Orchestrator(MODELS) as orc:
        for policy in ({"tradeoff": "cheap"}, {"min_quality": 0.9}):
            chooser = OrchestratorMiddleware(orc, policy=policy)
            agent: Any = create_agent(MODELS[0].model, [convert], middleware=[chooser])
            out = agent.invoke({"messages": [("user", "How much is 20 euro in USD and in SEK?")]})
            print(f"{policy}: {out['messages'][-1].text}")
            for told in [m.response_metadata["orchestrator"] for m in out["messages"] if m.type == "ai"]:
                print(f"    step {told['steps']}: {told['candidate']}, ${told['bill']['total_usd']:.8f}: {told['why']}")


if __name__ == "__main__":
    main()
