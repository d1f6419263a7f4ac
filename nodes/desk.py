"""What a process keeps at hand of runs under way."""

from dataclasses import dataclass, field

from orchestrator_graph.gateway.tally import Tally
from orchestrator_graph.memory import Lookup
from orchestrator_graph.nodes.decided import Decided
from orchestrator_graph.policy import Policy

__all__ = ["Desk"]

UNFINISHED = 2000


@dataclass(frozen=True, slots=True)
class Desk:
    """What this process keeps at hand of runs under way; all of it can be made again from the state.

    Attributes:
        lookups: (run id, subtask id) -> what was looked up ahead, and its share of the embedding if for later.
        waiting: (run id, tool call id) of tools that wait for a person.
    """

    policies: dict[str, Policy] = field(default_factory=dict)
    lookups: dict[tuple[str, str], tuple[Lookup, float | None]] = field(default_factory=dict)
    waiting: set[tuple[str, str]] = field(default_factory=set)
    decided: Decided = field(default_factory=Decided)
    embedding: Tally = field(default_factory=Tally)
    looked_up: Tally = field(default_factory=Tally)

    def tidy(self) -> None:
        """Drops everything once many runs were left unfinished."""
        for shelf in (self.policies, self.lookups, self.waiting):
            if len(shelf) > UNFINISHED:
                shelf.clear()
