"""Tool loops over HTTP: OpenAI's messages carry no metadata, so what was decided is kept here by the calls' ids.

In this process and bounded. A loop that is not known any more (another worker, a restart, a very old one) is decided
anew: its next step may go to another model, and its money is counted from there.
"""

import secrets
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage

from orchestrator_graph.surfaces.loop import RECORD

__all__ = ["Loops"]

MOST = 10_000


class Loops:
    """Id of a tool call -> our record of the answer that made it. Ids are ours, so that no two loops share one.

    Args:
        most: Calls that are kept; the oldest give way.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._known: OrderedDict[tuple[str, str], Mapping[str, Any]] = OrderedDict()

    @staticmethod
    def new_id() -> str:
        """An id that nobody guesses, in OpenAI's form; it stands for the model's own, which other models may repeat."""
        return f"call_{secrets.token_hex(12)}"

    def keep(self, caller: str, ids: Sequence[str], record: Mapping[str, Any]) -> None:
        """Remembers who made these calls, for the caller whose loop it is."""
        kept = {name: value for name, value in record.items() if name != "bill"}
        for name in ids:
            self._known[caller, name] = kept
        while len(self._known) > self._most:
            self._known.popitem(last=False)

    def recall(self, caller: str, messages: Sequence[BaseMessage]) -> list[BaseMessage]:
        """The messages, with the record on each answer whose calls are known."""
        return [self._recalled(caller, message) for message in messages]

    def _recalled(self, caller: str, message: BaseMessage) -> BaseMessage:
        calls = message.tool_calls if isinstance(message, AIMessage) else ()
        for call in calls:
            record = self._known.get((caller, str(call["id"])))
            if record is not None:
                self._known.move_to_end((caller, str(call["id"])))
                return message.model_copy(update={"response_metadata": {RECORD: dict(record)}})
        return message
