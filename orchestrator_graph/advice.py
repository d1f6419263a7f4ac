"""A decision without a run: what would be chosen for a task, and why. Calls no model."""

from dataclasses import replace

from orchestrator_graph.drive import Effects
from orchestrator_graph.gateway.leases import FOUND_CAP_NUSD
from orchestrator_graph.nodes.analyzer import check_budget, check_feasible, check_names, read_task, settle_privacy
from orchestrator_graph.nodes.features import read_features
from orchestrator_graph.nodes.io import Services
from orchestrator_graph.nodes.recall import seen_by
from orchestrator_graph.nodes.situation import with_lookup
from orchestrator_graph.policy import Policy
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.routing.decide import decide
from orchestrator_graph.routing.robust import second_look
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Decision, Features

__all__ = ["advise"]


async def advise(fx: Effects, services: Services, text: str, policy: Policy) -> Decision:
    """The decision for a task as a whole, under the policy given.

    Raises:
        InputError, PrivacyError, NoCandidateError, RegistryError: As a run would, with nothing called or paid.
    """
    from langchain_core.messages import HumanMessage

    features, sensitive, notes = read_task([HumanMessage(text)], policy)
    portfolio = await services.gateway.portfolio(fx)
    check_names(portfolio, policy, services.estimators)
    check_budget(policy, services.budgets)
    private = settle_privacy(portfolio, features, policy, sensitive, notes)
    check_feasible(portfolio, features, policy, private)
    await services.shared(fx, policy)  # begins its pace
    now = _situation(services, portfolio, policy, private=private)
    standing = await services.promises.of(fx, services.memory, policy, portfolio)
    policy = standing.over(policy)

    async def made(words: Features, plain: Policy) -> Decision:
        lookup = (await seen_by(fx, services.memory, policy, [words.text], private=private, left_s=now.left_s))[0]
        known = with_lookup(now, lookup)
        known = replace(known, promised=standing.told(plain, known, words))
        return decide("1", words, portfolio, plain, known, services.estimators)

    async def again(core: str) -> Decision:
        words = replace(read_features(core), needs=features.needs)
        return await made(words, policy.overlaid(Policy(explore=0.0, canary={}, trial={})))

    return await second_look(await made(features, policy), features.text, policy, again)


def _situation(services: Services, portfolio: Portfolio, policy: Policy, *, private: bool) -> Situation:
    """The situation of a task that was not begun: nothing of its money and time is used."""
    gateway, limit = services.gateway, policy.max_cost_usd
    per_nusd, per_joule = services.paces.of(policy.budget).prices()
    return Situation(
        private=private,
        left_nusd=None if limit is None else round(limit * 1e9),
        found_left_nusd=FOUND_CAP_NUSD if limit is None else None,
        left_s=policy.deadline_s,
        healthy={name: gateway.healthy(name) for name in portfolio},
        speeds={name: speed for name in portfolio if (speed := gateway.seconds_per_call(name)) is not None},
        load_s=gateway.models.load_s(portfolio),
        tenant=policy.tenant,
        user_id=policy.user_id,
        tails={name: tail for name in portfolio if (tail := gateway.tail(name)) is not None},
        pairs=services.pairs,
        per_nusd=per_nusd,
        per_joule=per_joule,
        dear_used=services.dear.used(policy.tenant, policy.user_id),
    )
