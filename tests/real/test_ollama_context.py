"""What Ollama 0.24 does with a prompt, or an answer, that is longer than its context: how a cut can be seen at all.

The long prompts are "word word word": one token each, and nine more for the chat template.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import ollama
import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from real_chat import chats_of

if TYPE_CHECKING:
    from real_chat import Chats
    from real_server import OllamaServer

CONTEXT = 128
MODEL = "smollm2-tiny"
TOO_LONG = "the input length exceeds the context length"
LONG = HumanMessage(" ".join(["word"] * 200))
SPENT: list[BaseMessage] = [SystemMessage("Answer shortly."), LONG, AIMessage("ok"), HumanMessage("Say hi")]


@pytest.fixture(scope="module")
def chats(ollama_server: OllamaServer) -> Iterator[Chats]:
    """The models of the server, which has one with a context of 128 tokens."""
    with ollama_server.client() as client:
        client.create(model=MODEL, from_="smollm2", parameters={"num_ctx": CONTEXT})
    with chats_of(ollama_server) as chats:
        yield chats


def body_of(messages: list[BaseMessage], **options: int) -> dict[str, Any]:
    """A request for `/api/chat`."""
    roles = {"human": "user", "ai": "assistant", "system": "system"}
    turns = [{"role": roles[message.type], "content": message.content} for message in messages]
    return {"model": MODEL, "messages": turns, "stream": False, "options": {"num_predict": 4, **options}}


def prompt_tokens(message: AIMessage) -> int:
    assert message.usage_metadata is not None
    return message.usage_metadata["input_tokens"]


@pytest.mark.parametrize("words", [119, 120, 400])
def test_a_prompt_that_fills_the_context_looks_like_one_that_was_cut(chats: Chats, words: int) -> None:
    """119 words make exactly 128 tokens; with more, the status, the counts and the reason stay the same."""
    prompt: list[BaseMessage] = [HumanMessage(" ".join(["word"] * words))]
    assert prompt_tokens(chats.native(MODEL).invoke(prompt)) == CONTEXT
    assert prompt_tokens(chats.compatible(MODEL).invoke(prompt)) == CONTEXT
    strict = chats.server.post("/api/chat", **body_of(prompt), truncate=False)
    assert strict.status_code == (200 if words == 119 else 400)


def test_dropped_messages_leave_a_small_count(chats: Chats) -> None:
    """Whole old messages go first, so `prompt_eval_count == num_ctx` does not find every cut prompt."""
    assert prompt_tokens(chats.native(MODEL).invoke(SPENT)) == 26
    assert prompt_tokens(chats.compatible(MODEL).invoke(SPENT)) == 26
    rendered = chats.server.post("/api/chat", **body_of(SPENT), _debug_render_only=True).json()["_debug_info"]
    assert "word" not in rendered["rendered_template"]
    assert "Answer shortly." in rendered["rendered_template"]


@pytest.mark.parametrize("messages", [SPENT, [LONG]], ids=["dropped", "cut"])
@pytest.mark.parametrize("stream", [False, True])
def test_truncate_false_makes_it_an_error(chats: Chats, messages: list[BaseMessage], stream: bool) -> None:
    reply = chats.server.post("/api/chat", **(body_of(messages) | {"stream": stream, "truncate": False}))
    assert reply.status_code == 400
    assert reply.json() == {"error": TOO_LONG}


def test_chat_ollama_cannot_ask_for_it_but_a_transport_can(chats: Chats) -> None:
    with pytest.raises(TypeError, match="truncate"):
        chats.native(MODEL).invoke(SPENT, truncate=False)
    model = chats.native(MODEL, strict=True)
    with pytest.raises(ollama.ResponseError, match=TOO_LONG) as caught:
        model.invoke(SPENT)
    assert caught.value.status_code == 400
    assert model.invoke("Say hi").response_metadata["eval_count"] == 4


def test_the_compatible_half_cannot_be_told(chats: Chats) -> None:
    wishes = {"truncate": False, "options": {"truncate": False, "num_ctx": 2048}}
    reply = chats.server.post("/v1/chat/completions", **(body_of([LONG]) | {"max_tokens": 4} | wishes))
    assert reply.status_code == 200
    assert reply.json()["usage"]["prompt_tokens"] == CONTEXT


def test_an_answer_that_outgrows_the_context_forgets_silently_unless_told_not_to(chats: Chats) -> None:
    body = body_of([HumanMessage("Write a long story about a fox.")], num_ctx=64, num_predict=150)
    shifted = chats.server.post("/api/chat", **body).json()
    honest = chats.server.post("/api/chat", **body, shift=False).json()
    assert shifted["prompt_eval_count"] + shifted["eval_count"] == 17 + 150
    assert honest["prompt_eval_count"] + honest["eval_count"] == 64 + 1
    assert shifted["done_reason"] == honest["done_reason"] == "length"


def test_a_cached_prompt_is_counted_whole(chats: Chats) -> None:
    assert len({prompt_tokens(chats.native(MODEL).invoke("Say hi")) for _ in range(3)}) == 1
