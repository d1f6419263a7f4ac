"""What a user's type checker sees of the public API: checked by pyright strict and mypy --strict, never run."""

# pyright: reportMissingTypeStubs=false
# (langgraph ships no py.typed; the three lines below that are ignored leave types of LangGraph's and LangChain's open)

from collections.abc import Callable
from typing import Any, assert_type

from langchain.agents import create_agent  # pyright: ignore[reportUnknownVariableType]
from langchain.agents.middleware import ModelFallbackMiddleware
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tools import tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.graph.state import CompiledStateGraph
from pydantic import BaseModel
from starlette.applications import Starlette

from orchestrator_graph import (
    ChatOrchestrator,
    Config,
    Decision,
    ModelSpec,
    Orchestrator,
    OrchestratorError,
    OrchestratorMiddleware,
    Policy,
    Price,
    Prior,
    create_orchestrator,
    format_bill,
)
from orchestrator_graph.config import load
from orchestrator_graph.errors import EXIT_CODES, NoCandidateError
from orchestrator_graph.registry.portfolio import Portfolio
from orchestrator_graph.surfaces.failed import AnswerError
from orchestrator_graph.surfaces.server import create_app

Graph = CompiledStateGraph[Any, Any, Any, Any]


class Quote(BaseModel):
    """A quotation."""

    total: float


@tool
def price(item: str) -> str:
    """Looks a price up."""
    return f"{item}: 30"


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


def chat_model(orc: Orchestrator, other: BaseChatModel) -> str:
    """A chat model like any other: chains, tools, shapes, batches, fallbacks."""
    llm = ChatOrchestrator(orc, policy=Policy(tradeoff=0.2), mode="full", max_tokens=100, temperature=0.2)
    assert_type(llm.invoke("Hello"), AIMessage)
    for chunk in llm.stream("Hello"):
        assert_type(chunk, AIMessageChunk)
    assert_type(llm.batch(["a", "b"]), list[AIMessage])
    assert_type(llm.bind_tools([price], tool_choice="any").invoke("A lamp?"), AIMessage)
    quote: Quote = llm.with_structured_output(Quote).invoke("A lamp?")
    shaped = llm.with_structured_output(Quote.model_json_schema(), method="json_schema", include_raw=True)
    shaped.invoke("A lamp?")
    safe = llm.with_fallbacks([other], exceptions_to_handle=(AnswerError,))
    assert_type(safe.invoke("Hello"), AIMessage)
    chain = ChatPromptTemplate.from_template("About {topic}") | llm.bind(stop=["END"]) | StrOutputParser()
    assert_type(chain.invoke({"topic": "lamps"}), str)
    return f"{quote.total}"


async def chat_model_async(llm: ChatOrchestrator) -> AIMessage:
    """The same, async."""
    async for chunk in llm.astream("Hello"):
        assert_type(chunk, AIMessageChunk)
    return await llm.ainvoke("Hello", stop=["END"])


def refused(error: AnswerError) -> str | None:
    """What a chat model raises when nobody answered."""
    assert_type(error.is_retryable, bool)
    return error.failure.kind


def agent(orc: Orchestrator, other: BaseChatModel) -> Any:
    """LangChain's agent with our middleware beside theirs, or with our model."""
    middleware = [OrchestratorMiddleware(orc, policy={"tradeoff": 0.3}), ModelFallbackMiddleware(other)]
    create_agent(ChatOrchestrator(orc), tools=[price])
    return create_agent(other, tools=[price], middleware=middleware)


def tools_in_the_graph() -> Graph:
    """Tools and the form of the answer, as `create_agent` takes them."""
    return create_orchestrator("pocket", tools=[price], response_format=Quote, system_prompt="Be brief.")


def node_and_tool(orc: Orchestrator) -> Any:
    """The graph as a node of the app's own graph, and as a tool."""
    builder = StateGraph(MessagesState)
    builder.add_node("orchestrator", orc.graph)  # pyright: ignore[reportUnknownMemberType]
    builder.add_edge(START, "orchestrator")
    builder.compile()  # pyright: ignore[reportUnknownMemberType]
    return orc.graph.as_tool(name="solve", description="Solves a task in words.")


def endpoint(orc: Orchestrator) -> Starlette:
    """An ASGI app for whatever server the consumer runs."""
    serve: Callable[[Orchestrator], Starlette] = create_app
    assert_type(create_app(orc, closes=True), Starlette)
    return serve(orc)
