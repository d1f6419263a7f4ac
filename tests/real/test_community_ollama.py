"""A client of langchain-community in the pool, in front of a real Ollama's `/v1`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from real_graph import run

from orchestrator_graph import ModelSpec, Orchestrator, Policy

if TYPE_CHECKING:
    from real_server import OllamaServer


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.filterwarnings("ignore:`langchain-community` is being sunset:DeprecationWarning")
def test_it_answers_a_private_question_in_prose(at_ollama: OllamaServer, mode: str) -> None:
    from langchain_community.chat_models.llama_edge import LlamaEdgeChatService

    with at_ollama.client() as client:  # sampled, it may else go on for a minute
        client.create(model="brief", from_="smollm2", parameters={"num_predict": 24})
    edge = LlamaEdgeChatService(service_url=at_ollama.url, model="brief", disable_streaming=True)
    with Orchestrator([ModelSpec(edge, alias="community:edge", local=True)]) as orchestrator:
        out = run(orchestrator, mode, "What is the capital of France?", Policy(private=True))
    # Its own temperature is not ours to change, so what SmolLM2 says of France differs from run to run.
    assert out["messages"][-1].content.strip()
    assert out["bill"]["lines"][0]["output_tokens"] > 0
    assert (out["results"]["1"]["candidate"], out["bill"]["calls"]) == ("community:edge", 1)
