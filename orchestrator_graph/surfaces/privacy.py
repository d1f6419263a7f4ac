"""Whether a conversation must not leave the machine, as far as one can tell before anything is decided."""

from collections.abc import Sequence

from langchain_core.messages import BaseMessage

from orchestrator_graph.nodes.personal import personal_in
from orchestrator_graph.policy import Policy
from orchestrator_graph.surfaces.loop import Loop

__all__ = ["stays_here"]


def stays_here(policy: Policy, messages: Sequence[BaseMessage]) -> bool:
    """True by policy, by an earlier private answer, or by personal data that the policy looks for.

    Also where no local model may take the personal data and it goes to a cloud: a tracer is told less than a model.
    """
    loop = Loop.of(messages)
    if policy.private or loop.private or policy.pii == "ignore":
        return policy.private or loop.private
    return bool(personal_in(messages, "human", "tool"))
