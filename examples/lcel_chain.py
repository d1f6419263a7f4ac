"""A chain whose model is the whole pool: prompt | ChatOrchestrator | parser, one by one, in a batch, and as a stream.

Runs on the embedded models, or on one that you name: EXAMPLE_MODEL=ollama:smollm2 python examples/lcel_chain.py
Your own pool: ChatOrchestrator(["ollama:qwen3:4b", "openai:gpt-5-mini"]).
"""

import os

from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate

from orchestrator_graph import ChatOrchestrator

MODELS = [os.environ["EXAMPLE_MODEL"]] if "EXAMPLE_MODEL" in os.environ else "pocket"
TASKS = ["Add 47 and 38", "Reverse the word lantern", "Count the letter n in lantern"]


def main() -> None:
    """Asks three tasks in one batch, with reasons and costs, and one more as a stream."""
    prompt = ChatPromptTemplate.from_messages([("user", "{task}")])
    chat = ChatOrchestrator(MODELS, policy={"tradeoff": "balanced"})

    asked = prompt | chat  # ends in a message, which says who answered, why, and what it cost
    for task, message in zip(TASKS, asked.batch([{"task": task} for task in TASKS]), strict=True):
        told = message.response_metadata["orchestrator"]
        print(f"{task}: {message.text.strip()}")
        print(f"    {told['candidate']}, ${told['bill']['total_usd']:.8f}: {told['why']}")

    chain = prompt | chat | StrOutputParser()  # ends in a text
    print("As a stream:", "|".join(piece for piece in chain.stream({"task": "Reverse the word candle"}) if piece))


if __name__ == "__main__":
    main()
