"""What Ollama 0.24 does, as far as the gateway leans on it: each test holds one fact that was measured."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import ollama
import pytest
from real_chat import chats_of, gathered

if TYPE_CHECKING:
    from real_chat import Chats
    from real_server import OllamaServer


@pytest.fixture(scope="module")
def chats(ollama_server: OllamaServer) -> Iterator[Chats]:
    with chats_of(ollama_server) as chats:
        yield chats


def test_running_models_and_shown_models_carry_their_facts(chats: Chats) -> None:
    chats.native().invoke("hi")
    with chats.server.client() as client:
        running = {model.model: model for model in client.ps().models}
        shown = client.show("smollm2")
        embedder = client.show("all-minilm")
    assert running["smollm2:latest"].context_length == 2048  # the num_ctx in force
    assert shown.details is not None
    assert (shown.details.family, shown.details.quantization_level) == ("llama", "Q4_1")
    assert shown.capabilities == ["completion"]
    assert shown.modelinfo is not None
    assert shown.modelinfo["llama.context_length"] == 8192
    assert "num_ctx                        2048" in (shown.parameters or "")
    assert embedder.capabilities == ["embedding"]
    assert embedder.modelinfo is not None
    assert embedder.modelinfo["bert.embedding_length"] == 384


def test_embeds_with_unit_vectors_and_cuts_a_long_text_unless_told_not_to(ollama_server: OllamaServer) -> None:
    with ollama_server.client() as client:
        near, same, far = client.embed("all-minilm", ["a red car", "a scarlet automobile", "tax law"]).embeddings
        cut = client.embed("all-minilm", "word " * 600).prompt_eval_count or 0
        with pytest.raises(ollama.ResponseError, match="exceeds the context length") as caught:
            client.embed("all-minilm", "word " * 600, truncate=False)
    assert caught.value.status_code == 400
    assert 500 < cut <= 512
    assert math.isclose(sum(x * x for x in near), 1, rel_tol=1e-4)
    assert sum(map(math.prod, zip(near, same, strict=True))) > sum(map(math.prod, zip(near, far, strict=True))) + 0.2


def test_native_log_probabilities_come_as_objects_in_response_metadata(chats: Chats) -> None:
    model = chats.native(logprobs=True, top_logprobs=2)
    for message in (model.invoke("Say hi"), gathered(model.stream("Say hi"))):
        tokens = message.response_metadata["logprobs"]
        assert "".join(token.token for token in tokens) == message.content
        assert len(tokens) == message.response_metadata["eval_count"] == 4
        assert all(type(token).__name__ == "Logprob" and token.logprob <= 0 for token in tokens)
        assert [len(token.top_logprobs) for token in tokens] == [2, 2, 2, 2]


def test_native_log_probabilities_can_be_asked_for_per_call(chats: Chats) -> None:
    assert chats.native().invoke("Say hi").response_metadata["logprobs"] is None
    assert len(chats.native().invoke("Say hi", logprobs=True).response_metadata["logprobs"]) == 4


def test_native_stream_has_one_token_a_chunk_and_ends_with_the_counts(chats: Chats) -> None:
    *tokens, counts, last = chats.native(logprobs=True).stream("Say hi")
    assert [len(chunk.response_metadata["logprobs"]) for chunk in tokens] == [1, 1, 1, 1]
    assert counts.response_metadata["done_reason"] == "length"
    assert counts.response_metadata["logprobs"] is None
    assert counts.usage_metadata is not None
    assert counts.usage_metadata["output_tokens"] == 4
    assert last.chunk_position == "last"


def test_compatible_log_probabilities_come_as_dictionaries(chats: Chats) -> None:
    model = chats.compatible(logprobs=True, top_logprobs=1, stream_usage=True)
    for message in (model.invoke("Say hi"), gathered(model.stream("Say hi"))):
        tokens = message.response_metadata["logprobs"]["content"]
        assert "".join(token["token"] for token in tokens) == message.content
        assert {"token", "logprob", "bytes", "top_logprobs"} <= set(tokens[0])
        assert message.response_metadata["finish_reason"] == "length"
        assert message.usage_metadata is not None
        assert message.usage_metadata["output_tokens"] == len(tokens) == 4


def test_both_halves_give_the_same_log_probabilities(chats: Chats) -> None:
    one = chats.native(logprobs=True).invoke("Say hi").response_metadata["logprobs"]
    other = chats.compatible(logprobs=True).invoke("Say hi").response_metadata["logprobs"]["content"]
    assert [token.logprob for token in one] == pytest.approx([token["logprob"] for token in other], abs=1e-4)


def test_the_end_token_is_counted_but_has_no_log_probability(chats: Chats) -> None:
    reply = chats.native(num_predict=400, logprobs=True).invoke("Say hi").response_metadata
    assert reply["done_reason"] == "stop"
    assert reply["eval_count"] == len(reply["logprobs"]) + 1


def test_compatible_half_ignores_max_completion_tokens(chats: Chats) -> None:
    """`ChatOpenAI(max_tokens=…)` sends `max_completion_tokens`, which Ollama does not read."""
    ignored = chats.compatible(extra_body=None, max_tokens=4).invoke("Say hi").usage_metadata
    heard = chats.compatible().invoke("Say hi").usage_metadata
    assert ignored is not None
    assert heard is not None
    assert ignored["output_tokens"] > heard["output_tokens"] == 4


def test_an_alias_of_a_remote_model_is_told_by_tags_and_refused_without_a_cloud(ollama_server: OllamaServer) -> None:
    tags = {model["name"]: model for model in ollama_server.get("/api/tags").json()["models"]}
    assert tags["faraway:latest"]["remote_host"] == "https://ollama.com:443"
    assert tags["faraway:latest"]["remote_model"] == "gpt-oss:120b"
    assert "remote_host" not in tags["smollm2:latest"]
    turns = [{"role": "user", "content": "hi"}]
    for name in ("faraway", "unheard-of:1b-cloud"):
        assert ollama_server.post("/api/chat", model=name, messages=turns).status_code == 403
    assert ollama_server.post("/api/show", model="faraway").status_code == 403
    assert ollama_server.get("/api/status").json()["cloud"]["disabled"] is True


def test_a_remote_model_answers_under_a_local_name_and_chat_ollama_does_not_say_so(
    ollama_with_cloud: OllamaServer,
) -> None:
    ollama_with_cloud.post("/api/copy", source="faraway", destination="innocent")
    shown = ollama_with_cloud.post("/api/show", model="innocent").json()
    assert shown["remote_model"] == "smollm2"
    assert shown["remote_host"].startswith("http://127.0.0.1:")
    turns = [{"role": "user", "content": "hi"}]
    raw = ollama_with_cloud.post("/api/chat", model="innocent", messages=turns, stream=False).json()
    assert raw["remote_host"] == shown["remote_host"]
    with chats_of(ollama_with_cloud) as chats:
        metadata = chats.native("innocent").invoke("hi").response_metadata
    assert metadata["model_name"] == "innocent"
    assert not {"remote_host", "remote_model"} & set(metadata)
