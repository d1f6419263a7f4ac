"""A ChatOrchestrator is one model to all around it: one run, one usage, whoever answers and however it is asked."""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import get_usage_metadata_callback
from langchain_core.exceptions import ModelError
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate

from orchestrator_graph import ModelSpec, Orchestrator, Policy, Price, Prior
from orchestrator_graph.surfaces.chat_model import ChatOrchestrator
from orchestrator_graph.surfaces.failed import AnswerError
from orchestrator_graph.testing import ScriptedChat
from tests.surfaces.scripted import WAYS, Told, jotted, said, scripted, summed

ANSWER = "forty two is the answer"
TASK = "What is six times seven?"


@pytest.mark.parametrize("way", WAYS)
def test_callbacks_see_one_run_and_its_usage_once(way):
    told = Told()
    with get_usage_metadata_callback() as usage:
        answer = said(ChatOrchestrator([scripted(script=ANSWER)]), way, TASK, {"callbacks": [told]})

    assert answer.text == ANSWER
    assert (told.started, told.ended, told.failed) == (1, 1, 0)
    assert told.tokens == answer.usage_metadata["total_tokens"]
    counted = {name: counts["total_tokens"] for name, counts in usage.usage_metadata.items()}
    assert counted == {"able": answer.usage_metadata["total_tokens"]}
    bill = answer.response_metadata["orchestrator"]["bill"]
    line = bill["lines"][0]
    assert line["input_tokens"] + line["output_tokens"] == answer.usage_metadata["total_tokens"]
    assert bill["total_nusd"] == answer.response_metadata["total_usd"] * 1e9 > 0


@pytest.mark.parametrize("way", WAYS)
def test_a_chain_around_it_is_one_run_more_and_no_model_more(way):
    told = Told()
    chain = ChatPromptTemplate.from_template("{x}") | ChatOrchestrator([scripted(script=ANSWER)]) | StrOutputParser()
    with get_usage_metadata_callback() as usage:
        assert said(chain, way, {"x": TASK}, {"callbacks": [told]}) == ANSWER
    assert (told.started, told.ended) == (1, 1)
    assert usage.usage_metadata["able"]["total_tokens"] == told.tokens


@pytest.mark.parametrize("way", ["stream", "astream"])
def test_a_model_that_cannot_stream_gives_its_answer_as_one_chunk(way):
    class Whole(ScriptedChat):
        _stream = BaseChatModel._stream
        _astream = BaseChatModel._astream

    spec = ModelSpec(Whole(model="whole", script=ANSWER), price=Price(1, 2), priors={"*": Prior(0.9, 20, "test")})
    answer = said(ChatOrchestrator([spec]), way, TASK)
    assert (answer.text, answer.chunk_position) == (ANSWER, "last")
    assert answer.response_metadata["model_name"] == "whole"


@pytest.mark.parametrize("way", ["stream", "astream"])
def test_a_stream_says_what_an_answer_says(way):
    chat = ChatOrchestrator([scripted(script=ANSWER)])
    whole, streamed = chat.invoke(TASK), said(chat, way, TASK)
    assert (whole.text, whole.usage_metadata) == (streamed.text, streamed.usage_metadata)
    assert set(whole.response_metadata) == set(streamed.response_metadata)
    assert whole.response_metadata["model_name"] == streamed.response_metadata["model_name"] == "able"


def test_batches_keep_their_order():
    chat = ChatOrchestrator([scripted(script=lambda text: f"<{text}>")])
    tasks = [f"Task number {n}" for n in range(12)]
    expected = [f"<{task}>" for task in tasks]
    assert [m.text for m in chat.batch(tasks)] == expected
    assert [m.text for m in asyncio.run(chat.abatch(tasks))] == expected


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
def test_a_cached_answer_calls_nobody_and_another_pool_or_policy_has_another_key(way):
    cache, first = InMemoryCache(), scripted(script=ANSWER)
    chat = ChatOrchestrator([first], cache=cache)
    assert said(chat, way, TASK).text == said(chat, way, TASK).text == ANSWER
    assert len(jotted(first)) == 1

    others = [
        ChatOrchestrator([scripted("able", script="other policy")], cache=cache, policy=Policy(tradeoff="best")),
        ChatOrchestrator([scripted("able", script="x"), scripted("more", script="other pool")], cache=cache),
        ChatOrchestrator([scripted("able", script="other price", usd=3.0)], cache=cache),
        ChatOrchestrator([scripted("able", script="full")], cache=cache, mode="full"),
        ChatOrchestrator([scripted("able", script="hot")], cache=cache, temperature=1.0),
        ChatOrchestrator(Orchestrator([scripted("able", script="told")], system_prompt="Be brief."), cache=cache),
    ]
    before = len(cache._cache)
    for number, other in enumerate(others, 1):
        assert said(other, way, TASK).text != ANSWER
        assert len(cache._cache) == before + number


