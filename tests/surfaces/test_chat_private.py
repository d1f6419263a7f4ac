"""The outer run of a private call: neither LangSmith nor a handler from elsewhere hears a word of it."""

import asyncio

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import get_usage_metadata_callback
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tracers.context import register_configure_hook
from langsmith import Client
from langsmith.run_helpers import tracing_context

from orchestrator_graph import Policy
from orchestrator_graph.errors import PrivacyError
from orchestrator_graph.surfaces.chat_model import ChatOrchestrator
from tests.reliability.conftest import FaultServer
from tests.surfaces.scripted import WAYS, Told, jotted, said, scripted

CANARY = "zebracanary"
PERSON = f"{CANARY} writes to ada@example.com"


@pytest.fixture(scope="module")
def smith():
    """Takes whatever LangSmith's client posts."""
    server = FaultServer()
    yield server
    server.stop()


def pool():
    """A cloud model that is better and a local one."""
    return scripted("cloud", 0.95, script="from the cloud"), scripted("here", 0.6, script="from here", local=True)


def answered_by_record(private):
    told = {"orchestrator": {"private": private, "candidate": "scriptedchat:here"}}
    return AIMessage("an earlier answer", response_metadata=told)


HISTORY = [HumanMessage(CANARY), answered_by_record(True), HumanMessage(f"And the {CANARY} again?")]
TOOL = [
    HumanMessage(f"Who is {CANARY}?"),
    AIMessage("", tool_calls=[{"name": "find", "args": {}, "id": "1", "type": "tool_call"}]),
    ToolMessage("ada@example.com", tool_call_id="1"),
]
BLOCK = [*TOOL[:2], ToolMessage([{"type": "json", "json": {"to": ["ada@example.com"]}}], tool_call_id="1")]
FULLWIDTH = f"{CANARY}: \uff14\uff11\uff11\uff11 1111 1111 1111"
PRIVATE = {
    "policy": ({"private": True}, CANARY),
    "personal data": ({}, PERSON),
    "a number in disguise": ({}, FULLWIDTH),
    "a tool's output": ({}, TOOL),
    "deep in a tool's output": ({}, BLOCK),
    "an earlier private answer": ({}, HISTORY),
}


@pytest.mark.parametrize("way", [*WAYS, "events"])
@pytest.mark.parametrize("why", PRIVATE)
def test_no_tracer_and_no_foreign_handler_hears_of_a_private_call(smith, why, way):
    policy, given = PRIVATE[why]
    cloud, here = pool()
    chat, told = ChatOrchestrator([cloud, here], policy=policy), Told()
    own = ChatOrchestrator([cloud, here], policy=policy, callbacks=[told])
    client = Client(api_url=smith.url, api_key="k", auto_batch_tracing=False)
    before = len(smith.seen()["bodies"])
    with tracing_context(enabled=True, client=client), get_usage_metadata_callback() as usage:
        if way == "events":
            answer = own.stream_events(given, {"callbacks": [told]}, version="v3").output
        else:
            answer = said(own, way, given, {"callbacks": [told]})
    client.flush()
    client.close()

    assert answer.text == "from here"
    assert answer.response_metadata["orchestrator"]["private"] is True
    assert jotted(cloud) == []
    assert (told.started, told.ended) == (0, 0)
    assert CANARY not in str(smith.seen()["bodies"][before:])
    assert usage.usage_metadata["here"]["total_tokens"] == answer.usage_metadata["total_tokens"]
    assert chat.is_private([HumanMessage(CANARY)]) is (why == "policy")


@pytest.mark.parametrize("way", WAYS)
def test_what_is_not_private_is_traced(smith, way):
    told, words = Told(), f"{CANARY} in public, {way}"
    client = Client(api_url=smith.url, api_key="k", auto_batch_tracing=False)
    with tracing_context(enabled=True, client=client):
        answer = said(ChatOrchestrator(list(pool())), way, words, {"callbacks": [told]})
    client.flush()
    client.close()
    assert answer.text == "from the cloud"
    assert (told.started, told.ended) == (1, 1)
    assert words in str(smith.seen()["bodies"])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("given", [PERSON, FULLWIDTH, TOOL, BLOCK], ids=["words", "disguised", "tool", "deep"])
