"""A local-looking name whose text leaves the machine: refused for private text, usable and called remote otherwise.

The alias's "cloud" is the first server, which logs each request: what it did not log, it did not see.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from langchain_core.messages import HumanMessage
from langchain_ollama import ChatOllama
from real_graph import ask, run

from orchestrator_graph import ModelSpec, Orchestrator, Policy
from orchestrator_graph.errors import PrivacyError

if TYPE_CHECKING:
    from real_server import OllamaServer

MODES = pytest.mark.parametrize("mode", ["sync", "async"])
SECRET = "What is the capital of the country where my sister hides?"
PRIVATE = Policy(private=True)


def chats_seen(server: OllamaServer) -> int:
    """How many chat requests the server has logged."""
    return server.log.read_text(errors="replace").count('"/api/chat"')


@MODES
@pytest.mark.parametrize("name", ["faraway", "innocent"])
def test_an_alias_alone_is_refused_for_private_text(
    at_cloud: OllamaServer, ollama_server: OllamaServer, mode: str, name: str
) -> None:
    at_cloud.post("/api/copy", source="faraway", destination="innocent").raise_for_status()
    before = chats_seen(at_cloud), chats_seen(ollama_server)
    with Orchestrator([f"ollama:{name}"]) as orchestrator, pytest.raises(PrivacyError, match="runs on this machine"):
        run(orchestrator, mode, SECRET, PRIVATE)
    assert (chats_seen(at_cloud), chats_seen(ollama_server)) == before


@MODES
def test_beside_a_local_model_it_is_left_out(at_cloud: OllamaServer, ollama_server: OllamaServer, mode: str) -> None:
    local = ModelSpec("ollama:smollm2", base_url=ollama_server.url)
    before = chats_seen(at_cloud)
    with Orchestrator(["ollama:faraway", local]) as orchestrator:
        out = run(orchestrator, mode, SECRET, PRIVATE)
    (result,) = out["results"].values()
    excluded = {item["candidate"]: item for item in result["decision"]["excluded"]}
    assert excluded["ollama:faraway"]["constraint"] == "private"
    assert "http://127.0.0.1" in excluded["ollama:faraway"]["detail"]
    assert result["models"] == ["ollama:smollm2"]
    assert chats_seen(at_cloud) == before


@MODES
@pytest.mark.usefixtures("at_cloud")
def test_without_a_secret_it_is_used_and_not_called_local(mode: str) -> None:
    with Orchestrator(["ollama:faraway"]) as orchestrator:
        out = run(orchestrator, mode, "What is the capital of France?")
        spec = orchestrator.portfolio()["ollama:faraway"]
    assert "Paris" in out["messages"][-1].content
    assert not spec.is_local
    assert spec.remote_host is not None
    assert spec.billed
    assert any("price of ollama:faraway is unknown" in note for note in out["bill"]["notes"])


@MODES
@pytest.mark.parametrize("local", [None, True])
def test_a_cloud_name_is_not_trusted_whoever_vouches_for_it(
    at_cloud: OllamaServer, mode: str, local: bool | None
) -> None:
    """`gpt-oss:120b-cloud` is passed on although the server does not list it."""
    own = ChatOllama(model="gpt-oss:120b-cloud", base_url=at_cloud.url, client_kwargs={"trust_env": False})
    compatible = ModelSpec("openai:gpt-oss:120b-cloud", base_url=at_cloud.openai_url, local=local)
    before = chats_seen(at_cloud)
    for spec in (ModelSpec(own, local=local), compatible):
        assert not spec.is_local
        attempt = ask(spec, mode, [HumanMessage(SECRET)], private=True)
        assert attempt.failure is not None
        assert attempt.failure.kind == "privacy"
        assert "cloud" in attempt.failure.message
    assert chats_seen(at_cloud) == before


def test_where_the_cloud_is_off_an_alias_is_remote_still(at_ollama: OllamaServer) -> None:
    """The server lists it and refuses to show it (403)."""
    with Orchestrator(["ollama:faraway"]) as orchestrator:
        spec = orchestrator.portfolio()["ollama:faraway"]
        with pytest.raises(PrivacyError):
            orchestrator.run(SECRET, PRIVATE)
    assert not spec.is_local
    assert spec.remote_host == "https://ollama.com:443"
    attempt = ask(ModelSpec("ollama:faraway", base_url=at_ollama.url), "sync", [HumanMessage("hi")])
    assert attempt.failure is not None
    assert attempt.failure.kind == "auth"
