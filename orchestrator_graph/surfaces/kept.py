"""What one run of an agent keeps between its model calls: its decision, who is in use, what was spent.

JSON, so that it lives in the agent's state. The messages alone do not do: other middlewares redact, summarise and drop
them, together with the record that is on them.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from orchestrator_graph.nodes.personal import personal_in
from orchestrator_graph.policy import Policy
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.surfaces.choice import Choice
from orchestrator_graph.surfaces.loop import Loop
from orchestrator_graph.surfaces.record import Told
from orchestrator_graph.surfaces.turn import Turn
from orchestrator_graph.types import Candidate, new_id

__all__ = ["Kept"]


class Kept:
    """The memory of one run, read and written by its calls one after the other.

    Args:
        told: As `fresh` began it and earlier calls left it; written in place.
        once: The first decision holds for the whole run; else each call decides anew, moving up at most.

    Attributes:
        told: JSON: `run_id, spent_nusd, steps, private, others`, and from the first decision on that of
            `Choice.to_json`.
    """

    def __init__(self, told: dict[str, Any], *, once: bool = True) -> None:
        self.told, self._once = told, once

    @staticmethod
    def fresh() -> dict[str, Any]:
        """The beginning of a run: it has a name and nothing else yet."""
        return {"run_id": new_id(), "spent_nusd": 0, "steps": 0, "private": False, "others": {}}

    @property
    def private(self) -> bool:
        """Whether the run's text must stay on this machine, as far as is known by now; never falls."""
        return bool(self.told["private"])

    def loop(self, seen: Loop) -> Loop:
        """The loop under way: what this run knows itself, over what its messages still tell."""
        told, private = self.told, self.private or seen.private
        if "decision_id" not in told:
            return replace(seen, run_id=seen.run_id or told["run_id"], private=private)
        return replace(
            seen,
            candidate=told["candidate"] if told["steps"] else None,
            run_id=told["run_id"],
            decision_id=told["decision_id"],
            spent_nusd=told["spent_nusd"],
            steps=told["steps"],
            private=private,
        )

    def held(self, turn: Turn, policy: Policy, portfolio: Portfolio) -> Choice | None:
        """The run's decision, where it still holds; `None` = one has to be made.

        It holds no more when its models are gone (a resumed run, another portfolio), when the call needs what none of
        them can, or when the text has become private since.
        """
        if not self._once or "ranking" not in self.told:
            return None
        choice = Choice.from_json(self.told)
        if not choice.private and _must_stay(turn, policy, portfolio):
            return None
        able = tuple(c for c in choice.ranking if _can(c, turn.needs, portfolio))
        return replace(choice, ranking=able) if able else None

    def decided(self, choice: Choice) -> None:
        """Before anybody is asked."""
        self.told["private"] = self.private or choice.private

    def refused(self) -> None:
        """The text is private and nobody here may read it."""
        self.told["private"] = True

    def took(self, told: Told) -> None:
        """After a call: its decision is kept, and whoever answered is asked first the next time."""
        choice, answered, private = told.choice, told.answer is not None, self.private
        ranking = sorted(choice.ranking, key=lambda c: answered and c.id != told.candidate)
        self.told |= {
            **replace(choice, ranking=tuple(ranking)).to_json(),
            "why": choice.why_after(told.attempts),
            "private": private or choice.private,
            "spent_nusd": told.loop.spent_nusd + sum(attempt.cost_nusd for attempt in told.attempts),
            "steps": told.loop.steps + answered,
        }

    def passed(self, model: str) -> None:
        """Another one's model answered in our stead, such as a fallback's."""
        others = self.told["others"]
        self.told["others"] = {**others, model: others.get(model, 0) + 1}


def _can(candidate: Candidate, needs: Sequence[str], portfolio: Portfolio) -> bool:
    spec = portfolio.get(candidate.members[0].model)
    return spec is not None and all(spec.has(need) for need in needs)


def _must_stay(turn: Turn, policy: Policy, portfolio: Portfolio) -> bool:
    """Whether a decision that was not private has to be made again: labels rise."""
    if policy.private:
        return True
    here = any(spec.is_local for spec in portfolio.values())
    if policy.pii == "ignore" or (policy.pii == "local_if_available" and not here):
        return False
    return bool(personal_in(turn.messages, "human", "tool"))
