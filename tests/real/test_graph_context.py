"""A prompt that does not fit is a failure that says so, never an answer: whichever half of Ollama cut it, and however.

The gateway cannot know beforehand: the words are short, so that neither the sure lower bound nor the estimate reaches
the context of 128 tokens. Dropped messages on `/v1` show only where the estimate says that they did not fit.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from real_graph import ask, own_chat, own_native, run

from orchestrator_graph import ModelSpec, Orchestrator, Policy, Prior

if TYPE_CHECKING:
    from real_server import OllamaServer

CONTEXT = 128
SHORT_WORDS = " ".join(["a b"] * 90)
LONG = HumanMessage(f"{SHORT_WORDS}\n\nWhat is the capital of France? Answer with one word only.")
SPENT: list[BaseMessage] = [
    SystemMessage("Answer shortly."),
    HumanMessage(" ".join(["word"] * 125)),
    AIMessage("ok"),
    HumanMessage("Say hi"),
]
MODES = pytest.mark.parametrize("mode", ["sync", "async"])
STREAMS = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
PROMPTS = pytest.mark.parametrize("prompt", [SPENT, [LONG]], ids=["dropped", "cut"])


@pytest.fixture
def tiny(at_ollama: OllamaServer) -> ModelSpec:
    """SmolLM2 with room for 128 tokens, named so that discovery reads that."""
    with at_ollama.client() as client:
        client.create(model="smollm2-tiny", from_="smollm2", parameters={"num_ctx": CONTEXT})
    return ModelSpec("ollama:smollm2-tiny")


def as_compatible(server: OllamaServer) -> ModelSpec:
    spec = ModelSpec("openai:smollm2-tiny", base_url=server.openai_url, context=CONTEXT)
    return replace(spec, capabilities=frozenset({"chat", "logprobs"}))


@MODES
@STREAMS
@PROMPTS
def test_the_native_half_refuses_it(tiny: ModelSpec, mode: str, prompt: list[BaseMessage], stream: bool) -> None:
    attempt = ask(tiny, mode, prompt, stream=stream)
    assert attempt.failure is not None
    assert (attempt.failure.kind, attempt.failure.status) == ("context_overflow", 400)
    assert (attempt.text, attempt.cost_nusd, attempt.tries) == ("", 0, 1)


@MODES
@STREAMS
@PROMPTS
@pytest.mark.usefixtures("tiny")
def test_the_compatible_half_is_found_out(
    at_ollama: OllamaServer, mode: str, prompt: list[BaseMessage], stream: bool
) -> None:
    attempt = ask(as_compatible(at_ollama), mode, prompt, stream=stream, max_tokens=8)
    assert attempt.failure is not None
    assert attempt.failure.kind == "context_overflow"


@MODES
@STREAMS
@PROMPTS
@pytest.mark.parametrize("half", ["native", "compatible"])
@pytest.mark.usefixtures("tiny")
def test_with_a_client_of_the_users_own_it_is_found_out_too(
    at_ollama: OllamaServer, half: str, mode: str, prompt: list[BaseMessage], stream: bool
) -> None:
    """It has no transport of ours, so the server cuts silently; the counts tell."""
    with own_native(at_ollama) if half == "native" else own_chat(at_ollama, "smollm2-tiny") as chat:
        attempt = ask(ModelSpec(chat, alias="mine:tiny", local=True, context=CONTEXT), mode, prompt, stream=stream)
    assert attempt.failure is not None
    assert attempt.failure.kind == "context_overflow"


@MODES
def test_what_fits_is_answered(tiny: ModelSpec, at_ollama: OllamaServer, mode: str) -> None:
    for spec in (tiny, as_compatible(at_ollama)):
        attempt = ask(spec, mode, [HumanMessage("What is the capital of France?")])
        assert attempt.ok, attempt.failure
        assert attempt.logprobs


def test_an_answer_that_outgrows_the_context_is_too_long_not_forgetful(tiny: ModelSpec) -> None:
    attempt = ask(tiny, "sync", [HumanMessage("Write a long story about a fox, with all its adventures.")])
    assert attempt.failure is not None
    assert attempt.failure.kind == "length"
    assert attempt.usage.input_tokens + attempt.usage.output_tokens <= CONTEXT + 1


@MODES
def test_the_graph_goes_on_to_a_larger_context(tiny: ModelSpec, mode: str) -> None:
    trusted = replace(tiny, priors={"*": Prior(0.9, 30, "test")})
    with Orchestrator([trusted, "ollama:smollm2"]) as orchestrator:
        out = run(orchestrator, mode, str(LONG.content), Policy(decompose="never"))
    (result,) = out["results"].values()
    assert result["decision"]["ranking"][0]["candidate_id"] == "ollama:smollm2-tiny"
    assert result["models"] == ["ollama:smollm2-tiny", "ollama:smollm2"]
    assert result["candidate"] == "ollama:smollm2"
    assert "Paris" in result["answer"]
    assert out["bill"]["failed_calls"] == 1


@MODES
def test_the_graph_says_what_is_missing_where_none_is_larger(tiny: ModelSpec, mode: str) -> None:
    with Orchestrator([tiny]) as orchestrator:
        out = run(orchestrator, mode, str(LONG.content), Policy(decompose="never"))
    (result,) = out["results"].values()
    assert result["status"] == "failed"
    assert result["missing"].startswith("context_overflow")
    assert "Not answered" in out["messages"][-1].content
