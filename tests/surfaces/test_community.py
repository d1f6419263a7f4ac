"""A model and a cache of langchain-community (extra `community`): `LlamaEdgeChatService` over real HTTP, `SQLiteCache`.

The package warns on import that it is sunset; that one warning is let through, and the one of its cache's `loads`.
The other end is `orchestrator serve` on the embedded models, in a child process.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator_graph import ChatOrchestrator, ModelSpec, Orchestrator, Policy, Price, Prior
from orchestrator_graph.errors import NoCandidateError, PrivacyError
from tests.graph.support import model, orchestrated, run
from tests.servers import free_port
from tests.surfaces.both_ways import ran, streamed
from tests.surfaces.server.support import Child, ask

SUM = "Add 47 and 38"
pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.filterwarnings("ignore:`langchain-community` is being sunset:DeprecationWarning"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    command = [str(Path(sys.executable).parent / "orchestrator"), "serve", "--port", "PORT", "--models", "pocket"]
    child = Child(tmp_path_factory.mktemp("served"), *command, "--memory", "none")
    yield child
    child.stop()


def edge(url: str, *, disable_streaming: bool = True, **fields: Any) -> ModelSpec:
    """The community's client for a llama-api-server; it asks for a whole answer and cannot read that as a stream."""
    from langchain_community.chat_models.llama_edge import LlamaEdgeChatService

    chat = LlamaEdgeChatService(service_url=url, model="pocket:medium", disable_streaming=disable_streaming)
    told: dict[str, Any] = {"price": Price(1, 1), "priors": {"*": Prior(0.95, 50, "test")}, **fields}
    return ModelSpec(chat, alias="community:edge", **told)


def answered(server: Child) -> float:
    """How many completions the server has given."""
    found = re.findall(
        r"^orchestrator_requests_total\{[^}]*\} ([\d.e+]+)$", ask(f"{server.url}/metrics")[1], re.MULTILINE
    )
    return sum(map(float, found))


def test_it_answers_in_the_pool_by_one_request_and_its_bill_says_estimated(server: Child, mode: str) -> None:
    before = answered(server)
    with orchestrated(edge(server.url)) as orc:
        out = run(orc, mode, SUM)
    (result,), (line,) = out["results"].values(), out["bill"]["lines"]
    assert (result["answer"], result["candidate"]) == ("85", "community:edge")
    assert (line["calls"], line["measured"], out["bill"]["total_usd"] > 0) == (1, False, True)
    assert answered(server) == before + 1


def test_it_answers_behind_the_chat_model(server: Child, mode: str) -> None:
    with orchestrated(edge(server.url)) as orc:
        message = ran(ChatOrchestrator(orc), mode, SUM)
    assert (message.text, message.response_metadata["orchestrator"]["candidate"]) == ("85", "community:edge")
    assert message.usage_metadata["output_tokens"] > 0


def test_a_stream_gives_its_text_in_one_piece_where_its_own_is_left_out(server: Child, mode: str) -> None:
    with orchestrated(edge(server.url)) as orc:
        pieces = streamed(ChatOrchestrator(orc), mode, SUM, None)
    assert [piece.text for piece in pieces if piece.text] == ["85"]


def test_its_own_stream_reads_no_other_server_and_another_model_takes_over(server: Child, mode: str) -> None:
    with orchestrated(edge(server.url, disable_streaming=False), model("other", "85", 0.5)) as orc:
        pieces = streamed(ChatOrchestrator(orc), mode, SUM, None)
    assert "".join(piece.text for piece in pieces) == "85"
    told = next(
        piece.response_metadata["orchestrator"] for piece in pieces if piece.response_metadata.get("orchestrator")
    )
    assert told["candidate"] == "test:other"


def test_where_it_is_away_another_one_answers(mode: str) -> None:
    with orchestrated(edge(f"http://127.0.0.1:{free_port()}"), model("other", "85", 0.5)) as orc:
        out = run(orc, mode, SUM)
    assert out["results"]["1"]["candidate"] == "test:other"
    assert {line["model"]: line["failed"] for line in out["bill"]["lines"]} == {"community:edge": 1, "test:other": 0}


def test_private_text_goes_to_it_only_where_its_user_says_that_it_is_local(server: Child, mode: str) -> None:
    before = answered(server)
    with orchestrated(edge(server.url)) as orc, pytest.raises(PrivacyError):
        run(orc, mode, SUM, Policy(private=True))
    assert answered(server) == before
    with orchestrated(edge(server.url, local=True)) as orc:
        assert run(orc, mode, SUM, Policy(private=True))["results"]["1"]["answer"] == "85"


def test_it_calls_no_tools_and_is_left_out_where_they_are_needed(server: Child, mode: str) -> None:
    def add(a: int, b: int) -> int:
        """Adds."""
        return a + b

    with orchestrated(edge(server.url)) as orc, pytest.raises(NoCandidateError, match="tools"):
        ran(ChatOrchestrator(orc).bind_tools([add]), mode, SUM)


@pytest.mark.filterwarnings("ignore:The default value of `allowed_objects`")
def test_its_sqlite_cache_answers_the_same_question_of_the_same_pool_and_policy(tmp_path: Path, mode: str) -> None:
    from langchain_community.cache import SQLiteCache

    only, file = model("only", "Goethe"), str(tmp_path / "cache.db")
    with Orchestrator([only]) as orc:
        asked = [ran(ChatOrchestrator(orc, cache=SQLiteCache(file)), mode, "Who wrote Faust?") for _ in range(3)]
        assert [message.text for message in asked] == ["Goethe"] * 3
        assert len({message.response_metadata["orchestrator"]["decision_id"] for message in asked}) == 1
        assert (len(only.model.seen), orc.memory.stats()["tasks"]) == (1, 1)
        best = ChatOrchestrator(orc, cache=SQLiteCache(file), policy=Policy(tradeoff="best"))
        ran(best, mode, "Who wrote Faust?")
        assert len(only.model.seen) == 2, "another policy may mean another answer"
