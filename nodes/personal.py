"""Personal data in a conversation: the one place where messages are looked through for it."""

from collections.abc import Iterable

from langchain_core.messages import BaseMessage

from orchestrator_graph.nodes.features import personal_data
from orchestrator_graph.nodes.tool_content import words_in

__all__ = ["personal_in"]


def personal_in(messages: Iterable[BaseMessage], *kinds: str) -> list[str]:
    """Kinds of personal data in the messages, in every text block however deep, with what hides a number undone.

    Args:
        messages: The conversation.
        kinds: Types of messages to look at: `human`, `tool`.

    >>> personal_in([HumanMessage([{"type": "json", "json": {"to": "jo@example.org"}}])], "human")
    ['email']
    """
    texts = ("\n".join(words_in(message.content)) for message in messages if message.type in kinds)
    return sorted({kind for text in texts for kind in personal_data(text)})