def test_personal_data_is_refused_where_the_policy_says_so(given, way):
    models = pool()
    with pytest.raises(PrivacyError, match=r"personal data .* policy.pii = 'refuse'"):
        said(ChatOrchestrator(list(models), policy={"pii": "refuse"}), way, given)
    assert [jotted(model) for model in models] == [[], []]


def test_the_label_stays_for_later_turns():
    cloud, here = pool()
    chat = ChatOrchestrator([cloud, here])
    first = chat.invoke(PERSON)
    later = chat.invoke([HumanMessage("Who wrote?"), first, HumanMessage("And what is 2 + 2?")])
    assert first.text == later.text == "from here"
    assert later.response_metadata["orchestrator"]["private"] is True
    assert jotted(cloud) == []


def test_a_stream_leaves_its_callers_own_tracing_as_it_was(smith):
    from langsmith.run_helpers import get_tracing_context

    client = Client(api_url=smith.url, api_key="k", auto_batch_tracing=False)
    chat = ChatOrchestrator(list(pool()), policy=Policy(private=True))

    async def app():
        return [get_tracing_context()["enabled"] async for _ in chat.astream(CANARY)]

    with tracing_context(enabled=True, client=client):
        assert {get_tracing_context()["enabled"] for _ in chat.stream(CANARY)} == {True}
        assert set(asyncio.run(app())) == {True}
        assert get_tracing_context()["enabled"] is True
    client.close()


@pytest.mark.parametrize("way", WAYS)
def test_a_handler_that_an_integration_registered_for_every_run_hears_nothing(way):
    from contextvars import ContextVar

    told: ContextVar = ContextVar("told", default=None)
    register_configure_hook(told, inheritable=True)
    handler = Told()
    token = told.set(handler)
    try:
        said(ChatOrchestrator(list(pool()), policy={"private": True}), way, CANARY)
        assert handler.started == 0
        said(ChatOrchestrator(list(pool())), way, "in public")
        assert handler.started == 1
    finally:
        told.reset(token)
        from langchain_core.tracers import context

        context._configure_hooks.pop()


class Elsewhere(InMemoryCache):
    """Stands for a cache on another machine: not LangChain's own, in this process."""


def test_a_foreign_cache_is_not_told_of_a_private_call():
    foreign, own = Elsewhere(), InMemoryCache()
    for cache, kept in ((foreign, 0), (own, 1)):
        ChatOrchestrator(list(pool()), policy={"private": True}, cache=cache).invoke(CANARY)
        assert len(cache._cache) == kept


@pytest.mark.parametrize("way", WAYS)
def test_with_no_local_model_a_private_call_is_refused_and_nobody_hears_of_it(way):
    cloud, told = pool()[0], Told()
    with pytest.raises(PrivacyError, match=r"policy\.private = True and no model runs on this machine"):
        said(ChatOrchestrator([cloud], policy={"private": True}), way, CANARY, {"callbacks": [told]})
    assert (jotted(cloud), told.started, told.failed) == ([], 0, 0)


@pytest.mark.parametrize("way", WAYS)
def test_full_mode_keeps_private_text_here_too(smith, way):
    cloud, here = pool()
    told = Told()
    client = Client(api_url=smith.url, api_key="k", auto_batch_tracing=False)
    before = len(smith.seen()["bodies"])
    with tracing_context(enabled=True, client=client):
        chat = ChatOrchestrator([cloud, here], mode="full", policy={"private": True})
        answer = said(chat, way, CANARY, {"callbacks": [told]})
    client.flush()
    client.close()
    assert answer.text == "from here"
    assert (told.started, jotted(cloud)) == (0, [])
    assert CANARY not in str(smith.seen()["bodies"][before:])
