"""What a certificate says of one task, and whether the decision that was made really follows it.

Proved is only what does as the certified policy would: neither a pin, a rule, a strategy, a tool loop nor a model that
may not be asked just now is covered by what was measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from orchestrator_graph.policy import Policy
from orchestrator_graph.types import Decision, Estimate, Features

if TYPE_CHECKING:
    from orchestrator_graph.routing.gate import Gate
    from orchestrator_graph.routing.situation import Situation

__all__ = ["Promise", "Promised", "under"]

FORCED = frozenset({"cascade", "best_of_n", "consensus", "fusion"})


@dataclass(frozen=True, slots=True)
class Promised:
    """What a certificate says of one task.

    Attributes:
        certificate: Its id.
        choice: Candidate id; `""` where the certificate does not speak of this task.
        reference: Who answers where the choice cannot be followed; `""` as above.
        inside: Whether the task lies in the domain that was certified.
        claim: What is promised, in words.
        barred: Why nothing is proved here; `""` where it is, if the decision follows.
    """

    certificate: str
    choice: str = ""
    reference: str = ""
    inside: bool = True
    claim: str = ""
    barred: str = ""

    @property
    def name(self) -> str:
        """The certificate, for people."""
        return f"certificate {self.certificate[:8]}"

    def first(self, feasible: Sequence[Estimate]) -> tuple[Estimate, str] | None:
        """The choice, else the reference, and why; `None` where neither may be asked or the certificate is silent."""
        by_id = {estimate.candidate.id: estimate for estimate in feasible}
        reference, choice = by_id.get(self.reference), by_id.get(self.choice)
        if reference is None:
            return None
        if self.barred:
            return reference, f"strict guard: {self.name} is {self.barred}: the reference model answers"
        if choice is None:
            absent = f"{self.name} would choose {self.choice}, which may not be asked"
            return reference, f"strict guard: {absent}: the reference model answers, unproved"
        if not self.inside:
            return choice, f"outside the domain of {self.name}: the reference model answers"
        return choice, f"proved: {self.claim}"

    def marked(self, decision: Decision, policy: Policy) -> Decision:
        """The decision, proved where its first place is what the certified policy would ask.

        Then the reference comes second: what fails goes there and to nobody else before it.
        """
        ids = [estimate.candidate.id for estimate in decision.ranking]
        follows = ids[:1] == [self.choice] and self.reference in ids
        if self.barred or not follows or policy.pin or policy.guard != "strict":
            return decision
        first, *others = decision.ranking
        second = [estimate for estimate in others if estimate.candidate.id == self.reference]
        ranking = (first, *second, *(estimate for estimate in others if estimate not in second))
        return replace(decision, ranking=ranking, proved=True, certificate=self.certificate)


@dataclass(frozen=True, slots=True)
class Promise:
    """A verified certificate as routing sees it.

    Attributes:
        suspended: Why it is not believed any more; then the reference answers until it is renewed.
    """

    certificate: str
    gate: "Gate" = field(repr=False)
    max_loss: float
    confidence: float
    n: int
    suspended: str = ""

    def over(self, policy: Policy) -> Policy:
        """The policy under the strict guard against the certificate's reference."""
        return under(policy, self.gate.reference)

    def told(self, policy: Policy, now: "Situation", features: Features) -> Promised | None:
        """What is promised of the task whose vector is in `now`; `None` where the policy has no use for it."""
        if policy.guard != "strict":
            return None
        if problem := self._silent(policy, now, features):
            return Promised(self.certificate, barred=problem)
        reference = self.gate.reference
        if self.suspended:
            return Promised(self.certificate, reference, reference, barred=f"suspended: {self.suspended}")
        choice, inside = self.gate.choose(now.vector, features.task_type)
        points = f"at most {self.max_loss * 100:g} points below {reference} with {self.confidence * 100:g} %"
        claim = f"{points} (certificate {self.certificate[:8]}, n={self.n})"
        return Promised(self.certificate, choice, reference, inside, claim)

    def _silent(self, policy: Policy, now: "Situation", features: Features) -> str:
        """Why the certificate says nothing of this task."""
        if policy.reference not in (None, self.gate.reference):
            return f"for another reference than {policy.reference}"
        if "max_quality_loss" in policy.model_fields_set and policy.max_quality_loss < self.max_loss:
            return f"for {self.max_loss * 100:g} points, and at most {policy.max_quality_loss * 100:g} are wanted"
        if policy.pin or policy.strategy in FORCED or policy.ensemble == "always" or now.sticky is not None:
            return "not for pinned models, forced strategies and steps inside a tool loop"
        if features.needs:  # neither the labels nor the vectors know of pictures and files
            return f"for text alone, and this task needs {', '.join(features.needs)}"
        if now.vector is None or now.space != self.gate.space:
            return f"for vectors of {self.gate.space}, and this task has {now.space or 'none'}"
        return ""


def under(policy: Policy, reference: str | None) -> Policy:
    """The policy under the strict guard, as a certificate implies; as it is where it says otherwise itself.

    >>> [under(policy, "a:b").guard for policy in (Policy(), Policy(guard="prior"), Policy(strategy="cascade"))]
    ['strict', 'prior', 'prior']
    """
    own = policy.guard == "prior" and "guard" in policy.model_fields_set
    if own or policy.strategy == "cascade":
        return policy
    return policy.overlaid(Policy(guard="strict", reference=policy.reference or reference))
