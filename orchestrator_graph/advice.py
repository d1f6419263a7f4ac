"""A decision without a run: what would be chosen for a task, and why. Calls no model."""

from orchestrator_graph.drive import Effects
from orchestrator_graph.nodes.analyzer import check_feasible, check_names, read_task, settle_privacy
from orchestrator_graph.nodes.io import Services
from orchestrator_graph.policy import Policy
from orchestrator_graph.routing.decide import decide
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Decision

__all__ = ["advise"]


async def advise(fx: Effects, services: Services, text: str, policy: Policy) -> Decision:
    """The decision for a task as a whole, under the policy given.

    Raises:
        InputError, PrivacyError, NoCandidateError, RegistryError: As a run would, with nothing called or paid.
    """
    from langchain_core.messages import HumanMessage

    gateway = services.gateway
    features, sensitive, notes = read_task([HumanMessage(text)], policy)
    portfolio = await gateway.portfolio(fx)
    check_names(portfolio, policy, services.estimators)
    private = settle_privacy(portfolio, features, policy, sensitive, notes)
    check_feasible(portfolio, features, policy, private)
    found = await services.memory.lookup(fx, [features.text], tenant=policy.tenant, private=private)
    limit = policy.max_cost_usd
    now = Situation(
        private=private,
        left_nusd=None if limit is None else round(limit * 1e9),
        left_s=policy.deadline_s,
        healthy={name: gateway.healthy(name) for name in portfolio},
        speeds={name: speed for name in portfolio if (speed := gateway.seconds_per_call(name)) is not None},
        load_s=gateway.models.load_s(portfolio),
        neighbours=found[0].neighbours,
        memory_state=found[0].state,
        vector=found[0].vector,
        space=found[0].embed_model,
        tenant=policy.tenant,
        user_id=policy.user_id,
        appetites=found[0].appetites,
        tails={name: tail for name in portfolio if (tail := gateway.tail(name)) is not None},
        pairs=services.pairs,
        dear_used=services.dear.used(policy.tenant, policy.user_id),
    )
    return decide("1", features, portfolio, policy, now, services.estimators)