def test_exchanged_models_have_another_key():
    cache, orc = InMemoryCache(), Orchestrator([scripted(script=ANSWER)])
    chat = ChatOrchestrator(orc, cache=cache)
    assert chat.invoke(TASK).text == ANSWER
    orc.set_models([scripted("newer", script="new")])
    assert chat.invoke(TASK).text == "new"


def fails(text):
    raise ConnectionError(f"no route for {text[:3]}")


@pytest.mark.parametrize("way", WAYS)
def test_when_all_fail_a_fallback_takes_over(way):
    chat = ChatOrchestrator([scripted("a", script=fails), scripted("b", 0.5, script=fails)])
    with pytest.raises(AnswerError, match=r"scriptedchat:a.*scriptedchat:b") as raised:
        said(chat, way, TASK)
    assert isinstance(raised.value, ModelError)
    assert raised.value.is_retryable
    other = ScriptedChat(model="other", script="I am another one")
    assert said(chat.with_fallbacks([other]), way, TASK).text == "I am another one"
    only = chat.with_fallbacks([other], exceptions_to_handle=(ModelError,))
    assert said(only, way, TASK).text == "I am another one"


def test_a_refusal_is_not_asked_again():
    class Refuses(ScriptedChat):
        def _answer(self, messages, given):
            return super()._answer(messages, given).model_copy(update={"additional_kwargs": {"refusal": "I will not"}})

    with pytest.raises(AnswerError, match="refused") as raised:
        ChatOrchestrator([ModelSpec(Refuses(), price=Price(1, 2))]).invoke(TASK)
    assert raised.value.is_retryable is False


def test_many_at_once_leave_nothing_behind():
    orc = Orchestrator([scripted(script=lambda text: f"<{text}>", delay_s=0.01)])
    chat = ChatOrchestrator(orc)

    async def streams(number):
        return summed([chunk async for chunk in chat.astream(f"task {number}")]).text

    async def app():
        return await asyncio.gather(*(streams(number) for number in range(60)))

    expected = [f"<task {number}>" for number in range(60)]
    assert asyncio.run(app()) == expected
    with ThreadPoolExecutor(12) as pool:
        assert list(pool.map(lambda n: summed(list(chat.stream(f"task {n}"))).text, range(60))) == expected
    assert (orc.gateway._leases, orc.gateway._roster._pins) == ({}, {})
    assert orc.memory.stats()["calls"] == 120


@pytest.mark.parametrize("way", WAYS)
def test_a_failed_model_is_on_the_bill_and_the_next_one_answers(way):
    chat = ChatOrchestrator([scripted("a", script=fails), scripted("b", 0.5, script=ANSWER)])
    answer = said(chat, way, TASK)
    record = answer.response_metadata["orchestrator"]
    assert (answer.text, record["candidate"], answer.response_metadata["model_name"]) == (ANSWER, "scriptedchat:b", "b")
    assert (record["bill"]["calls"], record["bill"]["failed_calls"]) == (2, 1)
    assert record["why"].startswith("first scriptedchat:a: ")  # its reason is not given to who took over
    assert re.search(r"; scriptedchat:a failed \(\w+\), then scriptedchat:b$", record["why"])


@pytest.mark.parametrize("way", WAYS)
def test_stop_reaches_the_model(way):
    chat = ChatOrchestrator([scripted(script=ANSWER)])
    assert said(chat.bind(stop=[" is"]), way, TASK).text == "forty two"
    assert said(ChatOrchestrator([scripted(script=ANSWER)], stop=[" two"]), way, TASK).text == "forty"


@pytest.mark.parametrize("way", WAYS)
def test_a_model_asked_for_by_name_answers(way):
    chat = ChatOrchestrator([scripted("a", script="a"), scripted("b", 0.3, script="b")])
    assert said(chat, way, TASK).text == "a"
    assert said(chat, way, TASK, model="scriptedchat:b").text == "b"
    with pytest.raises(ValueError, match=r"'scriptedchat:c' is not in the portfolio; known: scriptedchat:a, scr"):
        said(chat, way, TASK, model="scriptedchat:c")


def test_a_model_inside_a_chat_orchestrator_inside_another_is_billed_once():
    inner = ChatOrchestrator([scripted("inner", script=ANSWER)])
    spec = ModelSpec(inner, alias="pool:inner", price=Price(1, 2), priors={"*": Prior(0.9, 20, "test")})
    told = Told()
    answer = ChatOrchestrator([spec]).invoke(TASK, {"callbacks": [told]})
    assert isinstance(answer, AIMessage)
    assert (answer.text, told.started) == (ANSWER, 1)


def test_inside_a_running_loop_the_sync_half_works():
    async def app():
        chat = ChatOrchestrator([scripted(script=ANSWER)])
        return chat.invoke(TASK), summed(list(chat.stream(TASK)))

    assert [message.text for message in asyncio.run(app())] == [ANSWER, ANSWER]
