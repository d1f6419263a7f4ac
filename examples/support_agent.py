"""Customer support: what the agent looks up about a customer stays with the model on this machine.

Runs on stand-ins that repeat what they were told; EXAMPLE_MODEL=ollama:smollm2 puts a real model in the place of the
local one. Your own pool: MODELS = ["ollama:qwen3:4b", "openai:gpt-5"].
"""

import os
import re
from typing import Any

from langgraph.graph import START, MessagesState, StateGraph

from orchestrator_graph import ModelSpec, Policy, Price, Prior, create_orchestrator
from orchestrator_graph.testing import ScriptedChat

CUSTOMERS = {"1017": "Ann Lee, Harbour Road 3, order 1017: two lamps, sent on 4 May"}
HELP = "We are open from 9 to 17. Lamps may be sent back within 30 days."
CLOUD = ScriptedChat(model="cloud", script=lambda asked: asked.rpartition("Known: ")[2])
LOCAL = os.environ.get("EXAMPLE_MODEL") or ScriptedChat(model="local", script=lambda asked: asked.rpartition(": ")[2])
MODELS = [
    ModelSpec(CLOUD, price=Price(1, 4), priors={"*": Prior(0.95, 20, "a guess")}),
    ModelSpec(LOCAL, local=True, price=Price(0.02, 0.02, billed=False), priors={"*": Prior(0.7, 20, "a guess")}),
]
support = create_orchestrator(MODELS, policy=Policy(tradeoff="best", decompose="never", strategy="route"))


class State(MessagesState):
    """With what is known of the customer, and how the last answer came about."""

    record: str
    results: dict[str, Any]
    bill: dict[str, Any]


def find(state: State) -> dict[str, Any]:
    """The customer's record, if the message names an order."""
    order = re.search(r"\b\d{4}\b", state["messages"][-1].text)
    return {"record": CUSTOMERS.get(order[0], "") if order else ""}


def answer(state: State) -> dict[str, Any]:
    """One answer; private as soon as a customer's record is in it."""
    task = f"A customer asks: {state['messages'][-1].text} Answer in one sentence. Known: {state['record'] or HELP}"
    out = support.invoke({"messages": [("user", task)]}, context=Policy(private=bool(state["record"])))
    return {"messages": out["messages"][-1:], "results": out["results"], "bill": out["bill"]}


def main() -> None:
    """A general question, one about an order, and one with an address in it, which the analyzer sees by itself."""
    agent: Any = StateGraph(State).add_sequence([find, answer]).add_edge(START, "find").compile()
    for text in ("When are you open?", "Where is my order 1017?", "Please call ann.lee@example.org about lamps."):
        out = agent.invoke({"messages": [("user", text)]})
        result = out["results"]["1"]
        print(f"{text}\n    {out['messages'][-1].text.strip()}")
        print(f"    {result['candidate']}, ${out['bill']['total_usd']:.8f}: {result['why']}")
    print("The cloud saw:", [seen.partition(" Answer in")[0] for seen in CLOUD.seen])


if __name__ == "__main__":
    main()
