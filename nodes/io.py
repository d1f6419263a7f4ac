"""What node logic may do to the world.

A node is `async def logic(state, io)`; `step.Step` hands it an `Io` over sync or async effects: only that knows which.
"""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar

from langchain_core.messages import BaseMessage
from langgraph.config import get_config
from langgraph.runtime import get_runtime

from orchestrator_graph.budgets import BudgetLimit
from orchestrator_graph.confidence.agreement import Collisions
from orchestrator_graph.confidence.calibration import Calibration
from orchestrator_graph.confidence.replay import Replay
from orchestrator_graph.confidence.scorer import Check
from orchestrator_graph.confidence.shifts import Shifts
from orchestrator_graph.drive import Effects
from orchestrator_graph.gateway.budget import Lease, SharedBudget
from orchestrator_graph.gateway.door import Gateway
from orchestrator_graph.gateway.run_span import begin_run
from orchestrator_graph.memory import Memory
from orchestrator_graph.nodes.desk import Desk
from orchestrator_graph.nodes.pace import Paces
from orchestrator_graph.nodes.promises import Promises
from orchestrator_graph.nodes.shape import Shape
from orchestrator_graph.nodes.toolbox import Toolbox
from orchestrator_graph.policy import Policy
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.routing.defaults import default_estimators
from orchestrator_graph.routing.estimator import Estimator
from orchestrator_graph.routing.guard import Pairs
from orchestrator_graph.routing.robust import DearRate
from orchestrator_graph.types import Attempt, Request, Subtask, to_json

__all__ = ["LENT", "Io", "Services", "call_record"]

T = TypeVar("T")
LENT: ContextVar[Callable[[Any], None] | None] = ContextVar("LENT", default=None)
"""The parent graph's stream writer, where a child graph runs inside it."""


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Services:
    """What the factory binds into every node.

    Attributes:
        policy: The factory's policy; a call's context is laid over it.
        system_prompt: Put before every subtask's prompt.
        toolbox: What the models of every subtask may call.
        shape: What `structured_response` looks like; `None` = there is none.
        budgets: Shared budgets by name.
        paces: What money and energy cost while a shared budget is paced.
        pairs: Who was tried beside whom, for `guard="strict"`.
        dear: How many dear choices each user had lately.
        checks: The user's own checks of an answer, by name.
        promises: The certificates in force.
        collisions: How often wrong answers coincide, for what agreement is worth.
        calibration: What confidences were worth where outcomes are known.
        shifts: What one candidate's confidence says about the others.
        replay: What ensembles gained on remembered answers.
        owner: Who learns what the memory teaches, kept as long as the graph is.
    """

    gateway: Gateway
    memory: Memory
    policy: Policy = field(default_factory=Policy)
    system_prompt: str = ""
    toolbox: Toolbox = field(default_factory=Toolbox)
    shape: Shape | None = None
    estimators: tuple[Estimator, ...] = field(default_factory=default_estimators)
    budgets: Mapping[str, BudgetLimit] = field(default_factory=dict)
    paces: Paces = field(default_factory=Paces)
    pairs: Pairs = field(default_factory=Pairs)
    dear: DearRate = field(default_factory=DearRate)
    checks: Mapping[str, Check] = field(default_factory=dict)
    promises: Promises = field(default_factory=Promises)
    collisions: Collisions = field(default_factory=Collisions)
    calibration: Calibration = field(default_factory=Calibration)
    shifts: Shifts = field(default_factory=Shifts)
    replay: Replay = field(default_factory=lambda: Replay(Calibration(), Collisions()))
    desk: Desk = field(default_factory=Desk)
    owner: object = field(default=None, compare=False, repr=False)

    async def shared(self, fx: Effects, policy: Policy) -> SharedBudget | None:
        """The policy's shared budget, with its pace begun; `None` where it names none."""
        if policy.budget is None:
            return None
        limit = self.budgets[policy.budget]
        budget = await self.memory.shared_budget(fx, policy.budget, round(limit.max_usd * 1e9), limit.per)
        return await self.paces.of(policy.budget).over(fx, budget)


