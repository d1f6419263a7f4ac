"""Answers of a shape, and media: what a model must be able to do decides who is asked."""

import base64
from typing import Annotated, TypedDict

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from pydantic import BaseModel, Field

from orchestrator_graph.errors import InputError, NoCandidateError
from orchestrator_graph.surfaces.chat_model import ChatOrchestrator
from tests.surfaces.scripted import WAYS, filled, jotted, said, scripted, used

WORDS = "The number 7 and the name 'Ada'"
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()


class Person(BaseModel):
    """A person."""

    name: str = Field(description="What they are called")
    number: int


class PersonDict(TypedDict):
    """A person."""

    name: Annotated[str, ..., "What they are called"]
    number: Annotated[int, ..., "A number"]


SCHEMAS = {"pydantic": Person, "typed dict": PersonDict, "json schema": Person.model_json_schema()}
FOUND = {"name": "Ada", "number": 7}


def pool(**fields):
    return ChatOrchestrator([scripted(replies=used, shapes=filled, **fields)])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("method", [None, "function_calling", "json_schema"])
@pytest.mark.parametrize("schema", SCHEMAS)
def test_each_kind_of_schema_by_each_method(schema, method, way):
    value = said_last(pool().with_structured_output(SCHEMAS[schema], method=method), way)
    assert (value.model_dump() if schema == "pydantic" else value) == FOUND
    assert isinstance(value, Person if schema == "pydantic" else dict)


def said_last(chain, way):
    """Parsers stream partial values; the last one is whole. Pydantic's come whole, or not at all."""
    import asyncio

    if way == "stream":
        return list(chain.stream(WORDS))[-1]
    if way == "astream":

        async def collected():
            return [item async for item in chain.astream(WORDS)]

        return asyncio.run(collected())[-1]
    return said(chain, way, WORDS)


def test_json_mode_asks_for_any_object():
    words = "Give me JSON with 'name' and 'number'"
    value = pool().with_structured_output(Person.model_json_schema(), method="json_mode").invoke(words)
    assert set(value) == {"name", "number"}


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
@pytest.mark.parametrize("method", ["function_calling", "json_schema"])
def test_the_raw_answer_comes_along_with_its_bill(method, way):
    out = said(pool().with_structured_output(Person, method=method, include_raw=True), way, WORDS)
    assert out["parsed"] == Person(**FOUND)
    assert out["parsing_error"] is None
    assert out["raw"].response_metadata["orchestrator"]["bill"]["calls"] == 1

    broken = ChatOrchestrator([scripted(script="no JSON")]).with_structured_output(
        Person, method="json_schema", include_raw=True
    )
    out = said(broken, way, WORDS)
    assert (out["parsed"], out["raw"].text) == (None, "no JSON")
    assert out["parsing_error"] is not None


def test_by_itself_it_takes_what_more_models_of_the_pool_can_do():
    both, tools_only = scripted("both", replies=used, shapes=filled), frozenset({"chat", "tools"})
    one = ChatOrchestrator([both]).with_structured_output(Person)
    assert "response_format" in one.first.kwargs and "tools" not in one.first.kwargs
    more = ChatOrchestrator([both, scripted("b", capabilities=tools_only)]).with_structured_output(Person)
    assert "tools" in more.first.kwargs
    json_only = frozenset({"chat", "json"})
    assert pool(capabilities=json_only).with_structured_output(Person).invoke(WORDS) == Person(**FOUND)
    with pytest.raises(NoCandidateError, match="lacks tools"):
        pool(capabilities=json_only).with_structured_output(Person, method="function_calling").invoke(WORDS)
    with pytest.raises(NoCandidateError, match="lacks json"):
        pool(capabilities=frozenset({"chat"})).with_structured_output(Person).invoke(WORDS)


@pytest.mark.parametrize(("schema", "method", "names"), [(Person, "telepathy", "method"), (None, None, "schema")])
def test_a_wrong_method_or_schema_is_named(schema, method, names):
    with pytest.raises(InputError, match=f"{names} = "):
        pool().with_structured_output(schema, method=method)


BLOCKS = {
    "vision": [
        {"type": "image", "base64": PNG, "mime_type": "image/png"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
        {"type": "image", "source_type": "base64", "data": PNG, "mime_type": "image/png"},
        {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"},
    ],
    "audio": [
        {"type": "audio", "base64": PNG, "mime_type": "audio/wav"},
        {"type": "input_audio", "input_audio": {"data": PNG, "format": "wav"}},
    ],
    "video": [{"type": "video", "base64": PNG, "mime_type": "video/mp4"}],
    "file": [
        {"type": "file", "base64": PNG, "mime_type": "application/pdf"},
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PNG}},
    ],
}
PLACES = {
    "question": lambda block: [HumanMessage([{"type": "text", "text": "What is this?"}, block])],
    "history": lambda block: [
        HumanMessage([{"type": "text", "text": "Look"}, block]),
        AIMessage("I see"),
        HumanMessage("What is it?"),
    ],
    "tool": lambda block: [
        HumanMessage("Fetch it"),
        AIMessage("", tool_calls=[{"name": "f", "args": {}, "id": "1", "type": "tool_call"}]),
        ToolMessage([{"type": "text", "text": "here"}, block], tool_call_id="1"),
    ],
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("need", "block"), [(need, block) for need, blocks in BLOCKS.items() for block in blocks])
def test_media_go_to_a_model_that_takes_them_wherever_they_are(need, block, place, way):
    text = scripted("text", 0.95, script="blind")
    able = scripted("able", 0.5, script="seen", capabilities=frozenset({"chat", "tools", need}))
    messages = PLACES[place](block)
    assert said(ChatOrchestrator([text, able]), way, messages).text == "seen"
    with pytest.raises(ValueError, match=rf"scriptedchat:text: capability \(lacks {need}\)"):
        said(ChatOrchestrator([text]), way, messages)
    assert jotted(text) == []


@pytest.mark.parametrize("kind", ["tool_result", "cachePoint"])
def test_blocks_that_are_no_media_exclude_nobody(kind):
    text = scripted("text", script="read")
    assert ChatOrchestrator([text]).invoke(PLACES["history"]({"type": kind, "content": "7"})).text == "read"


@pytest.mark.parametrize("way", WAYS)
def test_a_full_chat_routes_media_tools_and_shapes(way):
    able = scripted("able", replies=used, shapes=filled, capabilities=frozenset({"chat", "tools", "json", "vision"}))
    chat = ChatOrchestrator([able], mode="full")
    answer = said(chat, way, PLACES["question"](BLOCKS["vision"][0]))
    assert answer.response_metadata["orchestrator"]["candidate"] == "scriptedchat:able"
    assert said_last(chat.with_structured_output(Person), way) == Person(**FOUND)
