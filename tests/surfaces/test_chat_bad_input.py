"""Bad input: refused before anybody is called, with the field, the value and a way out."""

import pytest
from langchain_core.messages import HumanMessage, SystemMessage

from orchestrator_graph.errors import InputError, NoCandidateError, PolicyError, RegistryError
from orchestrator_graph.surfaces.chat_model import ChatOrchestrator
from tests.surfaces.scripted import WAYS, jotted, said, scripted

TOOL = {"type": "function", "function": {"name": "f", "description": "f", "parameters": {"type": "object"}}}
IMAGE = HumanMessage([{"type": "text", "text": "What is it?"}, {"type": "image", "url": "https://example.com/x.png"}])

CASES = {
    "no messages": (InputError, [], {}, r"messages = \[\]: give at least one message"),
    "no human message": (
        InputError,
        [SystemMessage("Be brief")],
        {},
        r"messages: none of them is a human one; the last human message is the task",
    ),
    "an empty message": (InputError, "  ", {}, r"messages: the last human message is empty; give a task in words"),
    "no room": (InputError, "Hi", {"max_tokens": 0}, r"max_tokens = 0 is no whole number above 0; leave it out"),
    "half a token": (InputError, "Hi", {"max_tokens": 1.5}, r"max_tokens = 1\.5 is no whole number"),
    "tools": (
        NoCandidateError,
        "Hi",
        {"tools": [TOOL]},
        r"tools are given.*scriptedchat:plain.*\(lacks tools\).*leave tools out",
    ),
    "an image": (NoCandidateError, [IMAGE], {}, r"scriptedchat:plain: capability \(lacks vision\).*add a model"),
    "another's model": (NoCandidateError, "Hi", {"model": "gpt-9"}, r"'gpt-9' is not in the portfolio; known: scr"),
}


@pytest.mark.parametrize("mode", ["route", "full"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", CASES)
def test_what_cannot_be_answered_is_refused_and_nobody_is_called(case, way, mode):
    kind, given, options, says = CASES[case]
    spec = scripted("plain", capabilities=frozenset({"chat"}))
    chat = ChatOrchestrator([spec], mode=mode)
    with pytest.raises(kind, match=says) as raised:
        said(chat, way, given, **options)
    assert isinstance(raised.value, ValueError)  # what LangChain's users catch
    assert jotted(spec) == []


@pytest.mark.parametrize("policy", [{"max_cost": 1}, {"tradeoff": 3}, {"min_quality": "high"}])
def test_a_wrong_policy_is_named_where_it_is_given(policy):
    with pytest.raises(PolicyError, match=next(iter(policy))) as raised:
        ChatOrchestrator([scripted()], policy=policy)
    assert isinstance(raised.value, ValueError)


def test_an_unknown_mode_is_named():
    with pytest.raises(ValueError, match=r"(?s)mode.*'route' or 'full'.*fast"):
        ChatOrchestrator([scripted()], mode="fast")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["nobody:model-1", "just-a-word"])
def test_a_model_string_that_nobody_knows_is_named(name, way):
    with pytest.raises(RegistryError, match=name) as raised:
        said(ChatOrchestrator([name]), way, "Hi")
    assert isinstance(raised.value, ValueError)