@dataclass(frozen=True, slots=True)
class Io:
    """Effects, services and the run's own writer.

    Attributes:
        inner: In the child graph, whose events go through the parent's writer.
        run: Id of the run, which keeps the models that it began with.
    """

    fx: Effects
    services: Services
    inner: bool = False
    run: str = ""

    async def portfolio(self) -> Portfolio:
        """The models of this run, discovered at first use."""
        return await self.services.gateway.portfolio(self.fx, self.run)

    async def gather(self, jobs: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
        """Runs jobs side by side."""
        return await self.fx.gather(jobs)

    def policy(self, task: Mapping[str, Any]) -> Policy:
        """The policy in force in this run."""
        policies = self.services.desk.policies
        found = policies.get(task["run_id"])
        if found is None:
            found = policies[task["run_id"]] = Policy(**task["policy"])
        return found

    def listened(self) -> bool:
        """Whether the caller streams messages: only then may tokens pass straight through."""
        manager: Any = get_config().get("callbacks")
        return any("StreamMessages" in type(handler).__name__ for handler in getattr(manager, "handlers", ()))

    def finish(self, task: Mapping[str, Any], calls: Mapping[str, Mapping[str, Any]]) -> None:
        """Books what the run took on its budget's pace, and lets go of what was held for it."""
        self.services.paces.of(self.policy(task).budget).settle(calls)
        self.services.gateway.release(task["run_id"])
        self.services.desk.policies.pop(task["run_id"], None)

    async def lease(self, task: Mapping[str, Any]) -> Lease:
        """The run's lease; opened anew when a run is resumed in another process.

        Then it knows what the steps before had spent, and from the next wave on also what this wave's branches had.
        """
        gateway = self.services.gateway
        held = gateway.held(task["run_id"])
        if held is not None:
            return begin_run(held, task["started_at"], private=task["private"])
        policy = self.policy(task)
        limit = policy.max_cost_usd
        cap = None if limit is None else round(limit * 1e9)
        shared = await self.services.shared(self.fx, policy)
        lease = gateway.lease(task["run_id"], cap_nusd=cap, deadline_s=policy.deadline_s, shared=shared)
        lease.catch_up(task.get("spent_nusd", 0))
        return begin_run(lease, task["started_at"], private=task["private"])

    async def call(
        self,
        model: str,
        messages: Sequence[BaseMessage],
        task: Mapping[str, Any],
        subtask: Subtask,
        **options: Any,
    ) -> Attempt:
        """One call through the gateway; drafts and the bill go to the custom stream as they come.

        What passes straight through (`stream=True`) is no draft: it is in the message stream.
        """
        request = Request(tuple(messages), subtask_id=subtask.id, private=subtask.private, **options)
        lease = await self.lease(task)

        def draft(text: str) -> None:
            self.emit("token", subtask=subtask.id, model=model, text=text)

        drafting = request.purpose == "execute" and not (subtask.private or request.stream)
        listening = draft if drafting else None
        attempt = await self.services.gateway.call(self.fx, model, request, lease, on_token=listening)
        self.emit(
            "call",
            subtask=subtask.id,
            model=model,
            purpose=request.purpose,
            ok=attempt.ok,
            failure=attempt.failure.kind if attempt.failure else None,
            cost_nusd=attempt.cost_nusd,
            spent_nusd=lease.spent_nusd,
            latency_s=attempt.latency_s,
        )
        return attempt

    def emit(self, event: str, **data: Any) -> None:
        """A progress event for the custom stream."""
        lent = LENT.get() if self.inner else None
        (lent or get_runtime().stream_writer)({"event": event, **data})


def call_record(attempt: Attempt) -> dict[str, dict[str, Any]]:
    """An attempt as a state entry: no text, no log-probabilities (state is copied at every step)."""
    data = to_json(attempt)
    for name in ("text", "logprobs", "end_logprob", "message_id", "message"):
        data.pop(name)
    return {attempt.id: data}
