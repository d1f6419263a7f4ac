"""One call of a chat model: decide, ask with fail-over, bill, remember. Sync and async from one body.

Fails over until something was shown to the caller; what was shown cannot be taken back, and streams are never spliced.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from orchestrator_graph.drive import Effects
from orchestrator_graph.gateway.budget import Lease
from orchestrator_graph.gateway.tracing import PART_OF_A_RUN
from orchestrator_graph.nodes.failover import remaining
from orchestrator_graph.nodes.features import ask_of
from orchestrator_graph.nodes.io import Services
from orchestrator_graph.policy import Policy
from orchestrator_graph.registry.spec import ModelSpec
from orchestrator_graph.surfaces.choice import Choice, choose, route_only
from orchestrator_graph.surfaces.failed import failed
from orchestrator_graph.surfaces.loop import Loop
from orchestrator_graph.surfaces.record import Told, remembered, usable
from orchestrator_graph.surfaces.turn import Turn
from orchestrator_graph.types import Attempt, Candidate, Failure, Request

__all__ = ["Exchange"]

NOBODY = Failure("not_found", "no candidate is left: all are too dear, or used up")


@dataclass(frozen=True, slots=True)
class Exchange:
    """What one call is made with.

    Attributes:
        policy: In force: the factory's with the call's over it.
        choice: Made before, such as once for a whole agent's run; `None` = made now.
    """

    services: Services
    policy: Policy
    choice: Choice | None = None

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
        policy = route_only(self.policy, loop)
        choice = self.choice or await choose(fx, self.services, turn, policy, loop)
        gateway = self.services.gateway
        portfolio = choice.advice.portfolio if choice.advice else await gateway.portfolio(fx, choice.run_id)
        gateway.pin(choice.run_id, portfolio)
        token = PART_OF_A_RUN.set(True)
        try:
            lease = await self._lease(fx, choice, policy, loop)
            attempts = await self._asked(fx, turn, choice, policy, lease, on_chunk)
        finally:
            PART_OF_A_RUN.reset(token)
            gateway.release(choice.run_id)
        told = Told(choice, policy, loop, portfolio, attempts, began)
        message = await remembered(fx, self.services, told)
        if message is None:
            raise failed(attempts, NOBODY)
        return message

    async def _lease(self, fx: Effects, choice: Choice, policy: Policy, loop: Loop) -> Lease:
        limit = policy.max_cost_usd
        return self.services.gateway.lease(
            choice.run_id,
            cap_nusd=None if limit is None else round(limit * 1e9),
            deadline_s=policy.deadline_s,
            spent_nusd=loop.spent_nusd,
            shared=await self.services.shared(fx, policy),
        )

    async def _asked(
        self,
        fx: Effects,
        turn: Turn,
        choice: Choice,
        policy: Policy,
        lease: Lease,
        on_chunk: Callable[[Any], None] | None,
    ) -> list[Attempt]:
        """Every try, the last one being the answer if there is one."""
        gateway, attempts, queue, shown = self.services.gateway, list[Attempt](), list(choice.ranking), False
        portfolio = await gateway.portfolio(fx, choice.run_id)

        def show(chunk: Any) -> None:
            nonlocal shown
            shown = shown or bool(chunk.text or getattr(chunk, "tool_call_chunks", None))
            if on_chunk is not None:
                on_chunk(chunk)

        while queue and not shown:
            candidate = queue.pop(0)
            if candidate.id in choice.dear and not self._may_be_dear(policy):
                continue
            model = candidate.members[0].model
            request = self._request(turn, candidate, portfolio[model], choice)
            attempt = await gateway.call(fx, model, request, lease, on_chunk=None if on_chunk is None else show)
            attempts.append(attempt)
            if usable(attempt) or attempt.failure is None:
                break
            queue = remaining(queue, candidate, attempt.failure, portfolio)
        return attempts

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
    own = system_prompt and messages[0].type != "system"
    return (SystemMessage(system_prompt), *messages) if own else tuple(messages)
