import asyncio
import json
import subprocess
import sys
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests
from pydantic import ValidationError

from orchestrator_graph.pocket import ContextOverflow, PocketChat

PROMPT = "Reverse lantern"


class TestPocketUnit(ChatModelUnitTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return PocketChat

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": "small"}


class TestPocketIntegration(ChatModelIntegrationTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return PocketChat

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": "small"}

    @property
    def has_tool_calling(self) -> bool:
        return False

    @property
    def has_structured_output(self) -> bool:
        return False


def text_model(**options: Any) -> PocketChat:
    return PocketChat(model="text", **options)


def test_only_the_last_human_message_is_the_prompt() -> None:
    history = [SystemMessage("Be long-winded. " * 20), HumanMessage("Reverse apple"), AIMessage("elppa")]
    assert text_model().invoke([*history, HumanMessage("Reverse lantern"), AIMessage("?")]).content == "nretnal"
    assert text_model().invoke([HumanMessage([{"type": "text", "text": "Reverse lantern"}])]).content == "nretnal"


@pytest.mark.parametrize(
    ("messages", "says"), [([SystemMessage("x")], "there is none"), ([HumanMessage("")], "has no text")]
)
def test_without_a_human_message_it_says_so(messages: list[Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        text_model().invoke(messages)


def test_metadata_and_usage() -> None:
    message = text_model(logprobs=True, top_logprobs=3).invoke("Reverse lantern")
    metadata = message.response_metadata
    assert (metadata["finish_reason"], metadata["model_name"], metadata["model_provider"]) == (
        "stop",
        "pocket:text",
        "pocket",
    )
    content = metadata["logprobs"]["content"]
    assert "".join(entry["token"] for entry in content) == message.content
    assert all(len(entry["top_logprobs"]) == 3 and entry["logprob"] <= 0 for entry in content)
    assert metadata["end_logprob"] <= 0
    assert json.loads(json.dumps(metadata)) == metadata
    assert message.usage_metadata == {"input_tokens": 17, "output_tokens": 8, "total_tokens": 25}


def test_log_probabilities_come_only_when_asked_for() -> None:
    assert "logprobs" not in text_model().invoke("Reverse lantern").response_metadata
    assert "logprobs" in text_model().invoke("Reverse lantern", logprobs=True).response_metadata
    assert "logprobs" in text_model().bind(logprobs=True).invoke("Reverse lantern").response_metadata


def test_a_stream_adds_up_to_the_answer() -> None:
    model = text_model(logprobs=True)
    chunks = list(model.stream("Reverse lantern"))
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    assert isinstance(whole, AIMessageChunk)
    answer = model.invoke("Reverse lantern")
    assert whole.content == answer.content
    assert whole.response_metadata == answer.response_metadata
    assert whole.usage_metadata == answer.usage_metadata
    assert [chunk.chunk_position for chunk in chunks if chunk.chunk_position] == ["last"]
    told = [chunk.usage_metadata for chunk in chunks if chunk.usage_metadata is not None]
    assert [usage["input_tokens"] > 0 for usage in told] == [True, False]  # known at once, and said once
    assert len(chunks) > 7


def test_stop_and_length_are_honoured() -> None:
    assert text_model().invoke("Reverse lantern", stop=["t"]).content == "nre"
    assert text_model(stop=["tn"]).invoke("Reverse lantern").content == "nre"
    assert "".join(str(c.content) for c in text_model().stream("Reverse lantern", stop=["tn"])) == "nre"
    short = text_model(max_tokens=2).invoke("Reverse lantern")
    assert (short.content, short.response_metadata["finish_reason"]) == ("nr", "length")
    assert text_model().invoke("Reverse lantern", max_tokens=3).content == "nre"


def test_several_samples_differ_unless_seeded() -> None:
    model = PocketChat(temperature=2.0)
    assert len({model.invoke(PROMPT).content for _ in range(12)}) > 1
    assert len({model.invoke(PROMPT, seed=4).content for _ in range(4)}) == 1
    assert len({model.invoke(PROMPT, seed=seed).content for seed in range(12)}) > 1


def test_too_long_a_prompt_raises_in_every_mode() -> None:
    model, prompt = PocketChat(), "x" * 300
    with pytest.raises(ContextOverflow, match="302"):
        model.invoke(prompt)
    with pytest.raises(ContextOverflow, match="302"):
        list(model.stream(prompt))


@pytest.mark.parametrize("wrong", [{"model": "huge"}, {"temperature": -1}, {"max_tokens": 0}, {"top_logprobs": 99}])
def test_wrong_settings_are_refused_at_once(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PocketChat(**wrong)


def test_the_profile_promises_no_more_than_there_is() -> None:
    profile = PocketChat().profile
    assert profile is not None
    assert profile["max_input_tokens"] == 127
    assert profile["tool_calling"] is False


async def test_async_answers_are_the_same() -> None:
    model = text_model(logprobs=True)
    answer = await model.ainvoke("Reverse lantern")
    assert answer.content == "nretnal"
    assert answer.response_metadata == model.invoke("Reverse lantern").response_metadata
    assert "".join([str(chunk.content) async for chunk in model.astream("Reverse lantern")]) == "nretnal"
    with pytest.raises(ContextOverflow):
        await model.ainvoke("x" * 300)


async def test_a_stream_lets_others_run_between_bytes() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    count = len([chunk async for chunk in text_model().astream("Reverse lantern")])
    task.cancel()
    assert turns >= count


async def test_a_cancelled_call_raises_at_once() -> None:
    model = PocketChat(temperature=50.0, seed=1)
    task = asyncio.create_task(model.ainvoke("x"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import sys, orchestrator_graph.pocket as p; p.NAMES; p.generate; assert 'langchain_core' not in sys.modules"
    light = "import sys, orchestrator_graph.pocket; assert 'numpy' not in sys.modules"
    for program in (code, light):
        subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=60)
