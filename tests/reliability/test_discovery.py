"""From names, or from nothing, to a portfolio - and the errors that say what to do."""

import asyncio
import subprocess
import sys
import threading

import pytest

from orchestrator_graph.drive import ASYNC, SYNC, drive
from orchestrator_graph.errors import RegistryError
from orchestrator_graph.gateway.door import Gateway
from orchestrator_graph.gateway.embedders import pulled_embedder
from orchestrator_graph.registry.spec import ModelSpec


def found(models=None, **environ):
    gateway = Gateway(models, environ=environ)
    try:
        return drive(gateway.portfolio(SYNC))
    finally:
        gateway.close()


def test_ollama_is_found_with_what_it_says_of_its_models(server):
    portfolio = found(OLLAMA_HOST=server.url)

    spec = portfolio["ollama:ok:latest"]
    assert spec.context == 256
    assert spec.capabilities >= {"chat", "json", "logprobs"}
    assert spec.is_local
    assert spec.base_url == server.url
    assert not portfolio["ollama:elsewhere:latest"].is_local
    assert "ollama:embedder:latest" not in portfolio


def test_an_embedding_model_that_was_pulled_is_found_and_nothing_else(closed_port, server):
    gateway = Gateway(environ={"OLLAMA_HOST": server.url})
    try:
        embedder = pulled_embedder(gateway, {"OLLAMA_HOST": server.url})
        assert embedder is gateway.embeddings("ollama:embedder:latest")
        assert pulled_embedder(gateway, {"OLLAMA_HOST": f"http://127.0.0.1:{closed_port}"}) is None
        assert pulled_embedder(gateway, {"OLLAMA_HOST": "http://ollama.example.org"}) is None
    finally:
        gateway.close()


def test_keys_bring_at_most_three_models_per_provider_and_no_licence_to_spend(closed_port, server):
    nowhere = f"http://127.0.0.1:{closed_port}"
    azure = {"AZURE_OPENAI_API_KEY": "k", "AZURE_OPENAI_ENDPOINT": nowhere, "AZURE_OPENAI_DEPLOYMENT": "a,b,c,d"}
    portfolio = found(OLLAMA_HOST=nowhere, OPENAI_API_KEY="k", **azure)
    own = found(OLLAMA_HOST=nowhere, OPENAI_BASE_URL=f"{server.url}/v1")

    assert [spec for spec in portfolio if spec.startswith("azure:")] == ["azure:a", "azure:b", "azure:c"]
    assert sum(spec.startswith("openai:") for spec in portfolio) == 3
    assert all(spec.discovered and not spec.is_local for spec in portfolio.values())
    assert len(portfolio.notes) == 2
    assert list(own) == ["openai:m0", "openai:m1", "openai:m2"]


def test_what_the_user_set_stays(server):
    spec = ModelSpec("ollama:ok", base_url=server.url, context=100, capabilities=frozenset({"chat"}), size_b=7)

    known = found([spec])["ollama:ok"]

    assert (known.context, known.capabilities, known.size_b) == (100, frozenset({"chat"}), 7)


def test_pocket_models_are_used_on_request_only():
    specs = found("pocket").values()

    assert all(spec.is_local and not spec.billed and spec.bytes_per_token == 1 for spec in specs)
    assert all(spec.price.source == "parameters x tokens" for spec in specs)
    assert found(["pocket:text"])["pocket:text"].prior("text").n > 0


@pytest.mark.parametrize(
    ("models", "words"),
    [
        (["ollama:nix"], "ollama:nix is not pulled. Run: ollama pull nix, or drop it from models."),
        (["ollama:embedder"], "only makes embeddings"),
        (["openai:gpt-5"], "set OPENAI_API_KEY"),
        (["azure:x"], "AZURE_OPENAI_ENDPOINT"),
        (["pocket:huge"], "pocket:text"),
        (["nobody:x"], "ollama, openai, azure, pocket"),
        (["gpt-5"], "provider:name"),
        ([42], "no model"),
    ],
)
def test_what_is_named_and_not_there_is_an_error_with_the_way_out(server, models, words):
    with pytest.raises(RegistryError, match=words.replace(".", r"\.")):
        found(models, OLLAMA_HOST=server.url)


def test_no_ollama_and_nothing_at_all_say_how_to_start(closed_port):
    nowhere = f"http://127.0.0.1:{closed_port}"
    with pytest.raises(RegistryError, match="ollama serve"):
        found(["ollama:qwen3:4b"], OLLAMA_HOST=nowhere)
    with pytest.raises(RegistryError, match=r"ollama pull.*OPENAI_API_KEY.*pocket"):
        found(OLLAMA_HOST=nowhere)


def test_it_runs_once_for_threads_and_tasks(server):
    before = sum("/api/tags" in seen["line"] for seen in server.seen()["bodies"])
    gateway = Gateway(environ={"OLLAMA_HOST": server.url})
    threads = [threading.Thread(target=lambda: drive(gateway.portfolio(SYNC))) for _ in range(4)]

    async def tasks():
        return await asyncio.gather(*(gateway.portfolio(ASYNC) for _ in range(4)))

    for thread in threads:
        thread.start()
    portfolios = asyncio.run(tasks())
    for thread in threads:
        thread.join()
    gateway.close()

    assert len({id(portfolio) for portfolio in portfolios}) == 1
    assert sum("/api/tags" in seen["line"] for seen in server.seen()["bodies"]) == before + 1


def test_embeddings_are_asked_of_ollama_through_our_transport(server, closed_port):
    gateway = Gateway(environ={"OLLAMA_HOST": server.url})
    client = gateway.embeddings("ollama:embedder")
    assert gateway.embeddings("ollama:embedder") is client
    gateway.close()
    with pytest.raises(RegistryError, match="Known"):
        Gateway(environ={}).embeddings("azure:x")


BARE = """
import http.server, sys

class Empty(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"models": []}')

    def log_message(self, *_):
        return None

server = http.server.HTTPServer(("127.0.0.1", 0), Empty)
print(server.server_port, flush=True)
server.serve_forever()
"""


@pytest.fixture
def bare_ollama():
    """An Ollama into which nothing was pulled."""
    with subprocess.Popen([sys.executable, "-c", BARE], stdout=subprocess.PIPE, text=True) as process:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        process.kill()


def test_nothing_found_says_what_was_seen_and_both_ways_to_the_pocket_models(closed_port, bare_ollama):
    with pytest.raises(RegistryError, match='models="pocket" in Python, --models pocket on') as silent:
        found(OLLAMA_HOST=f"127.0.0.1:{closed_port}")
    with pytest.raises(RegistryError, match=r"has no chat model.*ollama pull") as bare:
        found(OLLAMA_HOST=bare_ollama)

    assert "no Ollama answers" in str(silent.value)
    assert "no Ollama answers" not in str(bare.value)
    with pytest.raises(RegistryError, match=r"^models = \[\] names none: leave it out or name some$"):
        found([])


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("qwen3:4b", r"^did you mean ollama:qwen3:4b\?"),
        ("bedrock:x", r"'orchestrator-graph\[agents\]' langchain-aws"),
        ("google_genai:x", "langchain-google-genai"),
    ],
)
def test_a_package_is_offered_only_where_there_is_one(model, words, monkeypatch):
    monkeypatch.setitem(sys.modules, "langchain.chat_models", None)
    with pytest.raises(RegistryError, match=words) as error:
        found([model])
    assert "langchain-qwen3" not in str(error.value)
