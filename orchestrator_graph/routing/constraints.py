"""Hard constraints: what may not be chosen at all, and which constraint says so. Knows nothing of quality."""

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from orchestrator_graph.policy import Policy
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.registry.spec import ModelSpec
from orchestrator_graph.routing.expectation import Expectation, expect
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Exclusion, Features

__all__ = ["feasible"]


@dataclass(frozen=True, slots=True)
class Case:
    """One model under examination."""

    spec: ModelSpec
    features: Features
    policy: Policy
    now: Situation
    expected: Expectation

    def matches(self, patterns: list[str]) -> bool:
        """Whether the model's id fits one of the shell patterns."""
        return any(fnmatchcase(self.spec.id, pattern) for pattern in patterns)


def _private(case: Case) -> str | None:
    if not case.now.private or case.spec.is_local:
        return None
    home = case.spec.remote_host or ("Ollama's cloud" if case.spec.is_cloud_name else "")
    where = f" (it runs on {home})" if home else ""
    return f"the text is private and this model is not on this machine{where}"


def _pin(case: Case) -> str | None:
    return f"policy.pin is {case.policy.pin}" if case.policy.pin and case.spec.id != case.policy.pin else None


def _allow(case: Case) -> str | None:
    return "not in policy.allow" if case.policy.allow and not case.matches(case.policy.allow) else None


def _deny(case: Case) -> str | None:
    return "in policy.deny" if case.matches(case.policy.deny) else None


def _tier(case: Case) -> str | None:
    return f"not of tier {case.policy.tier}" if case.policy.tier and case.policy.tier not in case.spec.tiers else None


def _capability(case: Case) -> str | None:
    if case.spec.has("narrow") and case.spec.prior(case.features.task_type) is None:
        return f"answers only {', '.join(case.spec.priors)}"
    missing = [need for need in case.features.needs if not case.spec.has(need)]
    if not missing:
        return None
    unknown = case.spec.capabilities is None and isinstance(case.spec.model, str)
    hint = " as far as is known: ModelSpec(..., capabilities={'chat', ...}) says otherwise" if unknown else ""
    return f"lacks {', '.join(missing)}{hint}"


def _context(case: Case) -> str | None:
    if case.spec.context is None or case.expected.prompt_tokens < case.spec.context:
        return None
    return f"a prompt of about {case.expected.prompt_tokens} tokens does not fit its context of {case.spec.context}"


def _health(case: Case) -> str | None:
    return None if case.now.healthy.get(case.spec.id, True) else "its circuit breaker is open after repeated failures"


def _budget(case: Case) -> str | None:
    limits = [case.now.left_nusd, case.now.found_left_nusd if case.spec.discovered else None]
    left = min((limit for limit in limits if limit is not None), default=None)
    if left is None:
        return None
    cost = case.expected.cost_nusd
    if cost is None:
        return "its price is unknown and there is a cost limit"
    return None if cost <= left else f"about ${cost / 1e9:.6f} expected, ${max(0, left) / 1e9:.6f} left"


def _deadline(case: Case) -> str | None:
    expected, left = case.expected, case.now.left_s
    if left is None or not expected.latency_measured or expected.latency_s <= left:
        return None
    return f"takes about {expected.latency_s:.1f} s, {left:.1f} s are left"


def _energy(case: Case) -> str | None:
    energy, limit = case.expected.energy_j, case.policy.max_energy_j
    return f"about {energy:.1f} J expected, {limit} J allowed" if limit and energy and energy > limit else None


RULES: tuple[tuple[str, Callable[[Case], str | None]], ...] = (
    ("private", _private),
    ("pin", _pin),
    ("allow", _allow),
    ("deny", _deny),
    ("tier", _tier),
    ("capability", _capability),
    ("context", _context),
    ("budget", _budget),
    ("deadline", _deadline),
    ("energy", _energy),
    ("health", _health),  # last: what nothing else excludes may be probed
)


def feasible(
    portfolio: Portfolio, features: Features, policy: Policy, now: Situation
) -> tuple[list[ModelSpec], tuple[Exclusion, ...]]:
    """The models that may be chosen, and for each other one the first constraint that excludes it.

    When open breakers alone leave nothing, the first such model stays: one probe instead of a standstill.
    """
    kept: list[ModelSpec] = []
    excluded: list[Exclusion] = []
    for spec in portfolio.values():
        reason = _first_reason(Case(spec, features, policy, now, expect(spec, features, now)))
        if reason is None:
            kept.append(spec)
        else:
            excluded.append(reason)
    unhealthy = next((item for item in excluded if item.constraint == "health"), None)
    if not kept and unhealthy is not None:
        kept.append(portfolio[unhealthy.candidate])
        excluded.remove(unhealthy)
    return kept, tuple(excluded)


def _first_reason(case: Case) -> Exclusion | None:
    for name, rule in RULES:
        detail = rule(case)
        if detail is not None:
            return Exclusion(case.spec.id, name, detail)
    return None
