"""A compound task on a real Ollama, and over its `/v1` as if that were an OpenAI cloud: answers, bill, reasons."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.messages import AIMessageChunk
from real_graph import CLOUD_PRICE, KEY_NAME, as_cloud, evidence, own_chat, pocket_on_ollama, run, streamed

from orchestrator_graph import ModelSpec, Orchestrator
from orchestrator_graph.gateway.pocket import pocket_specs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from real_server import OllamaServer

COMPOUND = "Reverse lantern, then count the letter n in the result; meanwhile add 47 and 38"
SIMILAR = "Reverse lanterns, then count the letter n in the result; meanwhile add 46 and 39"
MODES = pytest.mark.parametrize("mode", ["sync", "async"])


@pytest.fixture(scope="module")
def here() -> dict[str, Any]:
    """The task as the same five models answer it inside this process."""
    with Orchestrator("pocket") as orchestrator:
        return orchestrator.run(COMPOUND)["results"]


@pytest.fixture(params=["built by the gateway", "the user's own object"])
def cloud(
    request: pytest.FixtureRequest, at_ollama: OllamaServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ModelSpec]:
    """The text model behind `/v1`, with a price and not on this machine."""
    monkeypatch.setenv(KEY_NAME, "a-key-of-no-value")
    spec = pocket_specs()["pocket:text"]
    if request.param == "built by the gateway":
        yield as_cloud(at_ollama, spec)
        return
    with own_chat(at_ollama, "pocket-text") as chat:
        yield replace(spec, model=chat, alias="mine:text", local=False, price=CLOUD_PRICE)


@MODES
@pytest.mark.usefixtures("at_ollama")
def test_a_compound_task_goes_to_different_models_and_is_answered_as_in_process(
    here: dict[str, Any], mode: str
) -> None:
    with Orchestrator([*pocket_on_ollama(), "ollama:smollm2"], embedder="ollama:all-minilm") as orchestrator:
        out = run(orchestrator, mode, COMPOUND)
        again = run(orchestrator, mode, SIMILAR)
        portfolio, stats = orchestrator.portfolio(), orchestrator.memory.stats()

    results = out["results"]
    answers = {name: result["answer"] for name, result in results.items()}
    assert answers == {name: result["answer"] for name, result in here.items()}
    assert (answers["1"], answers["3"]) == ("nretnal", "85")
    assert results["2"]["needs"] == ["1"]
    assert results["1"]["candidate"] != results["3"]["candidate"]
    assert {r["candidate"] for r in results.values()} <= {f"ollama:pocket-{n}" for n in pocket_names()}
    assert all("log-probability" in evidence(result) for result in results.values())
    assert not any(result["calibrated"] for result in results.values())

    bill = out["bill"]
    lines = {(line["purpose"], line["model"]): line for line in bill["lines"]}
    embedding = [line for (purpose, _), line in lines.items() if purpose == "embed"]
    assert [line["model"] for line in embedding] == ["OllamaEmbeddings:all-minilm-384"]
    assert all(line["latency_s"] > 0 and not line["billed"] for line in bill["lines"])
    assert (bill["billed_usd"], bill["failed_calls"]) == (0, 0)
    assert all(spec.is_local and not spec.billed for spec in portfolio.values())
    assert portfolio["ollama:smollm2"].context == 2048
    assert stats["embedder"] == "OllamaEmbeddings:all-minilm-384"

    second = again["results"]
    assert all(result["decision"]["neighbours"] for result in second.values())
    assert "remembers task" in second["3"]["why"]
    assert "'Add 47 and 38'" in second["3"]["why"]
    measured = {e["candidate_id"]: "latency" in e["measured"] for e in second["3"]["decision"]["ranking"]}
    assert measured[results["3"]["candidate"]]


@MODES
def test_the_same_behind_v1_costs_money(cloud: ModelSpec, here: dict[str, Any], mode: str) -> None:
    others = [spec for spec in pocket_on_ollama() if spec.name in ("pocket-maths", "pocket-medium")]
    with Orchestrator([cloud, *others], policy={"deny": ["ollama:pocket-medium"]}) as orchestrator:
        out = run(orchestrator, mode, COMPOUND)
    results, bill = out["results"], out["bill"]
    assert results["1"]["candidate"] == cloud.id
    assert results["1"]["answer"] == here["1"]["answer"] == "nretnal"
    assert "log-probability" in evidence(results["1"])
    assert results["1"]["cost_nusd"] > 0
    assert bill["billed_usd"] > 0
    assert bill["total_nusd"] > round(bill["billed_usd"] * 1e9)  # the local model has a rate, but sends no bill
    billed = {line["model"]: line["billed"] for line in bill["lines"]}
    assert billed == {cloud.id: True, "ollama:pocket-maths": False}
    assert all(line["measured"] for line in bill["lines"])


@MODES
def test_tokens_come_one_by_one_from_either_half(cloud: ModelSpec, mode: str) -> None:
    native = next(spec for spec in pocket_on_ollama() if spec.name == "pocket-text")
    for spec in (native, cloud):
        with Orchestrator([spec]) as orchestrator:
            items = streamed(orchestrator, mode, "Reverse lantern")
        events = [chunk for kind, chunk in items if kind == "custom"]
        tokens = [event["text"] for event in events if event["event"] == "token"]
        assert "".join(tokens) == "nretnal"
        assert len(tokens) > 3
        assert {"plan", "decision", "call", "verdict", "result"} <= {event["event"] for event in events}
        said = [chunk[0] for kind, chunk in items if kind == "messages"]
        assert [message.content for message in said if message.content] == ["nretnal"]  # shown once it was judged


@MODES
def test_what_nobody_judges_streams_straight_through(at_ollama: OllamaServer, mode: str) -> None:
    chat = frozenset({"chat"})
    compatible = ModelSpec("openai:smollm2", base_url=at_ollama.openai_url, context=2048, capabilities=chat)
    for spec in (ModelSpec("ollama:smollm2", capabilities=chat), compatible):
        with Orchestrator([spec]) as orchestrator:
            items = streamed(orchestrator, mode, "What is the capital of France?")
        pieces = [c[0] for kind, c in items if kind == "messages" and isinstance(c[0], AIMessageChunk)]
        final = [chunk for kind, chunk in items if kind == "values"][-1]["messages"][-1]
        assert "Paris" in final.content
        assert "".join(piece.text for piece in pieces) == final.content
        assert sum(bool(piece.text) for piece in pieces) > 3


def pocket_names() -> list[str]:
    return [spec.name for spec in pocket_specs().values()]
