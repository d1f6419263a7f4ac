"""Applications that set OpenTelemetry's providers, one scenario a process; prints what was exported as JSON."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from typing import Any

from langchain_core.embeddings import DeterministicFakeEmbedding
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from orchestrator_graph import ChatOrchestrator, ModelSpec, Orchestrator, Policy, Price, Prior
from orchestrator_graph.testing import ScriptedChat

COMPOUND = "Reverse lantern, then count the letter n in the result; meanwhile add 47 and 38"
CANARY = "Reverse zebracanary"
THREAD: Any = {"configurable": {"thread_id": "t"}}


ASKED = asyncio.Event()


class Silent(ScriptedChat):
    """Says when it was asked, and never answers."""

    async def _astream(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        ASKED.set()
        await asyncio.Event().wait()
        yield


def scripted(name: str) -> ModelSpec:
    chat = ScriptedChat(model=name, script="dunno")
    return ModelSpec(chat, alias=f"test:{name}", price=Price(1.0, 1.0), priors={"*": Prior(0.8, 50, "test")})


class App:
    """Runs tasks the sync or the async way."""

    def __init__(self, mode: str) -> None:
        self.is_async = mode == "async"

    def run(self, orc: Orchestrator, text: str, policy: Policy | None = None) -> dict[str, Any]:
        return asyncio.run(orc.arun(text, policy)) if self.is_async else orc.run(text, policy)

    def graph(self, orc: Orchestrator, given: Any, policy: Policy) -> dict[str, Any]:
        if self.is_async:
            return dict(asyncio.run(orc.graph.ainvoke(given, THREAD, context=policy)))
        return dict(orc.graph.invoke(given, THREAD, context=policy))

    def plan(self) -> dict[str, Any]:
        with Orchestrator("pocket") as orc, trace.get_tracer("app").start_as_current_span("request"):
            return self.run(orc, COMPOUND)

    def private(self) -> dict[str, Any]:
        with Orchestrator("pocket") as orc:
            return self.run(orc, CANARY, Policy(private=True))

    def chat(self, private: str) -> dict[str, Any]:
        """A chat model over the pool, inside a span of the app."""
        with Orchestrator("pocket") as orc, trace.get_tracer("app").start_as_current_span("request"):
            llm = ChatOrchestrator(orc, policy={"private": private == "private"})
            answer = asyncio.run(llm.ainvoke(CANARY)) if self.is_async else llm.invoke(CANARY)
        return {"bill": answer.response_metadata["orchestrator"]["bill"], "results": answer.response_metadata}

    def remembered(self) -> dict[str, Any]:
        with Orchestrator("pocket") as orc:
            orc.feedback(self.run(orc, CANARY)["bill"]["run_id"], 1.0)
            return self.run(orc, CANARY)

    def served(self, model: str, url: str) -> dict[str, Any]:
        spec = ModelSpec(f"openai:{model}", base_url=f"{url}/v1", price=Price(1.0, 2.0), context=4000)
        with Orchestrator([spec]) as orc:
            return self.run(orc, "What is six times seven?")

    def person(self) -> dict[str, Any]:
        with Orchestrator([scripted("only")], checkpointer=InMemorySaver()) as orc:
            policy = Policy(human="ask")
            self.graph(orc, {"messages": [("user", "Multiply 6 by 7")]}, policy)
            return self.graph(orc, Command(resume={"answer": "42"}), policy)

    def cancelled(self) -> dict[str, Any]:
        async def given_up(orc: Orchestrator) -> None:
            task = asyncio.ensure_future(orc.arun("Multiply 6 by 7"))
            await asyncio.wait_for(ASKED.wait(), 30)
            task.cancel()
            await asyncio.wait({task})

        with Orchestrator([ModelSpec(Silent(model="silent"), alias="test:silent")]) as orc:
            asyncio.run(given_up(orc))
        return {}

    def embedded(self) -> dict[str, Any]:
        with Orchestrator([scripted("only")], embedder=DeterministicFakeEmbedding(size=8)) as orc:
            return self.run(orc, "Multiply 6 by 7")


def main(mode: str, scenario: str, *given: str) -> None:
    exporter, reader, tracing = InMemorySpanExporter(), InMemoryMetricReader(), TracerProvider()
    tracing.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(tracing)
    metrics.set_meter_provider(MeterProvider([reader]))
    out = getattr(App(mode), scenario)(*given)
    spans = [json.loads(span.to_json()) for span in exporter.get_finished_spans()]
    measured = json.loads(reader.get_metrics_data().to_json())
    told = {name: out.get(name) for name in ("results", "bill")}
    sys.stdout.write(json.dumps({"spans": spans, "metrics": measured, "out": told}, default=str))


if __name__ == "__main__":
    main(*sys.argv[1:])
