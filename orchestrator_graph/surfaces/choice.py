"""Who shall be asked, in which order: a decision as far as a chat model needs it, also as JSON in an agent's state."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator_graph.advice import Advice, Case, advise
from orchestrator_graph.drive import Effects
from orchestrator_graph.nodes.io import Services
from orchestrator_graph.nodes.personal import personal_in
from orchestrator_graph.policy import Policy
from orchestrator_graph.routing.robust import dear_ones
from orchestrator_graph.surfaces.loop import Loop
from orchestrator_graph.surfaces.turn import Turn
from orchestrator_graph.types import Attempt, Candidate, Estimate, new_id, to_json

__all__ = ["Choice", "choose", "route_only"]

ROUTE_ONLY = Policy(strategy="route", ensemble="never", decompose="never")


@dataclass(frozen=True, slots=True)
class Choice:
    """Candidates in the order in which they are asked, and whose decision that is.

    Attributes:
        run_id: Names the task's calls and its money.
        decision_id: What a vote is about; that of the first call of a tool loop.
        ranking: Single models, best first.
        dear: Ids of those of which a user may have only so many an hour.
        advice: The whole decision, where it was made in this process.
    """

    run_id: str
    decision_id: str
    ranking: tuple[Candidate, ...]
    private: bool = False
    why: str = ""
    proved: bool = False
    certificate: str = ""
    dear: frozenset[str] = frozenset()
    advice: Advice | None = field(default=None, compare=False, repr=False)

    def why_after(self, attempts: Sequence[Attempt]) -> str:
        """Why the last one of these was asked: the decision's sentence, which is about the first, and who failed."""
        failed = [f"{a.model} failed ({a.failure.kind})" for a in attempts[:-1] if a.failure is not None]
        if not failed:
            return self.why
        return f"first {attempts[0].model}: {self.why}; {', '.join(failed)}, then {attempts[-1].model}"

    def to_json(self) -> dict[str, Any]:
        """Everything but the whole decision."""
        data = {name: getattr(self, name) for name in ("run_id", "decision_id", "private", "why", "proved")}
        more = {"certificate": self.certificate, "ranking": self.ranking, "dear": sorted(self.dear)}
        told: dict[str, Any] = to_json({**data, **more, "candidate": self.ranking[0].id})
        return told

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Choice":
        """The inverse of `to_json`."""
        fields = {name: value for name, value in data.items() if name in cls.__dataclass_fields__}
        ranking = tuple(Candidate.from_json(item) for item in data["ranking"])
        return cls(**{**fields, "ranking": ranking, "dear": frozenset(data["dear"])})


def route_only(policy: Policy, loop: Loop) -> Policy:
    """The policy of one call: one model, one answer; private where an earlier call of the conversation was."""
    return policy.overlaid(ROUTE_ONLY).overlaid(Policy(private=True) if loop.private else Policy())


async def choose(fx: Effects, services: Services, turn: Turn, policy: Policy, loop: Loop) -> Choice:
    """Decides for one call; inside a tool loop it stays with the model in use or moves up.

    Raises:
        InputError, PrivacyError, NoCandidateError, RegistryError: With nothing called or paid.
    """
    told = () if policy.pii == "ignore" else tuple(personal_in(turn.messages, "tool"))
    case = Case(turn.messages, policy, turn.needs, turn.context_bytes, loop.candidate, told, loop.spent_nusd)
    advice = await advise(fx, services, case)
    await services.promises.asked(fx, services.memory, advice.promised)
    decision = advice.decision
    ranking = _upward(decision.ranking, loop)
    return Choice(
        run_id=loop.run_id or new_id(),
        decision_id=loop.decision_id or decision.id,
        ranking=tuple(estimate.candidate for estimate in ranking if estimate.candidate.kind == "single"),
        private=advice.private,
        why=decision.why,
        proved=decision.proved,
        certificate=decision.certificate,
        dear=dear_ones(decision.ranking),
        advice=advice,
    )


def _upward(ranking: Sequence[Estimate], loop: Loop) -> list[Estimate]:
    """Whoever is believed to be better comes first where the tool calls of the one in use keep failing."""
    held = next((e.quality for e in ranking if e.candidate.id == loop.candidate), None)
    if not loop.stuck or held is None:
        return list(ranking)
    return sorted(ranking, key=lambda e: e.quality <= held)
