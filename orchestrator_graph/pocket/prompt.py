"""What a pocket model reads of a conversation."""

from collections.abc import Sequence

from langchain_core.messages import BaseMessage, HumanMessage

__all__ = ["prompt_of"]


def prompt_of(messages: Sequence[BaseMessage]) -> str:
    """The text of the last human message.

    >>> prompt_of([HumanMessage("Add 1 and 2"), HumanMessage("Reverse lantern")])
    'Reverse lantern'

    Raises:
        ValueError: No human message, or one without text.
    """
    for message in reversed(messages):
        if isinstance(message, HumanMessage):
            if message.text:
                return str(message.text)
            raise ValueError("The last human message has no text, and a pocket model reads nothing else.")
    raise ValueError("A pocket model answers the last human message, but there is none.")
