"""What a run cannot even begin with: constraints that leave nobody, names that nobody has. Raised before it is paid."""

from collections.abc import Collection, Sequence

from orchestrator_graph.errors import InputError, NoCandidateError, PolicyError, PrivacyError
from orchestrator_graph.policy import Policy
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.routing.candidates import offered
from orchestrator_graph.routing.constraints import feasible
from orchestrator_graph.routing.estimator import Estimator
from orchestrator_graph.routing.rules import Rules
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Features

__all__ = ["check_budget", "check_feasible", "check_names"]

TOOL_WAYS = (
    "Add one that can, e.g. `ollama pull qwen3:4b`, say so where you know better: "
    "ModelSpec(model, capabilities={'chat', 'tools'}), or leave tools out"
)


def check_feasible(portfolio: Portfolio, features: Features, policy: Policy, private: bool) -> None:
    """Raises where the constraints leave no candidate for the task as a whole.

    Raises:
        PrivacyError: A private task and no local model.
        NoCandidateError: Any other constraint; names what excluded what.
    """
    limit = None if policy.max_cost_usd is None else round(policy.max_cost_usd * 1e9)
    kept, excluded = feasible(portfolio, features, policy, Situation(private=private, left_nusd=limit))
    if kept:
        return
    if private and all(item.constraint == "private" for item in excluded):
        names = ", ".join(item.candidate for item in excluded)
        raise PrivacyError(
            f"policy.private = True and no model runs on this machine (refused, nothing sent: {names}). "
            "Add a local one, e.g. `ollama pull qwen3:4b`, or ModelSpec(model, local=True) for your own server"
        )
    lines = "; ".join(f"{item.candidate}: {item.constraint} ({item.detail})" for item in excluded)
    told = {item.candidate: f"{item.constraint}: {item.detail}" for item in excluded}
    if "tools" in features.needs and not any(spec.has("tools") for spec in portfolio.values()):
        raise NoCandidateError(f"tools are given and no model of this pool can call them. {lines}. {TOOL_WAYS}", told)
    raise NoCandidateError(f"policy leaves no candidate. {lines}. Relax the named constraint or add a model", told)


def check_names(portfolio: Portfolio, policy: Policy, estimators: Sequence[Estimator] = ()) -> None:
    """Raises where the policy or a rule names a model that is not in the portfolio.

    Raises:
        NoCandidateError, ConfigError: Name the field (of the policy, of a rule), the value and the known models.
        PolicyError: A cascade under the strict guard: it would begin with what is not proven.
    """
    for rules in (estimator for estimator in estimators if isinstance(estimator, Rules)):
        rules.check(portfolio)
    if policy.guard == "strict" and policy.strategy == "cascade":
        raise PolicyError("policy.guard = 'strict' and policy.strategy = 'cascade' exclude each other; leave one out")
    models, offers = list(portfolio), [candidate.id for spec in portfolio.values() for candidate in offered(spec)]
    named = [("pin", policy.pin, models), *(("cascade", name, models) for name in policy.cascade)]
    named += [("reference", policy.reference, offers), ("trial.reference", policy.trial.get("reference"), offers)]
    for field, name, known in named:
        if name and name not in known:
            raise NoCandidateError(f"policy.{field} = {name!r} is not in the portfolio; known: {', '.join(known)}", {})


def check_budget(policy: Policy, budgets: Collection[str]) -> None:
    """Raises InputError where the policy names a budget that is not there."""
    if policy.budget is not None and policy.budget not in budgets:
        known = ", ".join(budgets) or "none"
        raise InputError(f"policy.budget = {policy.budget!r} is not in orchestrator.toml [budgets]; known: {known}")
