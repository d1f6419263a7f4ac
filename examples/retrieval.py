"""Retrieval: factual questions go to the small model, analytical ones to the large one; both search by a tool.

Runs on two stand-ins that read what the search really finds. Meant for models that call tools; swap them in by
    MODELS = ["ollama:qwen3:4b", "openai:gpt-5"]
"""

from typing import Any

from langchain_core.messages import AIMessage
from langchain_core.vectorstores import InMemoryVectorStore

from orchestrator_graph import Config, ModelSpec, Price, Prior, create_orchestrator
from orchestrator_graph.memory import HashedEmbedder
from orchestrator_graph.testing import ScriptedChat

BOOK = [
    "The lighthouse of Sandby was built in 1871 by Ida Holm.",
    "The lighthouse of Norder was built in 1904, since that of Sandby had proved too dim.",
    "The harbour of Sandby closes when the wind is above 9 Beaufort.",
]
STORE = InMemoryVectorStore.from_texts(BOOK, HashedEmbedder())  # any LangChain vector store and embeddings will do
RULES = [{"name": "analysis", "when": {"words": ["compare", "differ", "why"]}, "floor": 0.9}]  # see docs/rules.md
FACTUAL = "When was the lighthouse of Sandby built?"
ANALYTICAL = "How do the lighthouses of Sandby and Norder differ, and why was the second one built?"


def search(question: str) -> str:
    """Sentences of the guide book that are near to the question."""
    return "\n".join(found.page_content for found in STORE.similarity_search(question, k=2))


def stand_in(name: str, sentences: int, quality: float, usd: float) -> ModelSpec:
    """A model that searches for the question, then says the first sentences found; dollars per million tokens."""

    def replies(messages: Any, tools: Any) -> Any:  # noqa: ARG001
        if messages[-1].type == "tool":
            return " ".join(messages[-1].text.split("\n")[:sentences])
        return AIMessage("", tool_calls=[{"name": "search", "args": {"question": messages[-1].text}, "id": "1"}])

    chat, can = ScriptedChat(model=name, replies=replies), frozenset({"chat", "tools"})
    return ModelSpec(chat, price=Price(usd, usd), priors={"*": Prior(quality, 20, "a guess")}, capabilities=can)


MODELS = [stand_in("small", 1, 0.85, 0.1), stand_in("large", 2, 0.95, 5.0)]


def main() -> None:
    """Asks both questions, and prints who answered, why, by which search, and the price."""
    graph = create_orchestrator(MODELS, tools=[search], config=Config(rules=RULES), policy={"decompose": "never"})
    for question in (FACTUAL, ANALYTICAL):
        out = graph.invoke({"messages": [("user", question)]})
        result = out["results"]["1"]
        print(f"{question}\n    {result['answer']}")
        print(f"    {result['candidate']}, ${out['bill']['total_usd']:.8f}: {result['why']}")
        print(f"    tools: {[(tool['name'], tool['ok']) for tool in result['tools']]}")


if __name__ == "__main__":
    main()
