"""The server over scripted models, run as a child process: `scripted_child.py PORT`."""

import re
import sys

import uvicorn
from langchain_core.messages import AIMessage

from orchestrator_graph import ModelSpec, Orchestrator, Price, Prior
from orchestrator_graph.surfaces.server import create_app
from orchestrator_graph.testing import ScriptedChat
from tests.surfaces.scripted import scripted, used


def replies(messages, tools):
    """JSON for a schema, tool calls for tools, else what it was told."""
    asked = next(str(m.text) for m in reversed(messages) if m.type == "human")
    if "JSON" in asked:
        return '{"city": "Lima", "people": 10}'
    if "weather" in asked and messages[-1].type != "tool":
        cities = re.findall(r"in (\w+)", asked)
        calls = [
            {"name": "weather", "args": {"city": city}, "id": f"{n}", "type": "tool_call"}
            for n, city in enumerate(cities)
        ]
        return AIMessage("", tool_calls=calls)
    if messages[-1].type == "tool" or tools:
        return used(messages, tools)
    return f"you said: {asked}"


def main(port):
    pool = [
        scripted("able", 0.9, 1.0, replies=replies),
        scripted("dear", 0.95, 40.0, replies=replies),
        scripted("plain", 0.3, 0.1, replies=replies, capabilities=frozenset({"chat"})),
        ModelSpec(
            ScriptedChat(model="here", replies=replies),
            local=True,
            price=Price(0, 0, billed=False),
            priors={"*": Prior(0.2, 20, "test")},
        ),
    ]
    with Orchestrator(pool) as orchestrator:
        uvicorn.run(create_app(orchestrator), port=port, log_level="warning", backlog=2048)


if __name__ == "__main__":
    main(int(sys.argv[1]))
