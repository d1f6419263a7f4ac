"""A decision without a run: what would be chosen for a task, and why. Calls no model."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from orchestrator_graph.drive import Effects
from orchestrator_graph.errors import PrivacyError
from orchestrator_graph.gateway.leases import FOUND_CAP_NUSD
from orchestrator_graph.memory import Lookup
from orchestrator_graph.nodes.analyzer import check_budget, check_feasible, check_names, read_task, settle_privacy
from orchestrator_graph.nodes.features import read_features
from orchestrator_graph.nodes.io import Services
from orchestrator_graph.nodes.recall import seen_by
from orchestrator_graph.nodes.situation import with_lookup
from orchestrator_graph.nodes.structured import writers
from orchestrator_graph.nodes.toolbox import one_model
from orchestrator_graph.policy import Policy
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.routing.decide import decide
from orchestrator_graph.routing.promise import Promised
from orchestrator_graph.routing.robust import second_look
from orchestrator_graph.routing.situation import Situation
from orchestrator_graph.types import Decision, Features

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

__all__ = ["Advice", "Case", "advise"]


@dataclass(frozen=True, slots=True)
class Case:
    """What is to be decided about.

    Attributes:
        messages: The conversation; the last human message is the task.
        policy: In force, the factory's included.
        needs: Capabilities beyond what the last message brings along.
        context_bytes: Of prompt on top of the task's own words.
        sticky: Inside a tool loop, the candidate in use.
        personal: Kinds of personal data that were seen elsewhere than in the user's words.
        spent_nusd: Of the task's money, by earlier steps of its tool loop.
        shaped: The answer is to have the form of the orchestrator's `response_format`.
    """

    messages: "Sequence[BaseMessage]"
    policy: Policy
    needs: tuple[str, ...] = ()
    context_bytes: int = 0
    sticky: str | None = None
    personal: tuple[str, ...] = ()
    spent_nusd: int = 0
    shaped: bool = False

    @classmethod
    def of(cls, text: str, policy: Policy, services: Services) -> "Case":
        """A task in words alone, as the orchestrator's graph would take it."""
        from langchain_core.messages import HumanMessage

        message = [HumanMessage(text)]
        if services.toolbox:
            return cls(message, one_model(policy)[0], ("tools",))
        return cls(message, policy, shaped=services.shape is not None)


@dataclass(frozen=True, slots=True)
class Advice:
    """The decision for a task as a whole, and what it rests on."""

    decision: Decision
    features: Features
    private: bool
    portfolio: Portfolio
    lookup: Lookup
    notes: tuple[str, ...] = ()
    promised: Promised | None = None


async def advise(fx: Effects, services: Services, case: Case) -> Advice:
    """The decision for a task as a whole.

    Raises:
        InputError, PrivacyError, NoCandidateError, RegistryError: As a run would, with nothing called or paid.
    """
    messages: Any = case.messages
    policy = case.policy
    features, sensitive, notes = read_task(messages, policy)
    features = replace(features, needs=tuple(dict.fromkeys([*features.needs, *case.needs])))
    portfolio = await services.gateway.portfolio(fx)
    check_names(portfolio, policy, services.estimators)
    check_budget(policy, services.budgets)
    if case.personal and policy.pii == "refuse":
        seen = ", ".join(case.personal)
        raise PrivacyError(f"messages: a tool returned personal data ({seen}) and policy.pii = 'refuse'; set pii")
    wanted = sensitive or (bool(case.personal) and policy.pii == "local_if_available")
    private = settle_privacy(portfolio, features, policy, wanted, notes)
    check_feasible(portfolio, features, policy, private)
    able = writers(portfolio, features, policy, private=private) if case.shaped else None
    if able:
        portfolio, features = able, replace(features, expects="json")
    await services.shared(fx, policy)  # begins its pace
    now = _situation(services, portfolio, case, private=private)
    standing = await services.promises.of(fx, services.memory, policy, portfolio)
    policy = standing.over(policy)
    looked: list[tuple[Lookup, Promised | None]] = []

    async def made(words: Features, plain: Policy) -> Decision:
        lookup = (await seen_by(fx, services.memory, policy, [words.text], private=private, left_s=now.left_s))[0]
        known = with_lookup(now, lookup)
        known = replace(known, promised=standing.told(plain, known, words))
        looked.append((lookup, known.promised))
        return decide("1", words, portfolio, plain, known, services.estimators)

    async def again(core: str) -> Decision:
        words = replace(read_features(core), needs=features.needs)
        return await made(words, policy.overlaid(Policy(explore=0.0, canary={}, trial={})))

    decision = await second_look(await made(features, policy), features.text, policy, again)
    lookup, promised = looked[0]
    return Advice(decision, features, private, portfolio, lookup, (*notes, *standing.notes), promised)


def _situation(services: Services, portfolio: Portfolio, case: Case, *, private: bool) -> Situation:
    """The situation of a task of which no call is under way: nothing of its time is used."""
    gateway, policy = services.gateway, case.policy
    limit = policy.max_cost_usd
    per_nusd, per_joule = services.paces.of(policy.budget).prices()
    return Situation(
        private=private,
        left_nusd=None if limit is None else round(limit * 1e9) - case.spent_nusd,
        found_left_nusd=FOUND_CAP_NUSD - case.spent_nusd if limit is None else None,
        left_s=policy.deadline_s,
        healthy={name: gateway.healthy(name) for name in portfolio},
        speeds={name: speed for name in portfolio if (speed := gateway.seconds_per_call(name)) is not None},
        load_s=gateway.models.load_s(portfolio),
        context_bytes=case.context_bytes,
        sticky=case.sticky,
        tenant=policy.tenant,
        user_id=policy.user_id,
        tails={name: tail for name in portfolio if (tail := gateway.tail(name)) is not None},
        pairs=services.pairs,
        per_nusd=per_nusd,
        per_joule=per_joule,
        dear_used=services.dear.used(policy.tenant, policy.user_id),
    )
