"""RAG with routing: what was found decides who may read it. Internal documents stay with the model on this machine.

Runs on stand-ins that quote from what they are given; EXAMPLE_MODEL=ollama:smollm2 puts a real model in the place of
the local one. Your own pool: MODELS = ["ollama:qwen3:4b", "openai:gpt-5-mini"].
"""

import os
import re

from langchain_core.documents import Document
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.vectorstores import InMemoryVectorStore

from orchestrator_graph import ChatOrchestrator, ModelSpec, Orchestrator, Price, Prior
from orchestrator_graph.memory import HashedEmbedder
from orchestrator_graph.testing import ScriptedChat

DOCUMENTS = [
    Document("Guests may cancel a booking until 48 hours before arrival.", metadata={"internal": False}),
    Document("Breakfast for guests is served from 7 to 10 in the orangery.", metadata={"internal": False}),
    Document("The night porter earns 2,700 euro a month.", metadata={"internal": True}),
]
PROMPT = ChatPromptTemplate.from_messages(
    [("user", "Answer in one sentence. Context: {context}\nQuestion: {question}")]
)


def quote(prompt: str) -> str:
    """A stand-in for a model: the sentence of the context that shares most words with the question."""
    context, _, question = prompt.partition("Context: ")[2].partition("\nQuestion: ")
    words = set(re.findall(r"\w+", question.lower()))
    return max(context.split("\n"), key=lambda text: len(words & set(re.findall(r"\w+", text.lower()))))


CLOUD = ScriptedChat(model="cloud", script=quote)
LOCAL = os.environ.get("EXAMPLE_MODEL") or ScriptedChat(model="local", script=quote)
MODELS = [
    ModelSpec(CLOUD, price=Price(1, 4), priors={"*": Prior(0.95, 20, "a guess")}),
    ModelSpec(LOCAL, local=True, price=Price(0.02, 0.02, billed=False), priors={"*": Prior(0.6, 20, "a guess")}),
]


def main() -> None:
    """Asks one question about public documents and one about an internal one."""
    store = InMemoryVectorStore.from_documents(DOCUMENTS, HashedEmbedder())  # any other will do
    with Orchestrator(MODELS, policy={"tradeoff": "best"}) as orc:
        for question in ("When is breakfast for guests served?", "How much does the night porter earn a month?"):
            found = store.similarity_search(question, k=2)
            private = any(document.metadata["internal"] for document in found)
            chain = PROMPT | ChatOrchestrator(orc, policy={"private": private})
            given = {"context": "\n".join(document.page_content for document in found), "question": question}
            message = chain.invoke(given)
            told = message.response_metadata["orchestrator"]
            print(f"{question}\n    {message.text.strip()}")
            print(f"    {told['candidate']}, private: {private}, ${told['bill']['total_usd']:.8f}: {told['why']}")
    print("The cloud was shown the porter's pay:", any("porter" in seen for seen in CLOUD.seen))


if __name__ == "__main__":
    main()
