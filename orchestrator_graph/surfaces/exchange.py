"""One call of a chat model: decide, ask with fail-over, bill, remember. Sync and async from one body.

Fails over until something was shown to the caller; what was shown cannot be taken back, and streams are never spliced.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from orchestrator_graph.drive import Effects
from orchestrator_graph.errors import PrivacyError
from orchestrator_graph.gateway.ask import says
from orchestrator_graph.gateway.budget import Lease
from orchestrator_graph.gateway.run_span import begin_run
from orchestrator_graph.gateway.tracing import PART_OF_A_RUN
from orchestrator_graph.nodes.failover import remaining
from orchestrator_graph.nodes.features import ask_of
from orchestrator_graph.nodes.io import Services
from orchestrator_graph.policy import Policy
from orchestrator_graph.registry.spec import ModelSpec
from orchestrator_graph.surfaces.choice import Choice, choose, route_only
from orchestrator_graph.surfaces.failed import failed
from orchestrator_graph.surfaces.foreign import readable
from orchestrator_graph.surfaces.kept import Kept
from orchestrator_graph.surfaces.loop import Loop
from orchestrator_graph.surfaces.record import Told, remembered, usable
from orchestrator_graph.surfaces.turn import Turn
from orchestrator_graph.types import Attempt, Candidate, Failure, Request

__all__ = ["ASKED", "NOBODY", "Exchange"]

ASKED: ContextVar[Callable[[Choice, str], None] | None] = ContextVar("ASKED", default=None)
"""Told of the decision and of each model before it is asked: a stream over HTTP names its author from the start."""
NOBODY = Failure("not_found", "no candidate is left: all are too dear, or used up")


@dataclass(frozen=True, slots=True)
class Exchange:
    """What one call is made with.

    Attributes:
        policy: In force: the factory's with the call's over it.
        choice: Made before, such as once for a whole agent's run; `None` = made now.
        kept: Of the agent's run that this call is part of.
    """

    services: Services
    policy: Policy
    choice: Choice | None = None
    kept: Kept | None = None

    async def run(self, fx: Effects, turn: Turn, on_chunk: Callable[[Any], None] | None = None) -> AIMessage:
        """The answer as the model's client gave it, with the bill and the decision in `response_metadata`.

        Args:
            fx: Effects.
            turn: What is wanted.
            on_chunk: Given each chunk as it comes, maybe from another thread.

        Raises:
            InputError, PrivacyError, NoCandidateError, RegistryError: With nothing called or paid.
            AnswerError: Every candidate failed, or one did after it had shown part of its answer.
        """
        began, loop = time.time(), Loop.of(turn.messages)
        loop = loop if self.kept is None else self.kept.loop(loop)
        policy = route_only(self.policy, loop)
        choice = await self._chosen(fx, turn, policy, loop)
        gateway = self.services.gateway
        portfolio = choice.advice.portfolio if choice.advice else await gateway.portfolio(fx, choice.run_id)
        gateway.pin(choice.run_id, portfolio)
        token, attempts = PART_OF_A_RUN.set(True), list[Attempt]()
        told = Told(choice, policy, loop, portfolio, attempts, began)
        try:
            lease = begin_run(await self._lease(fx, choice, policy, loop), began, private=choice.private)
            await self._ask(fx, turn, told, lease, on_chunk)
            message = await remembered(fx, self.services, told)
        except asyncio.CancelledError:
            await self._left_behind(fx, told)
            raise
        finally:
            PART_OF_A_RUN.reset(token)
            gateway.release(choice.run_id)
            if self.kept is not None:
                self.kept.took(told)
        if message is None:
            raise failed(attempts, NOBODY)
        return message

    async def _left_behind(self, fx: Effects, told: Told) -> None:
        """What was under way when the caller went away is paid for: it is remembered, whoever cancels once more."""
        lease = self.services.gateway.held(told.choice.run_id)
        told.attempts.extend(lease.cancelled if lease else ())
        if lease and told.attempts:
            lease.cancelled.clear()
            kept = remembered(fx, self.services, told)
            await (asyncio.shield(asyncio.ensure_future(kept)) if fx.is_async else kept)

    async def _chosen(self, fx: Effects, turn: Turn, policy: Policy, loop: Loop) -> Choice:
        """The decision that was made before or is kept by the agent's run, else a new one; privacy never falls."""
        if self.choice is not None and (self.choice.private or not policy.private):
            return self.choice
        if self.kept is None:
            return await choose(fx, self.services, turn, policy, loop)
        held = self.kept.held(turn, policy, await self.services.gateway.portfolio(fx))
        try:
            choice = held or await choose(fx, self.services, turn, policy, loop)
        except PrivacyError:  # whoever takes over, such as a fallback, must know
            self.kept.refused()
            raise
        self.kept.decided(choice)
        return choice

    async def _lease(self, fx: Effects, choice: Choice, policy: Policy, loop: Loop) -> Lease:
        limit = policy.max_cost_usd
        return self.services.gateway.lease(
            choice.run_id,
            cap_nusd=None if limit is None else round(limit * 1e9),
            deadline_s=policy.deadline_s,
            spent_nusd=loop.spent_nusd,
            shared=await self.services.shared(fx, policy),
        )

    async def _ask(
        self, fx: Effects, turn: Turn, told: Told, lease: Lease, on_chunk: Callable[[Any], None] | None
    ) -> None:
        """Puts down every try, the last one being the answer if there is one."""
        choice, portfolio = told.choice, told.portfolio
        queue, shown = list(choice.ranking), False

        def show(chunk: Any) -> None:
            nonlocal shown
            shown = shown or says(chunk)
            if on_chunk is not None:
                on_chunk(chunk)

        while queue and not shown:
            candidate = queue.pop(0)
            if candidate.id in choice.dear and not self._may_be_dear(told.policy):
                continue
            model = candidate.members[0].model
            request = self._request(turn, candidate, portfolio[model], choice)
            if (tell := ASKED.get()) is not None:
                tell(choice, model)
            listening = None if on_chunk is None else show
            attempt = await self.services.gateway.call(fx, model, request, lease, on_chunk=listening)
            told.attempts.append(attempt)
            if usable(attempt) or attempt.failure is None:
                break
            queue = remaining(queue, candidate, attempt.failure, portfolio)

    def _may_be_dear(self, policy: Policy) -> bool:
        return self.services.dear.take(policy.tenant, policy.user_id, policy.dear_per_hour)

    def _request(self, turn: Turn, candidate: Candidate, spec: ModelSpec, choice: Choice) -> Request:
        return Request(
            messages=_prompt(spec, turn.messages, self.services.system_prompt),
            subtask_id="1",
            private=choice.private,
            max_tokens=turn.max_tokens,
            logprobs=False,
            effort=candidate.members[0].effort,
            json_schema=None if turn.json_schema is None else dict(turn.json_schema),
            tools=turn.tools,
            tool_choice=turn.tool_choice,
            stop=turn.stop,
            params=turn.params,
        )


def _prompt(spec: ModelSpec, messages: Sequence[BaseMessage], system_prompt: str) -> tuple[BaseMessage, ...]:
    """The conversation as it came; a narrow model reads the bare task only."""
    if spec.has("narrow"):
        return (HumanMessage(ask_of(list(messages))[0]),)  # type: ignore[arg-type]
    told = readable(messages, spec)
    own = system_prompt and messages[0].type != "system"
    return (SystemMessage(system_prompt), *told) if own else told
