"""`OrchestratorMiddleware`: routing for LangChain's `create_agent`, one decision for each run of an agent.

The decision is made inside the run's first model call: only there are the tools, the form of the answer and the
messages known as the model gets them, after all other middlewares. It lives in the agent's state, so that it survives
a resume, also in another process.
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal, NotRequired, get_args

try:
    from langchain.agents.middleware import (
        AgentMiddleware,
        AgentState,
        ExtendedModelResponse,
        ModelRequest,
        ModelResponse,
    )
    from langchain.agents.middleware.types import PrivateStateAttr
    from langchain.agents.structured_output import AutoStrategy, ProviderStrategy
except ImportError as error:
    raise ImportError(
        f'OrchestratorMiddleware needs LangChain 1.4 or newer: pip install "orchestrator-graph[agents]" ({error})'
    ) from error
from langgraph.types import Command

from orchestrator_graph.drive import ASYNC, SYNC, Effects, drive
from orchestrator_graph.errors import InputError, RegistryError
from orchestrator_graph.nodes.analyzer import in_force
from orchestrator_graph.orchestrator import Orchestrator
from orchestrator_graph.policy import Policy
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.registry.spec import ModelSpec
from orchestrator_graph.surfaces.chat_model import ChatOrchestrator
from orchestrator_graph.surfaces.guarded import Guard, Guarded
from orchestrator_graph.surfaces.kept import Kept
from orchestrator_graph.surfaces.loop import RECORD

if TYPE_CHECKING:
    from orchestrator_graph.assembly import Models

__all__ = ["OrchestratorMiddleware", "OrchestratorState"]

Decide = Literal["run", "step"]
OWN = "own"
"""Within one step: which model object the agent itself came with. Never leaves the step."""


class OrchestratorState(AgentState[Any]):
    """What the middleware adds to an agent's state.

    Attributes:
        orchestrator: The run's decision and what it spent: `run_id, decision_id, candidate, ranking, why, private,
            spent_nusd, steps, others` (models of other middlewares that answered -> how often). Neither input nor
            output of the agent, and so neither given to sub-agents nor taken from them.
    """

    orchestrator: NotRequired[Annotated[dict[str, Any] | None, PrivateStateAttr]]


class OrchestratorMiddleware(AgentMiddleware[Any, Any, Any]):
    """Chooses the model of an agent, and asks it through the gateway: budget, deadline, fail-over, bill, memory.

    The agent's own model is replaced. What another middleware puts in its place, such as a fallback, is left alone,
    unless the text is private and that model is not known to be local. Stands anywhere in a stack; may be shared by
    several agents, each of which decides for itself.

    Args:
        orchestrator: An `Orchestrator`; or models, for one of its own: as `Orchestrator(models)` takes them.
        policy: Laid over the orchestrator's; a run's context (a `Policy`, or one under `orchestrator`) over both.
        decide: `"run"`: the first decision holds for all model calls of a run. `"step"`: each model call decides anew,
            staying with the model in use unless the difference is worth the switch.

    Raises:
        PolicyError: A field of the policy is unknown or out of range.
        InputError: `decide` is neither.
    """

    state_schema = OrchestratorState

    def __init__(
        self,
        orchestrator: "Orchestrator | Models" = None,
        *,
        policy: Policy | dict[str, Any] | None = None,
        decide: Decide = "run",
    ) -> None:
        super().__init__()
        if decide not in get_args(Decide):
            raise InputError(f"decide = {decide!r}: give 'run' (one decision a run) or 'step' (one a model call)")
        self.orchestrator = orchestrator if isinstance(orchestrator, Orchestrator) else Orchestrator(orchestrator)
        self.policy, self.decide, self.tools = Policy.parse(policy), decide, []

    def before_agent(self, state: Any, runtime: Any) -> dict[str, Any]:  # noqa: ARG002
        """Begins a run: what was decided for the last message of this thread holds no more."""
        return {RECORD: Kept.fresh()}

    async def abefore_agent(self, state: Any, runtime: Any) -> dict[str, Any]:
        """`before_agent`, async."""
        return self.before_agent(state, runtime)

    def wrap_model_call(self, request: ModelRequest[Any], handler: Callable[[Any], Any]) -> ExtendedModelResponse[Any]:
        """Asks whom the run's decision names."""
        return drive(self._call(SYNC, request, handler))

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[Any], Awaitable[Any]]
    ) -> ExtendedModelResponse[Any]:
        """`wrap_model_call`, async."""
        return await self._call(ASYNC, request, handler)

    async def _call(
        self, fx: Effects, request: ModelRequest[Any], handler: Callable[[Any], Any]
    ) -> ExtendedModelResponse[Any]:
        told = _begun(request)
        kept = Kept(told, once=self.decide == "run")
        policy = in_force(getattr(request.runtime, "context", None), self.orchestrator.policy.overlaid(self.policy))
        portfolio = await self._portfolio(fx)
        ours = ChatOrchestrator(self.orchestrator, policy=policy).keeping(kept)
        guard, asked = Guard(lambda: policy.private or kept.private, portfolio, ours), request
        if told[OWN] == id(request.model):
            asked = _ours(request, guard)
        else:
            guard.check(request.model)
        response = await fx.run(lambda: handler(asked), lambda: handler(asked))
        for name in _others(response, request if asked is request else None):
            kept.passed(name)
        return ExtendedModelResponse(response, Command(update={RECORD: {k: v for k, v in told.items() if k != OWN}}))

    async def _portfolio(self, fx: Effects) -> Portfolio:
        """The models; none where they cannot be had: the model call says so, where a fallback hears it."""
        try:
            return await self.orchestrator.gateway.portfolio(fx)
        except RegistryError:
            return Portfolio(())


def _begun(request: ModelRequest[Any]) -> dict[str, Any]:
    """What is known of the run, the same object for all tries of one step.

    It hangs on the step's own state, which LangGraph makes for each step and every middleware passes on: it lives as
    long as the step, however many run side by side. The first model of a step is the agent's own; whoever replaces it
    in a later try, as a fallback does, is known by that. An identity, not an equality: two models may look alike.
    """
    state: Any = request.state
    told = state.get(RECORD)
    if told is None or OWN not in told:
        told = {**(told or Kept.fresh()), OWN: id(request.model)}
        state[RECORD] = told
    own: dict[str, Any] = told
    return own


def _ours(request: ModelRequest[Any], guard: Guard) -> ModelRequest[Any]:
    """The request to our model, in a form that some model of the pool can answer."""
    form, specs = request.response_format, guard.portfolio.values()
    by_schema = any(spec.has("json") for spec in specs) and not any(spec.has("tools") for spec in specs)
    if by_schema and isinstance(form, AutoStrategy):
        form = ProviderStrategy(form.schema)
    return Guarded.of(request, guard, model=guard.ours, response_format=form)


def _others(response: ModelResponse[Any], passed: ModelRequest[Any] | None) -> list[str]:
    """Models that are not ours and answered: of a request that was passed on, or put in by a middleware inside."""
    if passed is not None:
        return [ModelSpec(passed.model).id]
    told = (message.response_metadata for message in response.result)
    return [str(meta["model_name"]) for meta in told if RECORD not in meta and "model_name" in meta]
