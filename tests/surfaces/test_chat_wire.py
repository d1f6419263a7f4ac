"""Real clients in the pool, against a real server: what is bound reaches the wire, what comes back is told."""

import json
from dataclasses import replace

import pytest
from langchain_core.callbacks import get_usage_metadata_callback
from langchain_ollama import ChatOllama
from langchain_openai import ChatOpenAI

from orchestrator_graph import ModelSpec, Price, Prior
from orchestrator_graph.surfaces.chat_model import ChatOrchestrator
from tests.reliability.conftest import FaultServer
from tests.surfaces.scripted import WAYS, Told, said

TASK = "What is six times seven?"


@pytest.fixture(scope="module")
def server():
    server = FaultServer()
    yield server
    server.stop()


def spec_of(client, server):
    told = {"price": Price(1.0, 2.0), "priors": {"*": Prior(0.9, 20, "test")}}
    if client == "ollama":
        return ModelSpec(ChatOllama(model="ok", base_url=server.url, num_ctx=256), **told)
    if client == "ollama, by name":
        return ModelSpec("ollama:ok", base_url=server.url, **told)
    return ModelSpec(ChatOpenAI(model="ok", base_url=f"{server.url}/v1", api_key="k", max_retries=0), **told)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("client", ["openai", "ollama", "ollama, by name"])
def test_what_is_bound_reaches_the_wire_and_the_answer_is_counted_once(client, way, server):
    chat = ChatOrchestrator([spec_of(client, server)], temperature=0.9)
    told, before = Told(), len(server.seen()["bodies"])
    bound = chat.bind(stop=["END"], max_tokens=50, temperature=0.25)
    with get_usage_metadata_callback() as usage:
        answer = said(bound, way, TASK, {"callbacks": [told]})

    (body,) = [json.loads(b["body"]) for b in server.seen()["bodies"][before:] if "/chat" in b["line"]]
    options = body.get("options", body)
    assert (options["stop"], options["temperature"]) == (["END"], 0.25)
    assert options["num_predict" if client.startswith("ollama") else "max_tokens"] == 50
    assert answer.text.strip() == "forty two"
    assert answer.response_metadata["model_name"] == "ok"
    assert (told.started, told.ended, told.tokens) == (1, 1, 23)
    assert [counts["total_tokens"] for counts in usage.usage_metadata.values()] == [23]


@pytest.mark.parametrize("way", WAYS)
def test_what_the_model_was_told_first_does_not_mix_with_the_next_ones_words(way, server):
    """Both are OpenAI clients: chunks without words of the first one must not be added to the second one's."""
    broken = ChatOpenAI(model="500", base_url=f"{server.url}/v1", api_key="k", max_retries=0)
    first = replace(spec_of("openai", server), model=broken)
    second = replace(spec_of("openai", server), priors={"*": Prior(0.5, 20, "test")})
    answer = said(ChatOrchestrator([first, second]), way, TASK)
    assert answer.text.strip() == "forty two"
    assert answer.response_metadata["model_name"] == "ok"
    assert answer.response_metadata["finish_reason"] == "stop"
    assert answer.usage_metadata["total_tokens"] == 23
