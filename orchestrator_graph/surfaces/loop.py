"""What earlier messages tell of a tool loop under way: who is in use, what was decided and spent, how it goes.

Read from the messages alone, so that it survives checkpoints, other processes and other middlewares.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

__all__ = ["RECORD", "Loop"]

RECORD = "orchestrator"
"""The key of our record in `response_metadata`."""
NEEDED = ("candidate", "run_id", "decision_id", "spent_nusd", "steps")
"""What a record has to tell; a graph's answer is no part of a loop."""
STUCK = 2
"""After so many failed tool calls in a row somebody better is asked."""


@dataclass(frozen=True, slots=True)
class Loop:
    """A tool loop, seen from its messages; the default is none.

    Attributes:
        candidate: Who is in use; `None` outside a tool loop.
        run_id: Of the loop's first call.
        decision_id: Of the loop's first call: what a vote is about.
        spent_nusd: So far, in nano-dollars.
        steps: Calls made so far.
        stuck: The last tool calls failed, one after the other.
        private: An earlier call of this conversation was private: labels never fall.
    """

    candidate: str | None = None
    run_id: str = ""
    decision_id: str = ""
    spent_nusd: int = 0
    steps: int = 0
    stuck: bool = False
    private: bool = False

    @classmethod
    def of(cls, messages: Sequence[BaseMessage]) -> "Loop":
        """The loop that the last messages are part of."""
        private = any(_record(message).get("private") for message in messages)
        start = next((i for i in range(len(messages) - 1, -1, -1) if isinstance(messages[i], HumanMessage)), -1)
        since = messages[start + 1 :]
        record = next((r for message in reversed(since) if (r := _record(message))), {})
        if not set(NEEDED) <= set(record) or not isinstance(since[-1], ToolMessage):
            return cls(private=private)
        return cls(
            candidate=str(record["candidate"]),
            run_id=str(record["run_id"]),
            decision_id=str(record["decision_id"]),
            spent_nusd=max(0, int(record["spent_nusd"])),
            steps=int(record["steps"]),
            stuck=_stuck(since),
            private=private,
        )


def _record(message: BaseMessage) -> Mapping[str, Any]:
    found = message.response_metadata.get(RECORD) if isinstance(message, AIMessage) else None
    return found if isinstance(found, Mapping) else {}


def _stuck(since: Sequence[BaseMessage]) -> bool:
    last = [m.status == "error" for m in since if isinstance(m, ToolMessage)][-STUCK:]
    return len(last) == STUCK and all(last)
