"""LangChain's ChatOpenAI against our server: what people have, with one line changed."""

from collections.abc import AsyncIterator

import httpx
import pytest
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

from tests.surfaces.server.support import Child


class Place(BaseModel):
    """A city."""

    city: str
    people: int


@tool
def weather(city: str) -> str:
    """Tells the weather."""
    return f"sunny in {city}"


@pytest.fixture
async def chat(scripted: Child) -> AsyncIterator[ChatOpenAI]:
    """With HTTP clients of its own: LangChain's are shared, and never closed."""
    with httpx.Client(trust_env=False) as sync:
        async with httpx.AsyncClient(trust_env=False) as async_:
            clients = {"http_client": sync, "http_async_client": async_}
            told = {"base_url": f"{scripted.url}/v1", "api_key": "any", "model": "orchestrator"}
            yield ChatOpenAI(**told, **clients, max_retries=0, stream_usage=True)


async def test_invoke_and_stream(chat: ChatOpenAI) -> None:
    answers = [chat.invoke("hello"), await chat.ainvoke("hello")]
    for answer in answers:
        assert answer.text == "you said: hello"
        assert answer.response_metadata["model_name"] == "scriptedchat:able"
        assert answer.usage_metadata["total_tokens"] > 0
    whole = None
    for chunk in chat.stream("hello"):
        whole = chunk if whole is None else whole + chunk
    assert whole is not None and whole.text == "you said: hello"
    assert whole.usage_metadata == answers[0].usage_metadata
    assert whole.response_metadata["model_name"] == "scriptedchat:able"


async def test_tools(chat: ChatOpenAI) -> None:
    model = chat.bind_tools([weather])
    asked = HumanMessage("What is the weather in Lima?")
    calling = model.invoke([asked])
    call = calling.tool_calls[0]
    assert (call["name"], call["args"]) == ("weather", {"city": "Lima"})
    result = ToolMessage(weather.invoke(call["args"]), tool_call_id=call["id"])
    assert (await model.ainvoke([asked, calling, result])).text == "The tool says: sunny in Lima"


async def test_structured_output(chat: ChatOpenAI) -> None:
    told = chat.with_structured_output(Place, method="json_schema").invoke("A city as JSON")
    assert told == Place(city="Lima", people=10)
