"""The real OpenAI client, sync and async, against our server."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from tests.surfaces.server.support import QUESTION, Child

WEATHER = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}
ASKED = {"role": "user", "content": "What is the weather in Lima and in Oslo?"}


@pytest.fixture
def client(scripted: Child) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{scripted.url}/v1", api_key="any", max_retries=0) as client:
        yield client


def test_an_answer_with_its_decision_and_bill(client: openai.OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(model="orchestrator", messages=QUESTION)
    answer = raw.parse()
    assert answer.choices[0].message.content == "you said: Tell me something."
    assert (answer.choices[0].finish_reason, answer.model) == ("stop", "scriptedchat:able")
    assert answer.usage is not None and answer.usage.total_tokens == answer.usage.prompt_tokens + 8
    told = answer.model_extra["orchestrator"]
    assert told["bill"]["total_usd"] == told["cost_usd"] > 0
    assert raw.headers["x-orchestrator-decision-id"] == told["decision_id"]
    assert float(raw.headers["x-orchestrator-cost-usd"]) == told["cost_usd"]


def test_a_stream_has_its_author_from_the_start_and_its_usage_at_the_end(client: openai.OpenAI) -> None:
    options: Any = {"stream": True, "stream_options": {"include_usage": True}}
    chunks = list(client.chat.completions.create(model="orchestrator", messages=QUESTION, **options))
    assert chunks[0].choices[0].delta.role == "assistant"
    said = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert said == "you said: Tell me something."
    assert {chunk.model for chunk in chunks} == {"scriptedchat:able"}
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens == 8
    assert len({chunk.id for chunk in chunks}) == 1
    plain = list(client.chat.completions.create(model="orchestrator", messages=QUESTION, stream=True))
    assert all(chunk.usage is None for chunk in plain)


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_loop_stays_one_loop(client: openai.OpenAI, stream: bool) -> None:
    first = answered(client, [ASKED], stream)
    calls = first["message"]["tool_calls"]
    assert [json.loads(call["function"]["arguments"]) for call in calls] == [{"city": "Lima"}, {"city": "Oslo"}]
    assert first["finish"] == "tool_calls" and len({call["id"] for call in calls}) == 2
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "sunny"} for call in calls]
    second = answered(client, [ASKED, first["message"], *results], stream)
    assert second["message"]["content"] == "The tool says: sunny"
    assert (first["told"]["steps"], second["told"]["steps"]) == (1, 2)
    for name in ("run_id", "decision_id", "candidate"):
        assert second["told"][name] == first["told"][name]
    for call in calls:  # ids that this server never gave: a loop of its own
        call["id"] = f"foreign-{call['id']}"
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "sunny"} for call in calls]
    third = answered(client, [ASKED, first["message"], *results], stream)
    assert third["told"]["steps"] == 1 and third["told"]["run_id"] != first["told"]["run_id"]


def answered(client: openai.OpenAI, messages: list[Any], stream: bool, **more: Any) -> dict[str, Any]:
    """Message, finish reason and our record, of an answer as a whole or put together from its chunks."""
    given: dict[str, Any] = {"model": "orchestrator", "messages": messages, "tools": [WEATHER], **more}
    if not stream:
        whole = client.chat.completions.create(**given)
        choice = whole.choices[0]
        message = choice.message.model_dump(exclude_none=True)
        return {"message": message, "finish": choice.finish_reason, "told": whole.model_extra["orchestrator"]}
    text, calls, finish, told = "", dict[int, dict[str, Any]](), None, {}
    for chunk in client.chat.completions.create(stream=True, **given):
        delta = chunk.choices[0].delta
        text, finish = text + (delta.content or ""), chunk.choices[0].finish_reason or finish
        told = (chunk.model_extra or {}).get("orchestrator") or told
        for part in delta.tool_calls or ():
            call = calls.setdefault(part.index, {"type": "function", "function": {"name": "", "arguments": ""}})
            call["id"] = part.id or call["id"]
            call["function"]["name"] += part.function.name or ""
            call["function"]["arguments"] += part.function.arguments or ""
    message = {"role": "assistant", "content": text, **({"tool_calls": list(calls.values())} if calls else {})}
    return {"message": message, "finish": finish, "told": told}


@pytest.mark.parametrize("stream", [False, True])
def test_one_call_at_a_time_where_that_was_asked_for(client: openai.OpenAI, stream: bool) -> None:
    told = answered(client, [ASKED], stream, parallel_tool_calls=False)
    assert [c["function"]["arguments"] for c in told["message"]["tool_calls"]] == ['{"city": "Lima"}']


def test_json_by_a_schema_goes_to_a_model_that_can(client: openai.OpenAI) -> None:
    shape: Any = {"type": "json_schema", "json_schema": {"name": "place", "schema": {"type": "object"}}}
    asked: Any = [{"role": "user", "content": "A city as JSON"}]
    answer = client.chat.completions.create(model="orchestrator:cheap", messages=asked, response_format=shape)
    assert json.loads(answer.choices[0].message.content or "") == {"city": "Lima", "people": 10}
    assert answer.model == "scriptedchat:able"  # `plain` is cheaper and knows no JSON


def test_stop_is_handed_on(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="orchestrator", messages=QUESTION, stop="me", max_tokens=50)
    assert answer.choices[0].message.content == "you said: Tell "


def test_the_models_and_the_names_of_trade_offs(client: openai.OpenAI) -> None:
    names = [model.id for model in client.models.list()]
    assert names[:2] == ["orchestrator", "orchestrator:cheap"] and "scriptedchat:plain" in names
    assert client.models.retrieve("scriptedchat:plain").owned_by == "scriptedchat"
    with pytest.raises(openai.NotFoundError, match=r"'gpt-9' is not known here\. Known: orchestrator, "):
        client.models.retrieve("gpt-9")
    wanted = {
        "orchestrator:best": "scriptedchat:dear",
        "orchestrator:1.0": "scriptedchat:dear",
        "orchestrator:local": "scriptedchat:here",
        "scriptedchat:plain": "scriptedchat:plain",
        "orchestrator-full": "scriptedchat:able",
    }
    for name, model in wanted.items():
        assert client.chat.completions.create(model=name, messages=QUESTION).model == model


def test_the_whole_graph_as_a_stream(client: openai.OpenAI) -> None:
    options: Any = {"stream": True, "stream_options": {"include_usage": True}}
    raw = client.chat.completions.with_raw_response.create(model="orchestrator-full", messages=QUESTION, **options)
    chunks = list(raw.parse())
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "you said: Tell me something."
    assert {chunk.model for chunk in chunks} == {"scriptedchat:able"}
    assert raw.headers["x-orchestrator-model"] == "scriptedchat:able"
    assert chunks[-2].model_extra["orchestrator"]["status"] == {"1": "accepted"} and chunks[-1].usage is not None


def test_what_is_wrong_is_an_error_of_the_clients_own(client: openai.OpenAI) -> None:
    ask: Any = client.chat.completions.create
    with pytest.raises(openai.NotFoundError) as unknown:
        ask(model="gpt-9", messages=QUESTION)
    assert (unknown.value.code, unknown.value.param) == ("model_not_found", "model")
    with pytest.raises(openai.BadRequestError, match=r"policy\.tradeof: unknown field") as policy:
        ask(model="orchestrator", messages=QUESTION, extra_body={"policy": {"tradeof": 1}})
    assert policy.value.param == "policy.tradeof"
    with pytest.raises(openai.BadRequestError, match="send several requests"):
        ask(model="orchestrator", messages=QUESTION, n=2)
    with pytest.raises(openai.BadRequestError, match="leaves no candidate") as nobody:
        ask(model="scriptedchat:plain", messages=QUESTION, tools=[WEATHER])
    assert nobody.value.code == "no_candidate"
    with pytest.raises(openai.PermissionDeniedError) as private:
        ask(model="scriptedchat:able", messages=QUESTION, extra_body={"policy": {"private": True}})
    assert private.value.code == "private"


async def test_the_async_client(scripted: Child) -> None:
    async with openai.AsyncOpenAI(base_url=f"{scripted.url}/v1", api_key="any", max_retries=0) as client:
        answer = await client.chat.completions.create(model="orchestrator", messages=QUESTION)
        assert answer.choices[0].message.content == "you said: Tell me something."
        stream = await client.chat.completions.create(model="orchestrator", messages=QUESTION, stream=True)
        said = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
        assert said == "you said: Tell me something."


def test_what_another_user_asked_is_quoted_to_nobody(scripted: Child) -> None:
    secret = "Tell me of the plum orchard behind the mill."
    for user in ("ann", "bob"):
        asked = {"messages": [{"role": "user", "content": secret}], "user": user}
        told = scripted.chat(**asked)[1]["orchestrator"]
    assert "remembers task" in told["why"]
    assert "plum" not in json.dumps(told)
    assert "plum" not in httpx.get(f"{scripted.url}/metrics", trust_env=False).text
