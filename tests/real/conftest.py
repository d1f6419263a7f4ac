"""A real Ollama with real models, once a session, for every test of this folder."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
for folder in (HERE.parents[1] / "scripts", HERE):  # neither is a package: the scripts run by their path
    sys.path.insert(0, str(folder))

from real_models import minilm_folder, smollm2_gguf  # noqa: E402
from real_ollama import ollama_binary  # noqa: E402
from real_server import (  # noqa: E402
    OllamaServer,
    add_from_modelfile,
    add_minilm,
    add_remote_alias,
    add_smollm2,
    serve,
)
from real_setup import SetupError  # noqa: E402

CLOUD = "https://ollama.com:443"
NOWHERE = "http://127.0.0.1:9"  # the discard port: Ollama's own cloud calls end here
LONGEST_SECONDS = 1800  # the first test of a fresh machine builds Ollama


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything in this folder as real, and give it the time that a build takes."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.real)
            item.add_marker(pytest.mark.timeout(LONGEST_SECONDS))


@pytest.fixture(scope="session")
def ollama_program() -> Path:
    """The path of a real Ollama, built first if need be; fails with a sentence where there can be none."""
    if os.environ.get("ORCHESTRATOR_SKIP_REAL") == "1":
        pytest.skip("ORCHESTRATOR_SKIP_REAL is 1")
    return or_fail(ollama_binary)


@pytest.fixture(scope="session")
def ollama_server(ollama_program: Path) -> Iterator[OllamaServer]:
    """A server without a cloud: the five pocket models, `smollm2`, `all-minilm`, and `faraway`, which is remote."""
    gguf, minilm = or_fail(smollm2_gguf), or_fail(minilm_folder)
    with (
        tempfile.TemporaryDirectory(prefix="ollama-") as folder,
        serve(ollama_program, Path(folder), {"OLLAMA_NO_CLOUD": "1"}) as server,
    ):
        add_smollm2(server, gguf)
        add_minilm(server, minilm)
        add_pockets(server)
        add_remote_alias(server, "faraway", "gpt-oss:120b", CLOUD)
        yield server


@pytest.fixture(scope="session")
def ollama_with_cloud(ollama_program: Path, ollama_server: OllamaServer) -> Iterator[OllamaServer]:
    """A second server whose `faraway` answers: its "cloud" is the first server, and no call leaves the machine."""
    extra = {"OLLAMA_REMOTES": "127.0.0.1", "OLLAMA_CLOUD_BASE_URL": NOWHERE}
    with (
        tempfile.TemporaryDirectory(prefix="ollama-") as folder,
        serve(ollama_program, Path(folder), extra) as server,
    ):
        add_remote_alias(server, "faraway", "smollm2", ollama_server.url)
        yield server


def or_fail(find: Callable[[], Path]) -> Path:
    """Return what `find` finds, or fail the test with the one sentence that says what is missing."""
    try:
        return find()
    except SetupError as error:
        sentence = str(error)
    pytest.fail(sentence, pytrace=False)


def add_pockets(server: OllamaServer) -> None:
    """Make `pocket-small` and its four siblings from the weights and the Modelfiles that are shipped."""
    from orchestrator_graph.pocket import NAMES, modelfile

    for name in NAMES:
        add_from_modelfile(server, f"pocket-{name}", modelfile(name))


@pytest.fixture
def at_ollama(ollama_server: OllamaServer, monkeypatch: pytest.MonkeyPatch) -> OllamaServer:
    """The server, named by OLLAMA_HOST, in an environment without any key."""
    return named(ollama_server, monkeypatch)


@pytest.fixture
def at_cloud(ollama_with_cloud: OllamaServer, monkeypatch: pytest.MonkeyPatch) -> OllamaServer:
    """The server whose `faraway` is another host's, named by OLLAMA_HOST."""
    return named(ollama_with_cloud, monkeypatch)


def named(server: OllamaServer, monkeypatch: pytest.MonkeyPatch) -> OllamaServer:
    """Make a server the one that the environment names, and nothing else a model could come from."""
    for name in [name for name in os.environ if name.endswith("_API_KEY") or name.startswith("OPENAI_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("OLLAMA_HOST", server.url)
    return server
