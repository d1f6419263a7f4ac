"""What a user's type checker sees of the public API: checked by pyright strict and mypy --strict, never run."""

# pyright: reportMissingTypeStubs=false
# (langgraph ships no py.typed)

from typing import Any, assert_type

from langchain_core.language_models import BaseChatModel
from langgraph.graph.state import CompiledStateGraph

from orchestrator_graph import (
    Config,
    Decision,
    ModelSpec,
    Orchestrator,
    OrchestratorError,
    Policy,
    Price,
    Prior,
    create_orchestrator,
    format_bill,
)
from orchestrator_graph.config import load
from orchestrator_graph.errors import EXIT_CODES, NoCandidateError
from orchestrator_graph.registry.portfolio import Portfolio


def factory(model: BaseChatModel) -> CompiledStateGraph[Any, Any, Any, Any]:
    """A graph from every kind of model."""
    price = Price(0.1, 0.4, source="contract", date="2026-01-31")
    spec = ModelSpec(model, local=True, price=price, priors={"*": Prior(0.7, 3, "us")})
    graph = create_orchestrator(["ollama:qwen3:4b", model, spec], memory="./memory", policy=Policy(tradeoff=0.5))
    assert_type(spec.id, str)
    assert_type(spec.cost_nusd(10, 10), int | None)
    return graph


def root() -> None:
    """The composition root and what it returns."""
    config = load()
    assert_type(config, Config)
    with Orchestrator("pocket", config=config) as orchestrator:
        assert_type(orchestrator, Orchestrator)
        decision = orchestrator.decide("add 47 and 38", Policy(private=True))
        assert_type(decision, Decision)
        assert_type(decision.why, str)
        assert_type(decision.ranking[0].quality, float)
        out = orchestrator.run("add 47 and 38")
        assert_type(format_bill(out), str)
        assert_type(orchestrator.portfolio(), Portfolio)
        for mode, _ in orchestrator.stream("add 47 and 38"):
            assert_type(mode, str)


async def root_async() -> dict[str, Any]:
    """The same, async."""
    async with Orchestrator() as orchestrator:
        assert_type(await orchestrator.adecide("x"), Decision)
        return await orchestrator.arun("x", {"max_cost_usd": 0.01})


def failures(error: OrchestratorError) -> int:
    """Errors carry their reasons."""
    if isinstance(error, NoCandidateError):
        assert_type(error.excluded, dict[str, str])
    return EXIT_CODES.get(type(error), 1)
